#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A stand-in for an agent that fetches its commands, as a minion of a configuration management or a CI runner does.

  worker.py serve SPOOL [--version FILE] [--tracking VARIABLE]
  worker.py call SPOOL [--timeout S] [--by FILE] COMMAND

It listens on no port. The main process starts the agent; the agent looks for commands in the folder SPOOL, and starts a worker for
each; the worker runs the command with /bin/sh, its output on a pipe, and answers when it has exited and the pipe is closed. So a
command's shell is the child of its worker, and the worker is what must live until there is an answer. On SIGTERM main process
and agent end at once; what becomes of the workers is up to the service manager and its KillMode=.

  --version   FILE says which version of the program this is: the agent reads it when it starts
  --tracking  at the end of each command the worker ends all processes that have its mark, VARIABLE, in their environment
  --timeout   an answer that does not come within that time (20 s) is lost: says so, and exits with 100
  --by        FILE gets the version that has answered
"""
import os
import signal
import subprocess
import sys
import time

PAUSE = 0.05
LOST = 100


def take_option(args, name, default):
    if name not in args:
        return default
    at = args.index(name)
    value = args[at + 1]
    del args[at:at + 2]
    return value


def write_whole(path, data):
    with open(path + ".new", "wb") as file:
        file.write(data)
    os.rename(path + ".new", path)


def end_tracked(mark):
    for entry in os.listdir("/proc"):
        try:
            if int(entry) != os.getpid() and mark in open("/proc/%s/environ" % entry, "rb").read().split(b"\0"):
                os.kill(int(entry), signal.SIGKILL)
        except (ValueError, OSError):
            pass  # no process, gone, or of someone else


def work(name, command, version, tracking):
    """In a worker of its own: one command, from its start to its answer."""
    mark = "worker-%d" % os.getpid()
    environment = {**os.environ, tracking: mark} if tracking else None
    child = subprocess.Popen(["/bin/sh", "-c", command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, env=environment)
    output = child.stdout.read()
    status = child.wait()
    if tracking:
        end_tracked(("%s=%s" % (tracking, mark)).encode())
    write_whole(name + ".answer", b"%d %s\n" % (status, version.encode()) + output)


def start_worker(name, command, version, tracking):
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        work(name, command, version, tracking)
        os._exit(0)


def fetch(spool, version, tracking):
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        for entry in sorted(os.listdir(spool)):
            if entry.endswith(".command"):
                path = os.path.join(spool, entry)
                command = open(path, "rb").read().decode()
                os.unlink(path)
                start_worker(path[:-len(".command")], command, version, tracking)
        time.sleep(PAUSE)


def serve(args):
    version_file = take_option(args, "--version", None)
    version = open(version_file).read().strip() if version_file else "1"
    tracking = take_option(args, "--tracking", None)
    agent = os.fork()
    if agent == 0:
        fetch(args[0], version, tracking)
    signal.signal(signal.SIGTERM, lambda *_: (os.kill(agent, signal.SIGTERM), os._exit(0)))
    os.waitpid(agent, 0)
    sys.exit("worker: the agent has ended")


def call(args):
    timeout = float(take_option(args, "--timeout", 20))
    by = take_option(args, "--by", None)
    spool, command = args
    name = os.path.join(spool, "%d-%d" % (time.time_ns(), os.getpid()))
    write_whole(name + ".command", command.encode())
    end = time.monotonic() + timeout
    while not os.path.exists(name + ".answer"):
        if time.monotonic() > end:
            print("no answer")
            sys.exit(LOST)
        time.sleep(PAUSE)
    with open(name + ".answer", "rb") as file:
        status, version = file.readline().decode().split()
        output = file.read()
    os.unlink(name + ".answer")
    if by:
        with open(by, "w") as file:
            file.write(version + "\n")
    sys.stdout.buffer.write(output)
    sys.exit(int(status) if int(status) >= 0 else 128 - int(status))


if __name__ == "__main__":
    {"serve": serve, "call": call}[sys.argv[1]](sys.argv[2:])
