#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A stand-in for the gateway of an AI agent: a server that runs shell commands as its children.

  gateway.py serve [--ports N,N,... | --any-port FILE] [--ipv6-only] [--no-reuseaddr] [--insist] [--drain]
                   [--leave-child COMMAND] [--start-delay S] [--exit-after S]
  gateway.py downtime [--port N] [--ipv6-only]

The server listens on the loopback and runs each COMMAND with /bin/sh, its standard output and error on a pipe, and with
one more pipe that it inherits as a mark of its lineage. It answers when the command has exited and, as the caller wishes, its
standard streams are closed (stdio), or its mark as well (descriptors): a command that leaves something running that holds
one of them open gets no answer.

On SIGTERM it ends at once, unless --drain has it wait for running commands first. It leaves its children to the service
manager and its KillMode=.

  --ports, --port   listens on each of these ports (18789)
  --any-port        on one that the kernel chooses, another one with each start; FILE gets it
  --ipv6-only       on ::1 and not on 127.0.0.1
  --no-reuseaddr    binds without SO_REUSEADDR: a connection in TIME_WAIT keeps the port from it for a minute
  --insist          tries to bind until it can, for a process that is to take a port that another one leaves
  --leave-child     starts COMMAND, which inherits the listening sockets: as long as it lives, nobody else can bind the port
  --start-delay     is silent for that long before it listens and says that it is ready
  --exit-after      fails by itself that long after the start, with a message; 0: before it listens

downtime asks who answers again and again, until it is ended by a signal, and prints a line for each
new instance: its PID, that of the last one, the last answer of the old one and the first of the new one (seconds of
CLOCK_MONOTONIC), and the microseconds between them.

The protocol: a line "stdio" or "descriptors", then the command up to the end of the stream; the answer is a line with the
exit status and the PID of the gateway, then the output. Or a line "who": the answer is the PID. Or "hang-up": no answer, the
server's end of the connection comes first, and leaves its port in TIME_WAIT. gateway-call.c is the other side.
"""
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time

PORT = 18789
# what a real gateway sets for its commands, and what confuses them when it is left over
MARKERS = {"OPENCLAW_SERVICE_MARKER": "openclaw", "OPENCLAW_SERVICE_KIND": "gateway"}
PROBE_PAUSE = 0.002
PROBE_PATIENCE = 1


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


class Options:
    """Of serve, as they stand in the command line."""

    def __init__(self, args):
        self.port_file = take_option(args, "--any-port", None)
        ports = take_option(args, "--ports", take_option(args, "--port", PORT))
        self.ports = [0] if self.port_file else [int(port) for port in str(ports).split(",")]
        self.leave_child = take_option(args, "--leave-child", None)
        self.start_delay = float(take_option(args, "--start-delay", 0))
        self.exit_after = take_option(args, "--exit-after", None)
        self.ipv6_only = take_flag(args, "--ipv6-only")
        self.reuse = not take_flag(args, "--no-reuseaddr")
        self.insist = take_flag(args, "--insist")
        self.drain = take_flag(args, "--drain")


class Gateway:
    def __init__(self, options):
        self.options = options
        self.running = 0
        self.stopping = False
        self.changed = threading.Condition()

    def answer(self, connection):
        with connection:
            self.answer_request(connection)
        with self.changed:
            self.running -= 1
            self.changed.notify_all()

    def answer_request(self, connection):
        try:
            with connection.makefile("rb") as stream:
                mode = stream.readline().decode().strip()
                if mode == "hang-up":
                    return
                if mode == "who":
                    answer = b"%d\n" % os.getpid()
                else:
                    status, output = run_command(stream.read().decode(), mode)
                    answer = b"%d %d\n" % (status, os.getpid()) + output
            connection.sendall(answer)
        except OSError:
            pass  # the caller has gone

    def stop(self, *_):
        # from a handler: nothing that could take the lock
        self.stopping = True

    def wait_for_commands(self):
        with self.changed:
            while self.running > 0:
                self.changed.wait()

    def bind(self, port):
        """A listening socket. One that a left-over holds shall be seen: SO_REUSEADDR does not help against that."""
        listener = socket.socket(socket.AF_INET6 if self.options.ipv6_only else socket.AF_INET)
        if self.options.ipv6_only:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if self.options.reuse:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        while True:
            try:
                listener.bind((loopback(self.options.ipv6_only), port))
                listener.listen(128)
                return listener
            except OSError as error:
                if not self.options.insist:
                    sys.exit("gateway: cannot listen on port %d: %s" % (port, error))
            time.sleep(0.001)

    def begin(self):
        """All that comes before it is ready; returns the listening sockets."""
        time.sleep(self.options.start_delay)
        if self.options.exit_after is not None:
            if float(self.options.exit_after) == 0:
                give_up()
            threading.Timer(float(self.options.exit_after), give_up).start()
        listeners = [self.bind(port) for port in self.options.ports]
        if self.options.port_file:
            write_file(self.options.port_file, b"%d\n" % listeners[0].getsockname()[1])
        if self.options.leave_child:
            subprocess.Popen(["/bin/sh", "-c", self.options.leave_child], start_new_session=True,
                             stdin=subprocess.DEVNULL, pass_fds=[listener.fileno() for listener in listeners])
        return listeners

    def serve(self):
        listeners = self.begin()
        signal.signal(signal.SIGTERM, self.stop)
        wake_read, wake_write = os.pipe()
        os.set_blocking(wake_write, False)
        signal.set_wakeup_fd(wake_write)
        notify("READY=1")
        while not self.stopping:
            ready, _, _ = select.select([*listeners, wake_read], [], [])
            for listener in listeners:
                if listener in ready:
                    self.accept(listener)
        for listener in listeners:
            listener.close()
        if self.options.drain:
            self.wait_for_commands()
        # not by way of the interpreter: it would wait for nobody's threads
        os._exit(0)

    def accept(self, listener):
        connection, _ = listener.accept()
        with self.changed:
            self.running += 1
        threading.Thread(target=self.answer, args=[connection], daemon=True).start()


def give_up():
    os.write(2, b"gateway: there is no answer to everything\n")
    os._exit(3)


def write_file(path, content):
    """In one step, so that nobody reads half of it."""
    with open(path + ".new", "wb") as file:
        file.write(content)
    os.rename(path + ".new", path)


def notify(text):
    """sd_notify(3)"""
    path = os.environ.pop("NOTIFY_SOCKET", None)
    if path:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.sendto(text.encode(), "\0" + path[1:] if path.startswith("@") else path)


def loopback(ipv6):
    return "::1" if ipv6 else "127.0.0.1"


def ask(address, request, patience=None):
    """The whole answer to a request; OSError without a connection."""
    with socket.create_connection(address, patience) as sock:
        sock.sendall(request.encode())
        sock.shutdown(socket.SHUT_WR)
        sock.settimeout(patience)
        parts = []
        while True:
            part = sock.recv(65536)
            if not part:
                return b"".join(parts)
            parts.append(part)


def who(address):
    """The PID of the gateway that answers in time, or 0."""
    try:
        return int(ask(address, "who\n", PROBE_PATIENCE) or 0)
    except OSError:
        return 0


def measure_downtime(address):
    last, seen = 0, 0.0
    while True:
        pid = who(address)
        now = time.monotonic()
        if pid and last and pid != last:
            print("%d %d %.6f %.6f %d" % (pid, last, seen, now, (now - seen) * 1000000), flush=True)
        if pid:
            last, seen = pid, now
        time.sleep(PROBE_PAUSE)


def take_option(args, name, default):
    if name in args:
        at = args.index(name)
        value = args[at + 1]
        del args[at:at + 2]
        return value
    return default


def take_flag(args, name):
    if name in args:
        args.remove(name)
        return True
    return False


def main():
    args = sys.argv[1:]
    verb = args.pop(0) if args else ""
    if verb == "serve":
        Gateway(Options(args)).serve()
        return 0
    address = (loopback(take_flag(args, "--ipv6-only")), int(take_option(args, "--port", PORT)))
    if verb == "downtime":
        measure_downtime(address)
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
