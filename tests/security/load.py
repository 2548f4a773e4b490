#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Many who behave badly at once, and one who does not. (Threat 11.)

  load.py attack USERS EACH   as root: EACH connections of each of USERS users, until SIGTERM; "ready" when all are open, "tried"
                              lines at the end
  load.py honest N            N moves of a child, each over a connection of its own: the median and the longest time they took
                              in microseconds, and how many failed
  load.py churn N             N jobs that end at once, over one connection

and until they are ended, with calls that look at CHILDREN processes each, of which there is only the caller's word that it
is his own affair; "ready" when they begin:

  load.py hang-ups THREADS CHILDREN      calls that want no answer, each hundred on a connection that is shut down behind them
  load.py serial CHILDREN                one call after the other, each on a connection of its own that is shut down then
  load.py unread CONNECTIONS CHILDREN    answers that are not read, but for those of the first, in sips; "closed" for each that was closed

  load.py crowd CALLS CHILDREN FILE      CALLS of them at once when there is FILE; prints the answers
"""
import array
import os
import random
import select
import signal
import socket
import sys
import threading
import time

from peer import MANAGER, PATH, SOCKET, Closed, Peer, Writer, begin_children, message, raw_message, run_verb
from odd_messages import deep_variant, entries, header, call_fields, get_body, method_call, options, version

BEGIN = b"\0AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n"
NULL = os.open("/dev/null", os.O_RDONLY)
LIST = message(1, PATH, MANAGER, "ListJobs", "a{sv}", options([("all", "b", True)]))
INTROSPECT = message(1, PATH, "org.freedesktop.DBus.Introspectable", "Introspect", "", b"")
NO_REPLY = header(flags=1, fields=call_fields(), body=get_body())


def rights(count):
    return [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [NULL] * count))]


def send_slowly(sock, turn):
    """A good call, a byte at a time."""
    whole = BEGIN + version()
    sock.send(whole[turn % len(whole):][:1])


def send_half(sock, turn):
    if turn == 0:
        sock.send(BEGIN + version()[:-1])


def send_too_much(sock, turn):
    sock.send(BEGIN if turn == 0 else bytes(65536) if turn > 1 else header(fields=call_fields(), body=b"", body_size=120 << 20))


def send_garbage(sock, turn):
    sock.send((BEGIN if turn == 0 else b"") + os.urandom(200))


def never_read(sock, turn):
    sock.send(BEGIN if turn == 0 else LIST * 10)


def send_descriptors(sock, turn):
    if turn == 0:
        sock.send(BEGIN)
    else:
        sock.sendmsg([version()[:1] if turn == 1 else b"\1"], rights(100))


def never_ask_for_answers(sock, turn):
    sock.send(BEGIN if turn == 0 else NO_REPLY * 5)


def read_all(sock, turn):
    """Expensive questions, and their answers are taken."""
    sock.send(BEGIN if turn == 0 else INTROSPECT * 2)
    sock.recv(1 << 20)


def nest(sock, turn):
    sock.send(BEGIN if turn == 0 else method_call("Move", entries([("name", deep_variant(60))] * 20), "1"))


def say_nothing(sock, turn):
    pass


KINDS = (send_slowly, send_half, send_too_much, send_garbage, never_read, send_descriptors, never_ask_for_answers, read_all, nest,
         say_nothing)


class Attacker:
    """One connection, which is opened again whenever it is closed."""

    def __init__(self, uid, kind):
        self.uid, self.kind, self.turn, self.sock, self.done = uid, kind, 0, None, 0
        self.open()

    def open(self):
        os.seteuid(self.uid)
        try:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.setblocking(False)
            self.sock.connect(SOCKET)
            self.turn = 0
        except OSError:
            self.sock = None
        os.seteuid(0)

    def go_on(self):
        if not self.sock:
            self.open()
            return
        try:
            self.kind(self.sock, self.turn)
            self.turn += 1
            self.done += 1
        except BlockingIOError:
            self.turn += 1
        except OSError:
            self.sock.close()
            self.sock = None


def verb_attack(args):
    users, each = int(args[0]), int(args[1])
    kinds = [KINDS[int(args[2])]] if len(args) > 2 else KINDS
    attackers = [Attacker(3000 + u, kinds[(u * each + i) % len(kinds)]) for u in range(users) for i in range(each)]
    print("ready", sum(attacker.sock is not None for attacker in attackers), flush=True)
    ended = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
    while not ended:
        for attacker in random.sample(attackers, 50):
            attacker.go_on()
        time.sleep(0.02)
    for kind in KINDS:
        done = sum(attacker.done for attacker in attackers if attacker.kind == kind)
        print("tried", done, "times to", kind.__name__.replace("_", " "), "of", users, "users")


def verb_honest(args):
    """Each move with a process of its own: a job of a move has no status, and ends with it."""
    times, failed = [], 0
    pids = begin_children(int(args[0]))
    for pid in pids:
        began = time.monotonic()
        try:
            if not Peer().authenticate().move([pid], [("name", "s", "honest")]).isdigit():
                failed += 1
        except (Closed, OSError):
            failed += 1
        times.append(int((time.monotonic() - began) * 1e6))
        time.sleep(0.01)
    times.sort()
    print(times[len(times) // 2], times[-1], failed)


def verb_churn(args):
    peer = Peer().authenticate()
    failed = 0
    for _ in range(int(args[0])):
        pid = os.fork()
        if pid == 0:
            signal.pause()
        failed += not peer.move([pid], [("name", "s", "churn")]).isdigit()
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    print(failed)


def check_call(flags=0):
    """Costly for the daemon: it reads of each descendant what there is to know."""
    body = Writer()
    body.array(4, [], None)
    body.options([("self", "b", True), ("tree", "b", True)])
    fields = [(1, "o", PATH), (2, "s", MANAGER), (3, "s", "Check"), (8, "g", "aha{sv}")]
    return raw_message(1, 1, fields, body.data, flags=flags)


def verb_hang_ups(args):
    calls = check_call(flags=1) * 100
    begin_children(int(args[1]))

    def flood():
        while True:
            try:
                peer = Peer().authenticate()
                peer.sock.sendall(calls)
                peer.sock.shutdown(socket.SHUT_RDWR)
            except (Closed, OSError):
                time.sleep(0.05)
    for _ in range(int(args[0])):
        threading.Thread(target=flood).start()
    print("ready", flush=True)


def verb_serial(args):
    begin_children(int(args[0]))
    print("ready", flush=True)
    while True:
        try:
            peer = Peer().authenticate()
            peer.sock.sendall(check_call())
            peer.sock.shutdown(socket.SHUT_RDWR)  # its answer will close it on the other side
        except (Closed, OSError):
            pass


def verb_unread(args):
    begin_children(int(args[1]))
    print("ready", flush=True)
    poll, socks = select.poll(), []
    for _ in range(int(args[0])):
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(SOCKET)
        sock.sendall(BEGIN + check_call() * 50)
        socks.append(sock)
        poll.register(sock, 0)  # hang-ups come all the same
    socks[0].setblocking(False)
    while True:
        for fd, _ in poll.poll(100):
            poll.unregister(fd)
            print("closed", flush=True)
        try:
            socks[0].recv(1 << 16)
        except OSError:
            pass
        time.sleep(0.1)


def verb_crowd(args):
    begin_children(int(args[1]))
    peer = Peer().authenticate()
    while not os.path.exists(args[2]):
        time.sleep(0.05)
    peer.sock.sendall(check_call() * int(args[0]))
    for _ in range(int(args[0])):
        print(peer.answer(), flush=True)


if __name__ == "__main__":
    sys.exit(run_verb(globals(), __doc__))
