#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A client of the private socket that does what no good client does: a few lines of D-Bus, to say things on the wire that a
library would not let pass.

  peer.py move [--pid PID]... [--children N] [--name TEXT] [--repeat N] [--key KEY]
  peer.py connections N            opens N connections at once, prints how many are answered
  peer.py waits JOB N              N calls of Wait on one connection, prints how many are refused at once
  peer.py message BYTES            a message of this size
  peer.py garbage                  what is no D-Bus at all; half a message; a connection that says nothing
  peer.py signature                a Move with arguments of the wrong types
  peer.py sender                   a call with a forged sender field
  peer.py restart UNIT [--repeat N] [--kind KIND] [--tree] [--also N]
                                   a Move with the option restart, of N children (1); "%d" is the number of the time, and
                                   "hex=" goes before a name that no command line can have
  peer.py inside UNIT WORD...      moves itself into a job that restarts UNIT, and says each word to that job: the name of a method
                                   (GetUnit), a field of what GetUnit answers (.ActiveState), report=TEXT, report-bytes=N,
                                   report-raw=HEX, finish=N, sleep=SECONDS, wait=FILE, spawn (a child that stays),
                                   or another job's number, which the words after it are said to
  peer.py job ID WORD...           the same words to a job that it is not in
  peer.py huge                     a header that announces an array of 64 MiB

Prints one line: the answer, the name of the error and its message, or "closed".
"""
import array
import atexit
import os
import signal
import socket
import struct
import sys
import time

SOCKET = "/run/cgmove/private"
PATH = "/org/cgmove1"
MANAGER = "org.cgmove1.Manager"
TIMEOUT = 60


# --- D-Bus: little endian, the few types that are needed -------------------------------------------------------------

class Writer:
    def __init__(self):
        self.data = bytearray()

    def align(self, n):
        self.data += bytes(-len(self.data) % n)

    def fixed(self, code, size, value):
        self.align(size)
        self.data += struct.pack("<" + code, value)

    def string(self, text):
        raw = text.encode("utf-8", "surrogateescape")
        self.fixed("I", 4, len(raw))
        self.data += raw + b"\0"

    def signature(self, text):
        self.data += bytes([len(text)]) + text.encode() + b"\0"

    def value(self, kind, value):
        if kind in "sog" and kind != "g":
            self.string(value)
        elif kind == "g":
            self.signature(value)
        elif kind in ("u", "h"):
            self.fixed("I", 4, value)
        elif kind == "b":
            self.fixed("I", 4, int(value))
        elif kind == "i":
            self.fixed("i", 4, value)
        elif kind == "t":
            self.fixed("Q", 8, value)
        else:
            raise ValueError(kind)

    def array(self, alignment, items, write_item):
        self.align(4)
        at = len(self.data)
        self.data += bytes(4)
        self.align(alignment)
        start = len(self.data)
        for item in items:
            write_item(item)
        struct.pack_into("<I", self.data, at, len(self.data) - start)

    def options(self, entries):
        """a{sv} of (key, kind, value)"""
        def entry(item):
            self.align(8)
            self.string(item[0])
            self.signature(item[1])
            self.value(item[1], item[2])
        self.array(8, entries, entry)


def raw_message(kind, serial, fields, body, flags=0):
    """A message of any kind (1: call, 2: reply, 3: error, 4: signal), with FIELDS as (code, signature, value)."""
    header = Writer()
    header.data += struct.pack("<cBBBII", b"l", kind, flags, 1, len(body), serial)

    def field(item):
        header.align(8)
        header.data.append(item[0])
        header.signature(item[1])
        header.value(item[1], item[2])
    header.array(8, fields, field)
    header.align(8)
    return bytes(header.data) + bytes(body)


def message(serial, path, interface, member, signature, body, fds=0, sender=None, destination=None):
    """A call."""
    fields = [(1, "o", path), (2, "s", interface), (3, "s", member)]
    if destination:
        fields.append((6, "s", destination))
    if sender:
        fields.append((7, "s", sender))
    if signature:
        fields.append((8, "g", signature))
    if fds:
        fields.append((9, "u", fds))
    return raw_message(1, serial, fields, body)


class Closed(Exception):
    pass


class Peer:
    descriptors = ()  # that have come with answers

    def __init__(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(TIMEOUT)
        self.sock.connect(SOCKET)
        self.serial = 0
        self.buffer = b""

    def authenticate(self, uid=None):
        """As the user that the kernel tells of us, or as another."""
        uid = str(os.geteuid() if uid is None else uid).encode().hex()
        self.sock.sendall(b"\0AUTH EXTERNAL " + uid.encode() + b"\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n")
        # sd-bus may answer both lines at once
        while self.buffer.count(b"\r\n") < 2:
            self.fill()
        self.buffer = self.buffer.split(b"\r\n", 2)[2]
        return self

    def fill(self):
        try:
            part, descriptors, _, _ = socket.recv_fds(self.sock, 65536, 16)
            self.descriptors += tuple(descriptors)
        except ConnectionError:
            part = b""
        if not part:
            raise Closed()
        self.buffer += part

    def take(self, n):
        while len(self.buffer) < n:
            self.fill()
        taken, self.buffer = self.buffer[:n], self.buffer[n:]
        return taken

    def send(self, path, interface, member, signature="", body=b"", fds=(), sender=None, destination=None):
        self.serial += 1
        raw = message(self.serial, path, interface, member, signature, body, len(fds), sender, destination)
        try:
            if fds:
                rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))
                sent = self.sock.sendmsg([raw], [rights])
                self.sock.sendall(raw[sent:])
            else:
                self.sock.sendall(raw)
        except (BrokenPipeError, ConnectionError) as error:
            raise Closed() from error

    def receive(self):
        """Returns (serial, type, error name or "", body) of the next answer."""
        fixed = self.take(16)
        body_size, _, fields_size = struct.unpack_from("<III", fixed, 4)
        fields = self.take((fields_size + 7) // 8 * 8)[:fields_size]
        body = self.take(body_size)
        error, serial = "", 0
        at = 0
        while at < len(fields):
            at = (at + 7) // 8 * 8
            code, length = fields[at], fields[at + 1]
            kind = fields[at + 2:at + 2 + length].decode()
            at += 3 + length
            if kind == "g":
                at += fields[at] + 2
                continue
            at = (at + 3) // 4 * 4
            (number,) = struct.unpack_from("<I", fields, at)
            at += 4
            if kind in "so":
                if code == 4:
                    error = fields[at:at + number].decode()
                at += number + 1
            elif code == 5:
                serial = number
        return serial, fixed[1], error, body

    def answer(self):
        """The next answer as text."""
        _, _, error, body = self.receive()
        if error:
            (length,) = struct.unpack_from("<I", body)
            return error + " " + body[4:4 + length].decode()
        if len(body) == 8:
            return str(struct.unpack("<Q", body)[0])
        return "ok"

    def ping(self):
        body = Writer()
        body.string(MANAGER)
        body.string("Version")
        self.send(PATH, "org.freedesktop.DBus.Properties", "Get", "ss", body.data)
        return self.answer()

    def move(self, pids, options):
        fds = [os.pidfd_open(pid) for pid in pids]
        body = Writer()
        body.array(4, range(len(fds)), lambda i: body.fixed("I", 4, i))
        body.options(options)
        try:
            self.send(PATH, MANAGER, "Move", "aha{sv}", body.data, fds)
        finally:
            for fd in fds:
                os.close(fd)
        return self.answer()


def read_options(body):
    """The basic values of an a{sv} as a dictionary."""
    found, at = {}, 8
    (size,) = struct.unpack_from("<I", body)
    end = at + size

    def text(at):
        at = (at + 3) // 4 * 4
        (length,) = struct.unpack_from("<I", body, at)
        return body[at + 4:at + 4 + length].decode(), at + 5 + length
    while at < end:
        at = (at + 7) // 8 * 8
        key, at = text(at)
        length = body[at]
        kind = body[at + 1:at + 1 + length].decode()
        at += length + 2
        if kind == "s":
            found[key], at = text(at)
        else:
            size = 8 if kind == "t" else 4
            at = (at + size - 1) // size * size
            (found[key],) = struct.unpack_from("<Q" if kind == "t" else "<I", body, at)
            at += size
    return found


# --- what can be asked for ------------------------------------------------------------------------------------------------

def take_all(args, name):
    values = []
    while name in args:
        at = args.index(name)
        values.append(args[at + 1])
        del args[at:at + 2]
    return values


def begin_children(count):
    pids = []
    for _ in range(count):
        pid = os.fork()
        if pid == 0:
            signal.pause()
        pids.append(pid)
    atexit.register(lambda: [os.kill(pid, signal.SIGKILL) for pid in pids])
    return pids


def verb_move(args):
    pids = [int(pid) for pid in take_all(args, "--pid")]
    children = take_all(args, "--children")
    if children:
        pids = begin_children(int(children[0]))
    elif not pids:
        pids = [os.getpid()]
    repeat = int((take_all(args, "--repeat") or ["1"])[0])
    options = [("name", "s", name) for name in take_all(args, "--name")]
    options += [(key, "s", "x") for key in take_all(args, "--key")]
    peer = Peer().authenticate()
    for _ in range(repeat):
        print(peer.move(pids, options))


def verb_restart(args):
    repeat = int((take_all(args, "--repeat") or ["1"])[0])
    count = int((take_all(args, "--also") or ["1"])[0])
    options = [("kind", "s", kind) for kind in take_all(args, "--kind")]
    if "--tree" in args:
        args.remove("--tree")
        options.append(("tree", "b", True))
    unit = bytes.fromhex(args[0][4:]).decode("utf-8", "surrogateescape") if args[0].startswith("hex=") else args[0]
    peer = Peer().authenticate()
    pids = begin_children(count)
    for i in range(repeat):
        name = unit.replace("%d", str(i))
        print(peer.move(pids, options + [("restart", "s", name)]), flush=True)


class JobPeer:
    """Words to a job."""

    def __init__(self, job):
        self.job = job
        self.peer = Peer().authenticate()

    def call(self, method, options=()):
        body = Writer()
        body.options(options)
        self.peer.send(PATH + "/job/" + self.job, "org.cgmove1.Job", method, "a{sv}", body.data)
        return self.peer.receive()

    def say(self, word):
        if word.isdigit():
            self.job = word
            return "now " + word
        if word.startswith("sleep="):
            time.sleep(float(word[6:]))
            return "slept"
        if word.startswith("wait="):
            while not os.path.exists(word[5:]):
                time.sleep(0.05)
            return "waited"
        if word == "spawn":
            os.spawnlp(os.P_NOWAIT, "sleep", "sleep", "120")
            return "spawned by leader %d" % os.getpid()
        field = None
        if word.startswith("report="):
            answer = self.call("Report", [("outcome", "s", word[7:])])
        elif word.startswith("report-bytes="):
            answer = self.call("Report", [("outcome", "s", "{" + "x" * (int(word[13:]) - 2) + "}")])
        elif word.startswith("report-raw="):
            answer = self.call("Report", [("outcome", "s", bytes.fromhex(word[11:]).decode("utf-8", "surrogateescape"))])
        elif word.startswith("report-key="):
            answer = self.call("Report", [(word[11:], "s", "{}")])
        elif word.startswith("finish="):
            answer = self.call("Finish", [("exit-code", "i", int(word[7:]))])
        elif word.startswith("."):
            field = word[1:]
            answer = self.call("GetUnit")
        else:
            method, _, key = word.partition(":")
            answer = self.call(method, [(key, "s", "x")] if key else [])
        _, _, error, body = answer
        if error:
            (length,) = struct.unpack_from("<I", body)
            return error + " " + body[4:4 + length].decode()
        if field:
            return str(read_options(body).get(field))
        if word in ("RestartUnit", "StartUnit"):
            (length,) = struct.unpack_from("<I", body)
            return body[4:4 + length].decode()
        return "ok"

    def say_all(self, words):
        for word in words:
            try:
                print(self.say(word), flush=True)
            except Closed:
                print("closed", flush=True)
                self.peer = Peer().authenticate()


def verb_inside(args):
    job = Peer().authenticate().move([os.getpid()], [("restart", "s", args[0])])
    print(job, flush=True)
    if job.isdigit():
        JobPeer(job).say_all(args[1:])


def verb_job(args):
    JobPeer(args[0]).say_all(args[1:])


def verb_connections(args):
    answered = 0
    peers = []
    for _ in range(int(args[0])):
        try:
            peer = Peer()
            peers.append(peer)
            peer.authenticate().ping()
            answered += 1
        except (Closed, OSError):
            pass
    print(answered)


def verb_waits(args):
    job, count = args[0], int(args[1])
    peer = Peer().authenticate()
    body = Writer()
    body.options([])
    for _ in range(count):
        peer.send(PATH + "/job/" + job, "org.cgmove1.Job", "Wait", "a{sv}", body.data)
    # those that are let in stay without an answer
    peer.sock.settimeout(3)
    refused = 0
    try:
        while True:
            if "Busy" in peer.answer():
                refused += 1
    except (socket.timeout, Closed):
        pass
    print(refused)


def verb_message(args):
    peer = Peer().authenticate()
    body = Writer()
    body.options([("name", "s", "x" * int(args[0]))])
    full = Writer()
    full.array(4, [], None)
    full.options([("name", "s", "x" * int(args[0]))])
    peer.send(PATH, MANAGER, "Move", "aha{sv}", full.data)
    print(peer.answer())


def verb_garbage(_):
    for raw in (b"GET / HTTP/1.1\r\n\r\n", b"\0AUTH EXTERNAL 30\r\nBEGIN\r\n", bytes(range(256)) * 64, b"\0" * 70000):
        peer = Peer()
        try:
            peer.sock.sendall(raw)
            peer.sock.settimeout(1)
            peer.sock.recv(4096)
        except OSError:
            pass
    peer = Peer().authenticate()
    peer.sock.sendall(message(1, PATH, MANAGER, "ListJobs", "a{sv}", bytes(8))[:20])
    idle = Peer()
    # the daemon goes on serving while both are open
    print("ok" if Peer().authenticate().ping() else "")
    del peer, idle


def verb_signature(_):
    peer = Peer().authenticate()
    body = Writer()
    body.string("nonsense")
    peer.send(PATH, MANAGER, "Move", "s", body.data)
    print(peer.answer())


def verb_sender(_):
    peer = Peer().authenticate()
    body = Writer()
    body.array(4, [], None)
    body.options([])
    peer.send(PATH, MANAGER, "ListJobs", "a{sv}", body.data[4:], sender="org.freedesktop.DBus")
    print(peer.answer())


def verb_huge(_):
    peer = Peer().authenticate()
    raw = bytearray(message(1, PATH, MANAGER, "Move", "aha{sv}", b""))
    struct.pack_into("<I", raw, 4, 64 << 20)
    peer.sock.sendall(bytes(raw))
    try:
        for _ in range(1024):
            peer.sock.sendall(bytes(65536))
    except OSError:
        pass
    print(peer.answer())


def run_verb(names, doc):
    """Of a program with functions verb_X(args), NAMES: calls the one that the first argument names with those behind it. Returns the
    status to exit with; without such a verb it says DOC."""
    verbs = {name[5:].replace("_", "-"): verb for name, verb in names.items() if name.startswith("verb_")}
    args = sys.argv[1:]
    if not args or args[0] not in verbs:
        print(doc, file=sys.stderr)
        return 2
    verbs[args[0]](args[1:])
    return 0


def main():
    try:
        return run_verb(globals(), __doc__)
    except Closed:
        print("closed")
        return 0


if __name__ == "__main__":
    sys.exit(main())
