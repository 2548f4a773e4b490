#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Cgroups with names that mean something at other places. As root, in a machine.

  places.py own UID CGROUP       makes each of many names below CGROUP, as UID; puts a process of UID in, asks for its move as UID, and
                                 prints NAME moved|stayed ANSWER
  places.py compare UID N        makes N paths out of such names, all over the tree, with a process of UID in each, and compares
                                 what Check says of it with what libsystemd says (through ps); prints a line for each difference
"""
import os
import subprocess
import sys
import time

from peer import MANAGER, PATH, Peer, Writer, run_verb
from targets import as_user, call, connect, end, place, start

ROOT = "/sys/fs/cgroup"
NAMES = [
    "session-1.scope", "session-c1.scope", "session-.scope", "session-1.scope.scope", "user.slice", "system.slice", "user-1000.slice",
    "user-1001.slice", "user-0.slice", "user-10001.slice", "app.slice", "init.scope", "_init.scope", "user@1000.service",
    "user@1001.service", "user@0.service", "cgmove@1000.service", "cgmove@1001.service", "user-cgmove.slice", "user-cgmove-1000.slice",
    "job-1", "job-01", "job-99999999999999999999", "keeper", "quarantine", "allowed.service", "allowed.service.d", "system", "x.service",
    ".control", ".allowed.service", "_allowed.service", "_session-1.scope", "a@.service", "@a.service", "-.slice", "a--b.slice", ".slice",
    "x (deleted)", "allowed.service (deleted)", " ", " (deleted)", "*", "session", "session*", "user:allowed.service", "a b.service",
    "\\x2e.service", "allowed\\x2eservice", "é.service", "\udcff.service", "\udc80\udcfe", "a\tb.service", "a\x1bb.service", "a\x7f.service",
    "x" * 255, "x" * 247 + ".service", "supervisor", "payload", "cgroup", "0::", "..allowed.service", "...", "%i.service", "a:b.service",
]
NESTED = [
    "allowed.service/x", "user@1000.service/app.slice/allowed.service", "user.slice/user-1000.slice/session-1.scope",
    "user.slice/user-1000.slice/user@1000.service/app.slice/allowed.service", "system.slice/allowed.service",
    "user-1001.slice/session-2.scope", "app.slice/allowed.service", "x.slice/allowed.service", "init.scope/x", "x/init.scope",
    "x/.control", "user.slice/user-cgmove.slice/user-cgmove-1000.slice/cgmove@1000.service/job-1", "x/job-1", "machine.slice/a.scope",
]


def make(path, uid):
    """The groups from the first one on that is not there; those that were made, deepest first."""
    made = []
    at = ROOT
    for name in path[len(ROOT):].strip("/").split("/"):
        at += "/" + name
        if not os.path.isdir(at):
            os.mkdir(at)
            os.chown(at, uid, uid)
            made.insert(0, at)
    return made


def remove(made):
    for path in made:
        try:
            os.rmdir(path)
        except OSError:
            pass


def put(path, uid):
    def become():
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    pid = start(become)
    with open(path + "/cgroup.procs", "w") as file:
        file.write(str(pid))
    while os.stat("/proc/%d" % pid).st_uid != uid:
        time.sleep(0.001)
    return pid


def verb_own(args):
    uid, cgroup = int(args[0]), args[1]
    for name in NAMES + NESTED:
        path = cgroup + "/" + name
        try:
            made = make(path, uid)
        except OSError as error:
            print(repr(name), "stayed org.cgmove1.Error.Denied (not made: %s; user:place.service)" % error)
            continue
        pid = put(path, uid)
        fd = os.pidfd_open(pid)
        before = place(pid)
        said = as_user(uid, lambda fd=fd: call(connect(), "Move", [fd]))
        print(ascii(name), "moved" if place(pid) != before else "stayed", said, flush=True)
        os.close(fd)
        end(pid)
        remove(made)


# --- compared with systemd -------------------------------------------------------------------------------------------------

def checked(pid):
    """The Source of Check; and whether it was read at all."""
    fd = os.pidfd_open(pid)
    body = Writer()
    body.array(4, [0], lambda i: body.fixed("I", 4, i))
    body.options([])
    connection = Peer().authenticate()
    connection.send(PATH, MANAGER, "Check", "aha{sv}", body.data, [fd])
    _, _, error, answer = connection.receive()
    os.close(fd)
    if error:
        return "none"
    return source_of(answer)


def source_of(answer):
    """The string behind the key, in an aa{sv} of one."""
    at = answer.index(b"\x06\0\0\0Source\0") + 11
    at += 3  # the signature "s"
    at = (at + 3) // 4 * 4
    length = int.from_bytes(answer[at:at + 4], "little")
    return answer[at + 4:at + 4 + length].decode()


def asked(pid):
    """What libsystemd says: unit, unit of the user, session, owner."""
    said = subprocess.run(["ps", "-o", "unit:300=,uunit:300=,lsession:300=,ouid:300=", "-p", str(pid)], capture_output=True, check=False).stdout
    # no valid name of a unit has a space
    return said.decode("utf-8", "replace").split()


def agrees(source, unit, user_unit, session, owner):
    kind, _, name = source.partition(":")
    if kind == "session":
        return session != "-" and owner != "-"
    if kind == "user":
        return user_unit == name and owner != "-"
    if kind == "system":
        return unit == name and user_unit == "-" and session == "-"
    if kind == "job":
        return unit.startswith("cgmove@") and session == "-"
    return True


class Chance:
    """A few numbers by chance that can be had again (there is no module random in a small python)."""

    def __init__(self, seed):
        self.state = seed

    def below(self, limit):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        return (self.state >> 33) % limit

    def choice(self, items):
        return items[self.below(len(items))]


def random_path(chance, uid):
    tops = ["user.slice", "user.slice/user-%d.slice" % uid, "user.slice/user-%d.slice/user@%d.service" % (uid, uid), "system.slice",
            "user.slice/user-1001.slice", "hostile.slice", "user.slice/user-%d.slice/user@1001.service" % uid, "user.slice/user-cgmove.slice",
            "user.slice/user-cgmove.slice/user-cgmove-%d.slice" % uid, "hostile.slice/hostile-a.slice", "user.slice/user-%d0.slice" % uid, ""]
    names = [name for name in NAMES if len(name) < 100]
    parts = [chance.choice(tops)] + [chance.choice(names) for _ in range(1 + chance.below(3))]
    return ROOT + "/" + "/".join(part for part in parts if part)


def verb_compare(args):
    uid, count = int(args[0]), int(args[1])
    seed = int.from_bytes(os.urandom(4), "little")
    chance = Chance(seed)
    print("seed", seed)
    seen, n = {}, 0
    while n < count:
        path = random_path(chance, uid)
        try:
            made = make(path, 0)
            pid = put(path, uid)
        except OSError:
            continue
        n += 1
        source = checked(pid)
        facts = asked(pid)
        kind = source.partition(":")[0]
        seen[kind] = seen.get(kind, 0) + 1
        if not agrees(source, *facts):
            print("differs", ascii(path), source, *facts, flush=True)
        end(pid)
        remove(made)
    for kind, number in sorted(seen.items()):
        print("%s: %d" % (kind, number))
    print("compared", n)


if __name__ == "__main__":
    sys.exit(run_verb(globals(), __doc__))
