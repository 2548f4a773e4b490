#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Moves of what one may not move, over the wire. Each line that is printed: what was tried, and the answer.

  targets.py each [--tree] [--check] [--repeat N] [NAME=]PID...
                                     a Move of each process, by a pidfd
  targets.py together PID...         one Move of all
  targets.py self [--tree]           of the caller, by the option "self"
  targets.py descriptors             of descriptors that are no pidfds, of wrong ones, too many, too few
  targets.py threads                 of threads, by pidfds of theirs where the kernel has such
  targets.py ids CGROUP UID...       as root: of processes with every mix of these real, effective and saved ids, put into CGROUP,
                                     by each of these users; also as a child of a process that is all right, with its tree
  targets.py leader                  of a process whose first thread has ended, by itself and with the tree above it
  targets.py leader-race N           of N processes whose first thread ends at that moment
  targets.py exec-race PROGRAM N     of N processes that execute PROGRAM at that moment
  targets.py claim UID               authenticates as another user than the kernel knows
  targets.py explain                 which rule is for the caller where he is
"""
import atexit
import ctypes
import itertools
import os
import select
import signal
import socket
import sys
import threading
import time

import peer
from peer import MANAGER, PATH, Closed, Peer, Writer

PIDFD_THREAD = os.O_EXCL


def call(connection, method, fds, options=(), indices=None):
    """A Move or Check of these descriptors; INDICES are what the message says of them."""
    body = Writer()
    body.array(4, range(len(fds)) if indices is None else indices, lambda i: body.fixed("I", 4, i))
    body.options(list(options))
    try:
        connection.send(PATH, MANAGER, method, "aha{sv}", body.data, fds)
        return connection.answer()
    except Closed:
        return "closed"


def connect():
    """In a user namespace one's own number is not the kernel's."""
    return Peer().authenticate(os.environ.get("CGMOVE_UID"))


def place(pid):
    try:
        with open("/proc/%s/cgroup" % pid, errors="surrogateescape") as file:
            return [line[3:].rstrip("\n") for line in file if line.startswith("0::")][0]
    except (OSError, IndexError):
        return None


children = set()


def start(function):
    """A child that runs FUNCTION and then waits for its end."""
    pid = os.fork()
    if pid == 0:
        try:
            function()
            while True:
                signal.pause()
        finally:
            os._exit(1)
    children.add(pid)
    return pid


def end(*pids):
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        children.discard(pid)


atexit.register(lambda: end(*list(children)))


def as_user(uid, function):
    """Runs FUNCTION in a child with the rights of UID; returns what it gives back, as text."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reader)
            if uid != 0:
                os.setgroups([])
                os.setresgid(uid, uid, uid)
                os.setresuid(uid, uid, uid)
            os.write(writer, str(function()).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as file:
        said = file.read()
    os.waitpid(pid, 0)
    return said


def flag(args, name):
    if name not in args:
        return False
    args.remove(name)
    return True


# --- by pidfd ----------------------------------------------------------------------------------------------------------

def verb_each(args):
    options = [("tree", "b", True)] if flag(args, "--tree") else []
    method = "Check" if flag(args, "--check") else "Move"
    repeat = int((peer.take_all(args, "--repeat") or ["1"])[0])
    connection = connect()
    for arg in args:
        name, _, pid = arg.rpartition("=")
        fd = os.pidfd_open(int(pid))
        for said in sorted({call(connection, method, [fd], options) for _ in range(repeat)}):
            print(name or pid, said, flush=True)
        os.close(fd)


def verb_together(args):
    print(call(connect(), "Move", [os.pidfd_open(int(pid)) for pid in args]))


def verb_self(args):
    options = [("self", "b", True)]
    if flag(args, "--tree"):
        options.append(("tree", "b", True))
    print(call(connect(), "Move", [], options))


# --- descriptors -------------------------------------------------------------------------------------------------------

def no_pidfds():
    one, other = socket.socketpair()
    reader, writer = os.pipe()
    epoll = select.epoll()
    server = socket.socket(socket.AF_UNIX)
    unnamed = os.open("/tmp", os.O_TMPFILE | os.O_RDWR)
    memory = os.memfd_create("Pid:\t1\nPid:\t1")
    os.write(memory, b"Pid:\t1\n")
    kept = [one, other, epoll, server]
    for name, fd in (("socket", one.fileno()), ("other end", other.fileno()), ("unbound socket", server.fileno()),
                     ("pipe", reader), ("writing end", writer), ("epoll", epoll.fileno()), ("memfd", memory),
                     ("file", unnamed)):
        yield name, fd, kept
    for name in ("/proc/self", "/proc/1", "/proc/self/status", "/proc/self/fdinfo/0", "/proc/self/ns/pid", "/proc/self/ns/user",
                 "/proc/self/task", "/proc", "/", "/dev/null", "/sys/fs/cgroup", "/sys/fs/cgroup/cgroup.procs", "/etc/passwd"):
        yield name, os.open(name, os.O_RDONLY), kept
    for name in ("/proc/self", "/proc/1", "/root", "/run/cgmove/private", "/sys/fs/cgroup"):
        yield "the path of " + name, os.open(name, os.O_PATH), kept


def verb_descriptors(_):
    connection = connect()
    for name, fd, _ in no_pidfds():
        print(name + ":", call(connection, "Move", [fd]))
        print(name + ", checked:", call(connection, "Check", [fd]))
        child = start(lambda: None)
        print(name + ", second:", call(connection, "Move", [os.pidfd_open(child), fd]), place(child))
        end(child)
    print("the connection:", call(connection, "Move", [connection.sock.fileno()]))

    child = start(lambda: None)
    dead = os.pidfd_open(child)
    end(child)
    print("dead:", call(connection, "Move", [dead]))
    child = start(lambda: os._exit(0))
    zombie = os.pidfd_open(child)
    time.sleep(0.2)
    print("zombie:", call(connection, "Move", [zombie]))
    os.waitpid(child, 0)
    print("none:", call(connection, "Move", []))
    alive = start(lambda: None)
    fd = os.pidfd_open(alive)
    print("dead and alive:", call(connection, "Move", [fd, dead]), place(alive))
    print("alive and dead:", call(connection, "Move", [dead, fd]), place(alive))
    many = [start(lambda: None) for _ in range(129)]
    print("too many:", call(connection, "Move", [os.pidfd_open(pid) for pid in many]), *{place(pid) for pid in many})
    end(*many)
    for indices in ([1], [7], [0x7fffffff], [0xffffffff], [0, 1]):
        print("index %s:" % indices, call(connect(), "Move", [fd], indices=indices), place(alive))
    # a handle where there is no descriptor at all
    print("no descriptor:", call(connect(), "Move", [], indices=[0]), place(alive))
    print("a number:", numbers(alive), place(alive))
    end(alive)


def numbers(pid):
    """The number of a process instead of a descriptor, in the types that could be taken for one."""
    said = []
    for kind in "uit":
        body = Writer()
        body.array(8 if kind == "t" else 4, [pid, 1], lambda value, kind=kind: body.value(kind, value))
        body.options([])
        connection = connect()
        connection.send(PATH, MANAGER, "Move", "a%sa{sv}" % kind, body.data)
        said.append(connection.answer().split(" ")[0])
    for key in ("pid", "pids", "target", "cgroup", "pool", "uid", "user", "owner"):
        said.append(call(connect(), "Move", [], [(key, "u", pid)]).split(" ")[0])
    return ",".join(sorted(set(said)))


def verb_threads(_):
    threading.Thread(target=lambda: time.sleep(1000), daemon=True).start()
    (thread,) = [int(name) for name in os.listdir("/proc/self/task") if int(name) != os.getpid()]
    connection = connect()
    try:
        fd = os.pidfd_open(thread)
        print("thread:", call(connection, "Move", [fd]), place(os.getpid()))
    except OSError:
        print("thread: not to be had", place(os.getpid()))
    try:
        fd = os.pidfd_open(thread, PIDFD_THREAD)
    except OSError:
        print("thread's own: not to be had", place(os.getpid()))
        return
    for _ in range(20):
        print("thread's own:", call(connection, "Move", [fd]), place(os.getpid()))
    own = os.pidfd_open(os.getpid(), PIDFD_THREAD)
    print("first thread's own:", call(connection, "Move", [own]), place(os.getpid()))
    print("thread's own and its process:", call(connection, "Move", [os.pidfd_open(os.getpid()), fd]), place(os.getpid()))


# --- a first thread that ends ------------------------------------------------------------------------------------------

SYS_EXIT = {"x86_64": 60, "aarch64": 93}


def end_first_thread():
    ctypes.CDLL(None).syscall(SYS_EXIT[os.uname().machine], 0)


def start_leaving(wait, then=None):
    """A child whose first thread waits and ends, while another one does something, if anything, and stays."""
    def body():
        if then:
            then()
        while True:
            time.sleep(1000)

    def child():
        threading.Thread(target=body, daemon=True).start()
        wait()
        end_first_thread()
    return start(child)


def leader_has_ended(pid):
    with open("/proc/%d/stat" % pid) as file:
        return file.read().rpartition(")")[2].split()[0] == "Z"


def places(pid):
    """Of each thread."""
    try:
        return {place("%d/task/%s" % (pid, tid)) for tid in os.listdir("/proc/%d/task" % pid)} - {None}
    except OSError:
        return set()


def verb_leader(_):
    reader, writer = os.pipe()

    def moves():
        own = os.pidfd_open(os.getpid())
        while not leader_has_ended(os.getpid()):
            time.sleep(0.01)
        connection = connect()
        for name, said in (("itself", call(connection, "Move", [own])), ("self", call(connection, "Move", [], [("self", "b", True)])),
                           ("again", call(connection, "Move", [own])), ("tree", call(connection, "Move", [own], [("tree", "b", True)]))):
            os.write(writer, ("%s: %s\n" % (name, said)).encode())
        os.write(writer, b"end")
    child = start_leaving(lambda: None, moves)
    said = b""
    while not said.endswith(b"end"):
        said += os.read(reader, 65536)
    print(said.decode()[:-3], end="")
    # one whose first thread has just ended may be about to end: the tree is held for a second until that is sure
    print("tree above:", call(connect(), "Move", [os.pidfd_open(os.getpid())], [("tree", "b", True)]))
    print("places:", *places(child), *places(os.getpid()), frozen(place(os.getpid())))
    end(child)


def verb_leader_race(args):
    """Prints, for each: the answer, and where all of its threads are: "split" if they are not together."""
    counted = {}
    connection = connect()
    reader, writer = os.pipe()

    def wait(delay):
        os.write(writer, b"x")
        time.sleep(delay)
    for _ in range(int(args[0])):
        pid = start_leaving(lambda delay=moment(): wait(delay))
        fd = os.pidfd_open(pid)
        os.read(reader, 1)
        time.sleep(moment())
        said = call(connection, "Move", [fd])
        where = places(pid)
        said = "moved" if said.isdigit() else said.split(" ")[0].rpartition(".")[2]
        together = "split" if len(where) != 1 else "pool" if "user-cgmove" in where.pop() else "source"
        counted[said, together] = counted.get((said, together), 0) + 1
        end(pid)
        os.close(fd)
    for result, number in sorted(counted.items()):
        print(number, *result)


# --- ids ---------------------------------------------------------------------------------------------------------------

def put_into(cgroup, ids):
    """A process there, with these real, effective and saved ids; and its pidfd."""
    reader, writer = os.pipe()

    def become():
        with open(cgroup + "/cgroup.procs", "w") as file:
            file.write("0")
        os.setgroups([])
        os.setresgid(ids[0], ids[1], ids[2])
        os.setresuid(*ids)
        os.write(writer, b"x")
    pid = start(become)
    os.read(reader, 1)
    os.close(reader)
    os.close(writer)
    return pid


def put_family(cgroup, uid, ids):
    """A process of UID there that has a child with these ids; both numbers."""
    reader, writer = os.pipe()

    def become():
        with open(cgroup + "/cgroup.procs", "w") as file:
            file.write("0")

        def child():
            os.setresuid(*ids)
            os.write(writer, b"%d" % os.getpid())
        start(child)
        os.setresuid(uid, uid, uid)
    pid = start(become)
    child = int(os.read(reader, 16))
    os.close(reader)
    os.close(writer)
    return pid, child


def verb_ids(args):
    cgroup, uids = args[0], [int(uid) for uid in args[1:]]
    for ids in itertools.product(uids, repeat=3):
        pid = put_into(cgroup, ids)
        fd = os.pidfd_open(pid)
        for uid in uids:
            before = place(pid)
            said = as_user(uid, lambda fd=fd: call(connect(), "Move", [fd]))
            print("process", uid, *ids, "moved" if place(pid) != before else "stayed", said, flush=True)
            if said.isdigit():
                with open(cgroup + "/cgroup.procs", "w") as file:
                    file.write(str(pid))
        os.close(fd)
        end(pid)
        if len(set(ids)) == 1 and ids[0] == uids[0]:
            continue
        pid, child = put_family(cgroup, uids[0], ids)
        before = place(pid), place(child)
        fd = os.pidfd_open(pid)
        said = as_user(uids[0], lambda fd=fd: call(connect(), "Move", [fd], [("tree", "b", True)]))
        print("child", uids[0], *ids, "moved" if (place(pid), place(child)) != before else "stayed", said, flush=True)
        os.close(fd)
        os.kill(child, signal.SIGKILL)
        end(pid)


# --- races -------------------------------------------------------------------------------------------------------------

def moment():
    """Up to 4 ms, in seconds."""
    return os.urandom(1)[0] / 64000


def verb_exec_race(args):
    """Prints, for each: the answer, whose it is after the race, and where."""
    program, count = args[0], int(args[1])
    connection = connect()
    counted = {}
    for _ in range(count):
        delay = moment()
        pid = os.fork()
        if pid == 0:
            time.sleep(delay)
            os.execl(program, program, "1000")
        fd = os.pidfd_open(pid)
        time.sleep(moment())
        said = call(connection, "Move", [fd])
        time.sleep(0.002)
        # a refused one stays where it was, and runs
        where = place(pid)
        said = "moved" if said.isdigit() else said.split(" ")[0].rpartition(".")[2]
        result = said, "pool" if "user-cgmove" in where else "source", frozen(where)
        counted[result] = counted.get(result, 0) + 1
        # a set-uid program is ended by nobody but its new owner, and us if we are the old one
        try:
            os.kill(pid, signal.SIGKILL)
        except PermissionError:
            pass
        else:
            os.waitpid(pid, 0)
        os.close(fd)
    for result, number in sorted(counted.items()):
        print(number, *result)


def frozen(where):
    try:
        with open("/sys/fs/cgroup%s/cgroup.events" % where) as file:
            return "frozen" if "frozen 1" in file.read() else "running"
    except OSError:
        return "gone"


# --- who --------------------------------------------------------------------------------------------------------------

def verb_claim(args):
    connection = Peer()
    connection.sock.sendall(b"\0AUTH EXTERNAL " + args[0].encode().hex().encode() + b"\r\n")
    try:
        print(connection.sock.recv(4096).split()[0].decode())
    except (ConnectionError, IndexError):
        print("closed")


def verb_explain(_):
    connection = connect()
    body = Writer()
    body.options([])
    connection.send(PATH, MANAGER, "Explain", "a{sv}", body.data)
    print(connection.answer())


def main():
    if "CGMOVE_SOCKET" in os.environ:
        peer.SOCKET = os.environ["CGMOVE_SOCKET"]
    return peer.run_verb(globals(), __doc__)


if __name__ == "__main__":
    sys.exit(main())
