#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Callers that are not there any more, or not those who speak. As root: it makes processes of alice, bob and root, the first in the
cgroup GROUP (below /sys/fs/cgroup).

  caller.py killed GROUP N          N times: a client of alice is killed at some moment of a Move; says what became of the targets
  caller.py halves GROUP N          N times: it is killed when some of the bytes of a Move are sent
  caller.py handed GROUP WAY N      N times: alice's connection is spoken on by another process, which asks for itself, for a
                                    process of its own, and for the caller. WAY: bob (by SCM_RIGHTS), root (by fork, as sudo does),
                                    setuid (by exec, of a program that is set-uid root), changed (by herself, as bob since then)
  caller.py reused GROUP N          N times: she has ended, and bob has her number, when a friend asks on her connection for "self"
  caller.py waits JOB N             N times: a client with as many calls of Wait as one user may have is killed

Prints one line for each kind of answer: how often, and what.
"""
import collections
import os
import random
import signal
import socket
import sys
import time

sys.path.insert(0, "/opt/cgmove-tests")
import peer as wire  # noqa: E402

ALICE, BOB = 1000, 1001


def enter(group):
    with open("/sys/fs/cgroup" + group + "/cgroup.procs", "w") as file:
        file.write("0")


def become(uid):
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def begin(work, group=None, uid=0):
    """A child in a group, of a user. Whatever it does it ends there."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            if group:
                enter(group)
            if uid:
                become(uid)
            work()
            status = 0
        finally:
            os._exit(status)
    return pid


def begin_idle(group, uid):
    """The same, when it is what it is to be."""
    theirs, ours = os.pipe()
    pid = begin(lambda: (os.write(ours, b"x"), signal.pause()), group, uid)
    os.read(theirs, 1)
    os.close(theirs)
    os.close(ours)
    return pid


def end(*pids):
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def place(pid):
    with open("/proc/%d/cgroup" % pid) as file:
        return [line[3:].strip() for line in file if line.startswith("0::")][0]


def is_frozen(pid):
    with open("/sys/fs/cgroup" + place(pid) + "/cgroup.events") as file:
        return "frozen 1" in file.read()


def move_bytes(pids, options, serial=1):
    body = wire.Writer()
    body.array(4, range(len(pids)), lambda i: body.fixed("I", 4, i))
    body.options(options)
    return wire.message(serial, wire.PATH, wire.MANAGER, "Move", "aha{sv}", body.data, len(pids))


def short(answer):
    return answer.split(" ")[0].replace("org.cgmove1.Error.", "") if not answer.isdigit() else "moved"


def count_places(targets, group, counts):
    """All of a Move's targets, or none."""
    places, frozen = set(), True
    for _ in range(200):
        time.sleep(0.05)
        try:
            places = {place(pid) for pid in targets}
            frozen = any(is_frozen(pid) for pid in targets)
        except OSError:
            continue  # its group has gone between two looks
        if len(places) == 1 and not frozen:
            break
    if frozen:
        counts["frozen"] += 1
    elif places == {group}:
        counts["not moved"] += 1
    elif len(places) == 1 and "/job-" in places.pop():
        counts["moved"] += 1
    else:
        counts["half done"] += 1


def begin_move(group, targets, options):
    """A client that moves them; and a pipe into which it writes a byte before, and one after."""
    hears, says = os.pipe()

    def work():
        client = wire.Peer().authenticate()
        os.write(says, b"x")
        client.move(targets, options)
        os.write(says, b"y")
    client = begin(work, group, ALICE)
    os.close(says)
    os.read(hears, 1)
    return client, hears


def seconds_of_a_move(group):
    targets = [begin_idle(group, ALICE) for _ in range(3)]
    client, hears = begin_move(group, targets, [])
    begun = time.monotonic()
    os.read(hears, 1)
    seconds = time.monotonic() - begun
    end(client)
    os.close(hears)
    end(*targets)
    return seconds


def verb_killed(group, count):
    """At any moment of what it takes, on this machine, to be answered."""
    counts = collections.Counter()
    span = sorted(seconds_of_a_move(group) for _ in range(9))[4]
    for i in range(int(count)):
        targets = [begin_idle(group, ALICE) for _ in range(3)]
        client, hears = begin_move(group, targets, [("tree", "b", True)] if i % 2 else [])
        time.sleep(random.uniform(0, span * 1.5))
        end(client)
        os.close(hears)
        count_places(targets, group, counts)
        end(*targets)
    return counts


def verb_halves(group, count):
    counts = collections.Counter()
    for _ in range(int(count)):
        targets = [begin_idle(group, ALICE) for _ in range(2)]
        raw = move_bytes(targets, [])
        size = random.randrange(1, len(raw))

        def work():
            client = wire.Peer().authenticate()
            fds = wire.array.array("i", [os.pidfd_open(pid) for pid in targets])
            client.sock.sendmsg([raw[:size]], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
            os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(begin(work, group, ALICE), 0)
        count_places(targets, group, counts)
        end(*targets)
    return counts


def adopt(fd):
    """A connection that somebody else has begun."""
    client = wire.Peer.__new__(wire.Peer)
    client.sock, client.serial, client.buffer = socket.socket(fileno=fd), 1, b""
    client.sock.settimeout(wire.TIMEOUT)
    return client


def ask_all(client):
    """What somebody can ask on a connection that is not his: for himself, for a child of his, and for whoever the caller is."""
    child = os.fork()
    if child == 0:
        signal.pause()
    answers = []
    before = place(os.getpid()), place(child)
    for what, pids, options in (("own process", [os.getpid()], []), ("own child", [child], []),
                                ("the caller", [], [("self", "b", True)])):
        try:
            answer = short(client.move(pids, options))
        except wire.Closed:
            answer = "closed"
        answers.append(what + ": " + answer)
    if before != (place(os.getpid()), place(child)):
        answers.append("the stranger was moved")
    end(child)
    return answers


def verb_handed(group, way, count):
    counts = collections.Counter()
    for _ in range(int(count)):
        hears, says = os.pipe()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        go_on, stay = os.pipe()

        def speak(client):
            os.write(says, "\n".join(ask_all(client)).encode())

        def alice():
            # she keeps her right to become another one, as a set-uid program has it
            os.setresuid(ALICE, ALICE, 0 if way in ("root", "setuid", "changed") else ALICE)
            client = wire.Peer().authenticate()
            if way == "bob":
                socket.send_fds(theirs, [b"x"], [client.sock.fileno()])
                os.read(go_on, 1)
            elif way == "root":
                os.setresuid(0, 0, 0)
                os.waitpid(begin(lambda: speak(client)), 0)
            else:
                os.setresuid(0, 0, 0)
                if way == "changed":
                    become(BOB)
                    speak(client)
                else:
                    os.set_inheritable(client.sock.fileno(), True)
                    os.set_inheritable(says, True)
                    os.execv(sys.executable, [sys.executable, __file__, "speak", str(client.sock.fileno()), str(says)])

        def bob():
            _, fds, _, _ = socket.recv_fds(ours, 1, 1)
            speak(adopt(fds[0]))
        pids = [begin(alice, group, 0)]
        if way == "bob":
            pids.append(begin(bob, "/system.slice/reuse-home.service", BOB))
        os.close(says)
        text = os.read(hears, 4096).decode()
        os.write(stay, b"x")
        for pid in pids:
            os.waitpid(pid, 0)
        for fd in (hears, go_on, stay):
            os.close(fd)
        ours.close()
        theirs.close()
        counts.update(text.split("\n"))
    return counts


def verb_speak(fd, says):
    os.write(int(says), "\n".join(ask_all(adopt(int(fd)))).encode())
    os._exit(0)


class TakenNumber:
    """A process of UID with this number, if it can be had."""

    def __init__(self, number, uid):
        theirs, self.hold = os.pipe()
        hears, ours = os.pipe()
        self.program = os.fork()
        if self.program == 0:
            os.dup2(theirs, 0)
            os.dup2(ours, 1)
            os.execv("/opt/cgmove-tests/take-number", ["take-number", str(number), str(uid)])
        os.close(theirs)
        os.close(ours)
        self.taken = os.read(hears, 100) == b"taken\n"
        os.close(hears)

    def release(self):
        os.close(self.hold)
        os.waitpid(self.program, 0)


def verb_reused(group, count):
    counts = collections.Counter()
    for i in range(int(count)):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

        def alice():
            client = wire.Peer().authenticate()
            client.ping()
            socket.send_fds(theirs, [b"x"], [client.sock.fileno()])
        pid = begin(alice, group, ALICE)
        _, fds, _, _ = socket.recv_fds(ours, 1, 1)
        client = adopt(fds[0])
        os.waitpid(pid, 0)
        bob = TakenNumber(pid, BOB)
        if not bob.taken:
            counts["the number was another's"] += 1
            bob.release()
            continue
        before = place(pid)
        if i % 2:
            counts[short(client.move([], [("self", "b", True)]))] += 1
        else:
            client.send(wire.PATH, wire.MANAGER, "Move", "aha{sv}", move_body([("self", "b", True)]))
            os.close(client.sock.detach())
            counts["left without waiting"] += 1
            time.sleep(0.005)
        if place(pid) != before:
            counts["a stranger was moved"] += 1
        bob.release()
        ours.close()
        theirs.close()
    return counts


def move_body(options):
    body = wire.Writer()
    body.array(4, [], None)
    body.options(options)
    return body.data


def verb_waits(job, count):
    counts = collections.Counter()
    for _ in range(int(count)):
        hears, says = os.pipe()

        def work():
            client = wire.Peer().authenticate()
            body = wire.Writer()
            body.options([])
            for _ in range(32):
                client.send(wire.PATH + "/job/" + job, "org.cgmove1.Job", "Wait", "a{sv}", body.data)
            # one more is too many, and says that the others are in
            client.send(wire.PATH + "/job/" + job, "org.cgmove1.Job", "Wait", "a{sv}", body.data)
            os.write(says, short(client.answer()).encode())
            signal.pause()
        client = begin(work, None, ALICE)
        counts["the next: " + os.read(hears, 100).decode()] += 1
        end(client)
        os.close(hears)
        os.close(says)
        time.sleep(0.02)
    return counts


def main():
    counts = globals()["verb_" + sys.argv[1]](*sys.argv[2:])
    for what, count in sorted(counts.items()):
        print(count, what)


main()
