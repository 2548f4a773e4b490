#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A stand-in for the gateway of an AI agent: a server that runs shell commands as its children.

  gateway.py serve [--port N] [--drain]
  gateway.py call [--port N] [--wait stdio|descriptors] [--by FILE] COMMAND

The server listens on the loopback and runs each COMMAND with /bin/sh, its standard output and error on a pipe, and with
one more pipe that it inherits as a mark of its lineage. It answers when the command has exited and, as the caller wishes, its
standard streams are closed (stdio), or its mark as well (descriptors): a command that leaves something running that holds
one of them open gets no answer.

On SIGTERM it ends at once, unless --drain has it wait for running commands first. It leaves its children to the service
manager and its KillMode=.

The protocol: a line "stdio" or "descriptors", then the command up to the end of the stream; the answer is a line with the
exit status and the PID of the gateway, then the output.
"""
import os
import select
import signal
import socket
import subprocess
import sys
import threading

PORT = 18789
# what a real gateway sets for its commands, and what confuses them when it is left over
MARKERS = {"OPENCLAW_SERVICE_MARKER": "openclaw", "OPENCLAW_SERVICE_KIND": "gateway"}


def read_all(fd):
    """Reads until all writers have closed."""
    parts = []
    while True:
        part = os.read(fd, 65536)
        if not part:
            return b"".join(parts)
        parts.append(part)


def run_command(command, mode):
    """Runs one command; returns its status and its output once everything asked for is closed."""
    mark_read, mark_write = os.pipe()
    out_read, out_write = os.pipe()
    child = subprocess.Popen(["/bin/sh", "-c", command], stdin=subprocess.DEVNULL, stdout=out_write, stderr=out_write,
                             pass_fds=[mark_write], env={**os.environ, **MARKERS})
    os.close(mark_write)
    os.close(out_write)
    output = read_all(out_read)
    os.close(out_read)
    if mode == "descriptors":
        read_all(mark_read)
    os.close(mark_read)
    status = child.wait()
    return status, output


class Gateway:
    def __init__(self, port, drain):
        self.port = port
        self.drain = drain
        self.running = 0
        self.stopping = False
        self.changed = threading.Condition()

    def answer(self, connection):
        with connection:
            mode, _, command = read_all(connection.fileno()).decode().partition("\n")
            status, output = run_command(command, mode)
            try:
                connection.sendall(b"%d %d\n" % (status, os.getpid()) + output)
            except OSError:
                pass  # the caller has gone
        with self.changed:
            self.running -= 1
            self.changed.notify_all()

    def stop(self, *_):
        # from a handler: nothing that could take the lock
        self.stopping = True

    def wait_for_commands(self):
        with self.changed:
            while self.running > 0:
                self.changed.wait()

    def serve(self):
        signal.signal(signal.SIGTERM, self.stop)
        listener = socket.socket()
        # a left-over that holds the port shall be seen
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen()
        wake_read, wake_write = os.pipe()
        os.set_blocking(wake_write, False)
        signal.set_wakeup_fd(wake_write)
        notify("READY=1")
        while not self.stopping:
            ready, _, _ = select.select([listener, wake_read], [], [])
            if listener not in ready:
                continue
            connection, _ = listener.accept()
            with self.changed:
                self.running += 1
            threading.Thread(target=self.answer, args=[connection], daemon=True).start()
        listener.close()
        if self.drain:
            self.wait_for_commands()
        # not by way of the interpreter: it would wait for nobody's threads
        os._exit(0)


def notify(text):
    """sd_notify(3)"""
    path = os.environ.pop("NOTIFY_SOCKET", None)
    if path:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.sendto(text.encode(), "\0" + path[1:] if path.startswith("@") else path)


def call(port, mode, command, by):
    """Prints the output of the command and returns its status; 111 without a full answer. The file BY gets the PID of the
    gateway that has answered."""
    try:
        with socket.create_connection(("127.0.0.1", port)) as sock:
            sock.sendall((mode + "\n" + command).encode())
            sock.shutdown(socket.SHUT_WR)
            answer = read_all(sock.fileno())
    except OSError as error:
        print("gateway: %s" % error, file=sys.stderr)
        return 111
    head, newline, output = answer.partition(b"\n")
    if not newline:
        print("gateway: no answer", file=sys.stderr)
        return 111
    status, pid = head.split()
    with open(by, "wb") as file:
        file.write(pid + b"\n")
    sys.stdout.buffer.write(output)
    sys.stdout.flush()
    return abs(int(status))


def take_option(args, name, default):
    if name in args:
        at = args.index(name)
        value = args[at + 1]
        del args[at:at + 2]
        return value
    return default


def main():
    args = sys.argv[1:]
    verb = args.pop(0) if args else ""
    port = int(take_option(args, "--port", PORT))
    mode = take_option(args, "--wait", "stdio")
    by = take_option(args, "--by", os.devnull)
    if verb == "serve":
        Gateway(port, "--drain" in args).serve()
    elif verb == "call" and len(args) == 1:
        return call(port, mode, args[0], by)
    else:
        print(__doc__, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
