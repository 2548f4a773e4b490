#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What can be said on the private socket, and what should not be: authentications, headers, bodies, pieces and descriptors that
no library would send. (Threat 17.)

  wire.py auth JOB          every wrong way to begin; JOB is another user's, which no claim may show
  wire.py headers           messages whose header is odd
  wire.py bodies            arguments and options of wrong types, in wrong numbers, too deep, too many
  wire.py strings FILE      every option that takes a text, with each text of FILE (hexadecimal, one a line)
  wire.py descriptors       announced and not sent, sent and not announced, too many, of other kinds
  wire.py cut               a good call that ends at every byte
  wire.py mixed             good calls in pieces, over several connections at a time
  wire.py mutated N SEED    N good calls with some bytes changed

Prints "tried N WHAT" for each; what must not happen ends it with a message and status 1. Nothing of this may make a job,
except where "made N" says how many it has made.
"""
import array
import os
import random
import socket
import sys

from odd_messages import (HARMLESS, JOB, METHODS, PROPERTIES, call_fields, entries, get_body, header, method_call, move, number, options, text,
                          values, variant, version)
from peer import MANAGER, PATH, Closed, Peer, Writer, begin_children, message, run_verb

REPLY, ERROR = 2, 3


def fail(*what):
    print("failed:", *what)
    sys.exit(1)


def tried(number, *what):
    print("tried", number, *what)


def connect(timeout=20):
    peer = Peer()
    peer.sock.settimeout(timeout)
    return peer


def check_honest():
    """The daemon serves others meanwhile."""
    if not connect().authenticate().ping():
        fail("an honest client is not answered")


def exchange(peer, raw, fds=()):
    """Sends RAW and a good call after it: ("reply" or "error: NAME" or "nothing" for RAW, whether the good one was answered)."""
    try:
        if fds:
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))
            sent = peer.sock.sendmsg([raw], [rights])
            peer.sock.sendall(raw[sent:])
        else:
            peer.sock.sendall(raw)
        peer.sock.sendall(version(0x7fffffff))
        first = "nothing"
        while True:
            serial, kind, error, _ = peer.receive()
            if serial == 0x7fffffff:
                return first, True
            first = "reply" if kind == REPLY else "error: " + error
    except (Closed, OSError, socket.timeout, UnicodeDecodeError):
        return "closed", False


# --- authentication -----------------------------------------------------------------------------------------------------

def own_uid():
    return str(os.getuid()).encode().hex().encode()


def bad_beginnings():
    good = b"\0AUTH EXTERNAL " + own_uid() + b"\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n"
    yield from (good[:n] for n in range(len(good)))
    yield b""
    yield good[1:]  # no NUL
    yield b"\0" + good
    yield b"\1" + good[1:]
    yield b"\0BEGIN\r\n"
    yield b"\0AUTH\r\nBEGIN\r\n"
    yield b"\0AUTH ANONYMOUS\r\nBEGIN\r\n"
    yield b"\0AUTH ANONYMOUS 6d65\r\nBEGIN\r\n"
    yield b"\0AUTH DBUS_COOKIE_SHA1 " + own_uid() + b"\r\nBEGIN\r\n"
    yield b"\0AUTH KERBEROS_V4\r\nBEGIN\r\n"
    yield b"\0AUTH EXTERNAL 3\r\nBEGIN\r\n"  # half a byte
    yield b"\0AUTH EXTERNAL zz\r\nBEGIN\r\n"
    yield b"\0auth external " + own_uid() + b"\r\nbegin\r\n"
    yield b"\0AUTH EXTERNAL " + own_uid() + b"\nBEGIN\n"
    yield b"\0AUTHEXTERNAL\r\nBEGIN\r\n"
    yield b"\0NEGOTIATE_UNIX_FD\r\nBEGIN\r\n"
    yield b"\0DATA\r\nBEGIN\r\n"
    yield b"\0CANCEL\r\nERROR\r\nBEGIN\r\n"
    yield b"\0AUTH EXTERNAL \0\r\nBEGIN\r\n"
    for size in (4096, 65536, 100 * 1024):
        yield b"\0AUTH EXTERNAL " + b"3" * size + b"\r\n"
        yield b"\0" + b"X" * size + b"\r\nBEGIN\r\n"
        yield b"\0" + b"AUTH\r\n" * (size // 6) + b"BEGIN\r\n"
        yield b"\0" + b"\r\n" * (size // 2) + b"BEGIN\r\n"
    yield b"GET / HTTP/1.1\r\n\r\n"
    yield bytes(range(256)) * 64


def hear(peer):
    """All that comes within a moment of silence."""
    peer.sock.settimeout(0.05)
    heard = b""
    try:
        while part := peer.sock.recv(65536):
            heard += part
    except OSError:
        pass
    return heard


def verb_auth(args):
    count = 0
    for beginning in bad_beginnings():
        peer = connect()
        try:
            peer.sock.sendall(beginning + version())
        except OSError:
            pass
        if b"l\x02" in hear(peer):
            fail("a call is answered after", beginning[:80])
        count += 1
    check_honest()
    tried(count, "wrong beginnings, each with a call behind it")

    claims = [b"", b"0", b"1001", b"-1", b"4294967295", b"0\0", b"root", b"999999999999999999999"]
    for claim in claims:
        for line in (b"AUTH EXTERNAL " + claim.hex().encode(), b"AUTH EXTERNAL\r\nDATA " + claim.hex().encode()):
            peer = connect()
            body = Writer()
            body.fixed("Q", 8, int(args[0]))
            peer.sock.sendall(b"\0" + line + b"\r\nBEGIN\r\n" + message(1, PATH, MANAGER, "GetJob", "t", body.data))
            heard = hear(peer)
            if b"l\x02" in heard:
                fail("the job of another is shown to who claims to be", claim)
            if b"l\x03" in heard and b"NoSuchJob" not in heard:
                fail("another error than NoSuchJob for", claim, heard[-100:])
    tried(2 * len(claims), "claims to be another user")
    check_honest()


# --- headers --------------------------------------------------------------------------------------------------------------

# what is well formed, strange as it is, and must be answered
GOOD_HEADERS = {
    "big endian": lambda: header("B", fields=call_fields(), body=get_body(">")),
    "unknown header field": lambda: header(fields=call_fields(more=[(200, "u", number(5))]), body=get_body()),
    "flags": lambda: header(flags=6, fields=call_fields(), body=get_body()),
    "forged sender": lambda: header(fields=call_fields(more=[(7, "s", text("org.freedesktop.DBus"))]), body=get_body()),
    "sender of a bus": lambda: header(fields=call_fields(more=[(7, "s", text(":1.0"))]), body=get_body()),
}


def bad_headers():
    yield "protocol 0", header(protocol=0, fields=call_fields(), body=get_body())
    yield "protocol 3", header(protocol=3, fields=call_fields(), body=get_body())
    yield "serial 0", header(serial=0, fields=call_fields(), body=get_body())
    for order in "bLX\0\xff":
        yield "endianness " + repr(order), header(order, fields=call_fields(), body=get_body())
    for kind in (0, 2, 3, 4, 5, 255):
        yield "type %d" % kind, header(kind=kind, fields=call_fields(), body=get_body())
        yield "answer type %d" % kind, header(kind=kind, fields=call_fields(more=[(5, "u", number(1))]), body=get_body())
        yield "error type %d" % kind, header(kind=kind, fields=[(4, "s", text("a.b")), (5, "u", number(1))])
    yield "reply serial on a call", header(fields=call_fields(more=[(5, "u", number(9))]), body=get_body())
    for missing in ("path", "member"):
        yield "no " + missing, header(fields=call_fields(**{missing: None}), body=get_body())
    yield "no signature", header(fields=call_fields(signature=None), body=get_body())
    for path in ("", "/", "//", "/a/", "a", "/org/cgmove1/job/..", "/org/cgmove1/job/1/../2", "/org/cgmove1/\xe9", "/org/cgmove1/job/",
                 "/org/cgmove1/job/-1", "/org/cgmove1/job/99999999999999999999999", "/org/cgmove1/job/0x1", "/a" * 60000):
        yield "path " + path[:30], header(fields=call_fields(path=path.encode("latin-1")), body=get_body())
    for name in ("", "a", ".", "a..b", "a.b.", "1.2", "a.b\n", "a.\x1b", "x" * 256 + ".y"):
        yield "interface " + name[:30], header(fields=call_fields(interface=name), body=get_body())
        yield "member " + name[:30], header(fields=call_fields(member=name + "."), body=get_body())
    for signature in ("", "s", "a", "(", "()", "a{s}", "a{vs}", "z", "a" * 33 + "y", "(" * 33 + "y" + ")" * 33, "a" * 255, "r", "e"):
        yield "signature " + signature[:30], header(fields=call_fields(signature=signature), body=get_body())
    for size in (0, 1, 7, len(get_body()) - 1, (1 << 32) - 1, 1 << 31, 128 << 20, (128 << 20) + 1):
        yield "body size %d" % size, header(fields=call_fields(), body=get_body(), body_size=size)
        yield "fields size %d" % size, header(fields=call_fields(), body=get_body(), fields_size=size)
    for code in range(0, 10):
        yield "field %d of a wrong type" % code, header(fields=call_fields(more=[(code, "y", b"\1")]), body=get_body())
        yield "field %d twice" % code, header(fields=call_fields(more=[(code, "s", text("a.b"))] * 2), body=get_body())
        yield "field %d as a variant of variants" % code, header(fields=call_fields(more=[(code, "v" * 200, b"\1v\0" * 200)]), body=get_body())
    for raw in (b"\xff\xfe", b"\xc0\xaf", b"\xed\xa0\x80", b"a\0b", b"\xf4\x90\x80\x80"):
        yield "text %r in the interface" % raw, header(fields=call_fields(interface=raw + b".b"), body=get_body())
    yield "unknown fields without end", header(fields=call_fields(more=[(200, "u", number(i)) for i in range(12000)]), body=get_body())


def verb_headers(_):
    for name, make in GOOD_HEADERS.items():
        said, _ = exchange(connect().authenticate(), make())
        if said != "reply":
            fail("no answer to", name, said)
    count = 0
    for name, raw in bad_headers():
        said, _ = exchange(connect(2).authenticate(), raw)
        if said == "reply" and "no signature" not in name and "as a variant" not in name:
            # what is not wrong in the letter may be answered: the path of a Get need not be that of an object
            if not any(word in name for word in ("field 0", "unknown", "field 6", "field 7", "field 9", "twice", "fields size")):
                fail("an answer to", name)
        count += 1
    check_honest()
    tried(len(GOOD_HEADERS), "strange headers that are good")
    tried(count, "headers that are wrong")


# --- bodies -----------------------------------------------------------------------------------------------------------------

def verb_bodies(args):
    count = 0
    for method, (_, _, keys) in METHODS.items():
        for key in keys:
            for name, write in values():
                if key == "self" and name[0] == "b":
                    continue  # that is a good call
                for several in (1, 2, 300):
                    if several == 300 and name not in ("s", "b", "a{sv}"):
                        continue
                    raw = method_call(method, entries([(key, write)] * several), args[0])
                    said, _ = exchange(connect(5).authenticate(), raw)
                    if said == "reply" and method not in HARMLESS:
                        fail(method, key, name, several, "is answered")
                    count += 1
    check_honest()
    tried(count, "options of every type to every method, also twice and 300 times")
    count = 0
    for method, (interface, _, _) in METHODS.items():
        path = PATH if interface == MANAGER else PATH + "/job/" + args[0]
        for signature, body in (("", b""), ("s", options([])), ("t", bytes(8)), ("v", b"\1y\0\7"), ("a{ss}", options([])), ("ah", bytes(4)),
                                ("a{sv}a{sv}", bytes(16)), ("aha{sv}u", bytes(16)), ("(aha{sv})", bytes(16)), ("ia{sv}", b"\377" * 16)):
            said, _ = exchange(connect(5).authenticate(), message(1, path, interface, method, signature, body))
            if said == "reply":
                fail(method, "with the signature", signature, "is answered")
            count += 1
    check_honest()
    tried(count, "calls with other arguments than the method has")


def verb_strings(args):
    """Each text as each option that takes one, and as the key: none is taken that is not plain; "made" says how many jobs there are."""
    with open(args[0], encoding="ascii") as file:
        texts = [bytes.fromhex(line.strip()) for line in file]
    made = count = 0
    for raw in texts:
        value = raw.decode("utf-8", "surrogateescape")
        for key in ("name", "command", "log", "log-directory", "restart", "kind"):
            if key.startswith("log") and not value.startswith("/"):
                entry = [("self", "b", True), (key, "s", "/home/alice/" + value)]
            else:
                entry = [("self", "b", True), (key, "s", value)]
            child = os.fork()
            if child == 0:
                said, _ = exchange(connect().authenticate(), move(entry))
                os._exit(0 if said == "reply" else 1)
            made += os.waitpid(child, 0)[1] == 0
            count += 1
        for method, key in (("Explain", "source"), ("Report", "outcome"), ("Move", value), ("ListJobs", value), ("Stop", value)):
            write = variant("s", lambda writer: writer.string(value))
            exchange(connect().authenticate(), method_call(method, entries([(key, write)]), "1"))
            count += 1
    check_honest()
    tried(count, "texts as name, command, log, folder, unit, kind, source, outcome and option")
    print("made", made)


# --- descriptors, pieces, mutations -------------------------------------------------------------------------------------------

def verb_descriptors(_):
    count = 0
    null = os.open("/dev/null", os.O_RDONLY)
    own = os.pidfd_open(os.getpid())
    memory = os.memfd_create("x")
    ends = os.pipe()
    directory = os.open("/proc/self", os.O_RDONLY)
    pair = socket.socketpair()
    kinds = [null, memory, ends[0], directory, pair[0].fileno(), os.eventfd(0)]

    def announce(n, handles=1, method="Move"):
        """A call that announces N descriptors, with the first of them as its process, as often as HANDLES."""
        body = Writer()
        body.array(4, [0] * handles, lambda i: body.fixed("I", 4, i))
        body.options([])
        return message(1, PATH, MANAGER, method, "aha{sv}", body.data, n)

    for fd in kinds:  # no process
        said, _ = exchange(connect().authenticate(), announce(1), [fd])
        if said == "reply":
            fail("a descriptor that is no process is moved")
        count += 1
    for announced, sent in ((1, 0), (2, 1), (0, 1), (0, 2), (1, 2), (1, 128), (0, 128), (128, 1), (4000000000, 1), (253, 253), (129, 129), (0, 253)):
        said, _ = exchange(connect(2).authenticate(), announce(announced), [own] * sent)
        if said == "reply":
            fail(sent, "descriptors sent,", announced, "announced: answered")
        count += 1
    # each handle costs a look, whatever descriptor it names
    for method, handles, expected in (("Check", 128, "reply"), ("Check", 129, "LimitReached"), ("Check", 65000, "LimitReached"),
                                      ("Move", 129, "LimitReached"), ("Move", 65000, "LimitReached")):
        said, _ = exchange(connect().authenticate(), announce(1, handles, method), [own])
        if not said.endswith(expected):
            fail(method, "of one process by", handles, "handles:", said)
        count += 1
    for piece in (1, 8, 16, 40):  # a few with every few bytes of a message that is never whole
        peer = connect(2).authenticate()
        raw = announce(1)
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [null] * 100))]
        try:
            for at in range(0, len(raw) - 1, piece):
                peer.sock.sendmsg([raw[at:at + piece][:len(raw) - 1 - at]], rights)
                count += 1
        except OSError:
            pass
    for beginning in (b"\0", b"\0AUTH EXTERNAL " + own_uid() + b"\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n"):  # before a first message
        for _ in range(5):
            peer = connect(2)
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [null] * 200))]
            try:
                peer.sock.sendmsg([beginning], rights)
                peer.sock.sendall(version())
            except OSError:
                pass
            hear(peer)
            count += 1
    peer = connect(2)  # descriptors without having asked for them
    peer.sock.sendall(b"\0AUTH EXTERNAL " + own_uid() + b"\r\nBEGIN\r\n")
    hear(peer)
    said, _ = exchange(peer, announce(1), [own])
    if said == "reply":
        fail("a process is taken that came without negotiation")
    check_honest()
    tried(count + 1, "messages with descriptors of other kinds and numbers")


def verb_cut(_):
    body = Writer()
    body.array(4, [0], lambda i: body.fixed("I", 4, i))
    body.options([("name", "s", "cut")])
    raw = message(1, PATH, MANAGER, "Move", "aha{sv}", body.data, 1)
    pid = begin_children(1)[0]
    fd = os.pidfd_open(pid)
    begin = b"\0AUTH EXTERNAL " + own_uid() + b"\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n"
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))]
    for at in range(len(raw)):
        for shut in (False, True):  # closed, or only shut down in one direction
            peer = connect().authenticate()
            if at > 0:
                peer.sock.sendmsg([raw[:at]], rights)
            if shut:
                peer.sock.shutdown(socket.SHUT_WR)
                if hear(peer):
                    fail("an answer to a call that ends at", at)
            peer.sock.close()
    whole = begin + raw
    for at in range(1, len(begin)):
        peer = connect()
        peer.sock.sendall(whole[:at])
        peer.sock.close()
    check_honest()
    with open("/proc/%d/cgroup" % pid, encoding="ascii") as file:
        if "job-" in file.read():
            fail("the process of calls that were cut was moved")
    tried(2 * len(raw) + len(begin) - 1, "calls cut at every byte")


def verb_mixed(_):
    """Ten connections, each call in pieces of random size, in turn; all are answered, though none was whole at a time."""
    chance = random.Random(17)
    count = 0
    for _ in range(10):
        peers = [connect().authenticate() for _ in range(10)]
        left = [version(n + 1) + version(n + 100) for n in range(10)]
        while any(left):
            n = chance.choice([i for i in range(10) if left[i]])
            size = chance.randrange(1, 40)
            peers[n].sock.sendall(left[n][:size])
            left[n] = left[n][size:]
        for n, peer in enumerate(peers):
            for serial in (n + 1, n + 100):
                answer = peer.receive()
                if answer[0] != serial or answer[1] != REPLY:
                    fail("the answer to a call in pieces is", answer)
                count += 1
    peer = connect().authenticate()
    for byte in version(1):
        peer.sock.sendall(bytes([byte]))
    if peer.receive()[1] != REPLY:
        fail("a call that comes byte by byte is not answered")
    # two messages mixed into one connection are none
    one, two = version(1), version(2)
    peer = connect(2).authenticate()
    peer.sock.sendall(b"".join(one[i:i + 8] + two[i:i + 8] for i in range(0, len(one), 8)))
    heard = hear(peer)
    if heard.count(b"l\x02") > 1:
        fail("two calls that are mixed are answered")
    check_honest()
    tried(count + 2, "calls in pieces")


def verb_mutated(args):
    """Mutations of calls that change nothing, and of moves of nobody."""
    total, chance = int(args[0]), random.Random(int(args[1]))
    body = Writer()
    body.fixed("Q", 8, 1)
    seeds = [version(), move([("name", "s", "mutated"), ("kind", "s", "run")]), message(1, PATH, MANAGER, "GetJob", "t", body.data),
             message(1, PATH, MANAGER, "ListJobs", "a{sv}", options([("all", "b", True)])),
             message(1, PATH, MANAGER, "Explain", "a{sv}", options([("source", "s", "session"), ("uid", "u", 0)])),
             message(1, PATH + "/job/1", JOB, "Wait", "a{sv}", options([])),
             message(1, PATH, "org.freedesktop.DBus.Introspectable", "Introspect", "", b""),
             message(1, PATH, PROPERTIES, "GetAll", "s", get_body()[:24])]
    answered = 0
    for i in range(total):
        raw = bytearray(chance.choice(seeds))
        for _ in range(chance.choice((1, 1, 2, 4, 16))):
            at = chance.randrange(len(raw))
            raw[at] = chance.choice((0, 1, 0x7f, 0x80, 0xff, raw[at] ^ 1 << chance.randrange(8), chance.randrange(256)))
        if chance.random() < 0.1:
            raw[3] = 2  # some versions of sd-bus read a format of their own then
        if chance.random() < 0.1:
            del raw[chance.randrange(len(raw)):]
        peer = connect().authenticate()
        try:
            peer.sock.sendall(bytes(raw))
            peer.sock.shutdown(socket.SHUT_WR)
            while part := peer.sock.recv(65536):
                answered += part.count(b"l\x02")
        except OSError:
            pass
        peer.sock.close()
        if i % 500 == 0:
            check_honest()
    check_honest()
    tried(total, "calls with some bytes changed")


if __name__ == "__main__":
    sys.exit(run_verb(globals(), __doc__))
