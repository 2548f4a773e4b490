// In place of a dependency that comes from git: nothing under test encrypts messages of a messenger.
function missing() {
  throw new Error("this libsignal is empty");
}

export {
  missing as calculateMAC,
  missing as calculateSignature,
  missing as decrypt,
  missing as deriveSecrets,
  missing as encrypt,
  missing as generateKeyPair,
  missing as verifySignature,
};
