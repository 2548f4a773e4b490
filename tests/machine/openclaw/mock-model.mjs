// SPDX-License-Identifier: LGPL-2.1-or-later
// A model for an agent under test: a server of chat completions on the loopback, as OpenAI's. It does as it is told:
//
//   a message with `COMMAND` in it         calls the tool exec with COMMAND
//   a message with "restart the gateway"    the same with the line of its instructions that begins with "cgmove restart"
//   the result of the tool                 answers "the command said: RESULT"
//
// MOCK_PORT is where it listens, MOCK_LOG a file to which it appends one JSON line a request: { role, command, said }.
import fs from "node:fs";
import http from "node:http";

const MODEL = "mock-1";
let calls = 0;

const textOf = (content) => (typeof content === "string" ? content : (content ?? []).map((part) => part.text ?? "").join("\n"));

function instructedCommand(messages, words) {
  const lines = messages
    .filter((message) => message.role === "system" || message.role === "developer")
    .flatMap((message) => textOf(message.content).split("\n"))
    .map((line) => line.trim());
  return lines.find((line) => line.startsWith(words));
}

function wantedCommand(messages, said) {
  return /restart the gateway/i.test(said) ? instructedCommand(messages, "cgmove restart ") : said.match(/`([^`]+)`/)?.[1];
}

// What the model says to this, as the delta of a completion.
function reply(messages) {
  const last = messages.at(-1) ?? {};
  const said = textOf(last.content);
  const command = last.role === "user" ? wantedCommand(messages, said) : undefined;
  fs.appendFileSync(process.env.MOCK_LOG, JSON.stringify({ role: last.role, command, said }) + "\n");
  if (last.role === "tool") return { role: "assistant", content: `the command said: ${said}` };
  if (!command) return { role: "assistant", content: "there is no command in this" };
  const call = { name: "exec", arguments: JSON.stringify({ command }) };
  return { role: "assistant", content: null, tool_calls: [{ index: 0, id: `call_${++calls}`, type: "function", function: call }] };
}

function events(delta) {
  const finish = delta.tool_calls ? "tool_calls" : "stop";
  const chunk = (choices, more) => ({ id: "mock", object: "chat.completion.chunk", created: 0, model: MODEL, choices, ...more });
  return [
    chunk([{ index: 0, delta, finish_reason: null }]),
    chunk([{ index: 0, delta: {}, finish_reason: finish }]),
    chunk([], { usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 } }),
  ];
}

function answer(request, response, body) {
  if (request.method !== "POST") {
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ object: "list", data: [{ id: MODEL, object: "model" }] }));
    return;
  }
  response.writeHead(200, { "content-type": "text/event-stream" });
  for (const event of events(reply(JSON.parse(body).messages))) response.write(`data: ${JSON.stringify(event)}\n\n`);
  response.end("data: [DONE]\n\n");
}

http
  .createServer((request, response) => {
    let body = "";
    request.on("data", (part) => (body += part));
    request.on("end", () => answer(request, response, body));
  })
  .listen(Number(process.env.MOCK_PORT), "127.0.0.1");
