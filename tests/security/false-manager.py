#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A process of a user in the place of his manager: in its cgroup, and listening at its socket. (Threat 17.)

  false-manager.py MODE [FILE]    until it is ended; "ready" when it listens; the true socket is "true" then, beside it

MODE is what each connection gets: silent (nothing), line (an authentication without end), announce (a message of 100 MiB, and
so much of it), signals (signals without end), large (signals of 900 KiB without end), descriptors (with each byte), half
(an answer that stops), garbage, wrong (an answer of another type), close (at once), file (an answer with a descriptor of FILE).
"""
import array
import os
import socket
import struct
import sys
import threading

from peer import Writer, raw_message

RUNTIME = os.environ["XDG_RUNTIME_DIR"] + "/systemd/"
GROUP = "/sys/fs/cgroup/user.slice/user-{0}.slice/user@{0}.service/init.scope/cgroup.procs".format(os.getuid())


def signal_of(size):
    body = Writer()
    body.string("x" * size)
    return raw_message(4, 1, [(1, "o", "/org/freedesktop/systemd1"), (2, "s", "org.freedesktop.systemd1.Manager"), (3, "s", "UnitNew"),
                              (8, "g", "s")], body.data, flags=1)


def authenticate(sock):
    heard = b""
    while b"BEGIN" not in heard:
        part = sock.recv(4096)
        if not part:
            return
        heard += part
    answers = b"OK 0123456789abcdef0123456789abcdef\r\n"
    sock.sendall((b"DATA\r\n" if b"DATA" in heard else b"") + answers + (b"AGREE_UNIX_FD\r\n" if b"NEGOTIATE" in heard else b""))


def serve(sock, mode):
    if mode == "silent":
        sock.recv(1 << 20)
        threading.Event().wait()
    while mode == "line":
        sock.sendall(b"DATA " + b"3" * 65536)
    if mode == "close":
        return
    authenticate(sock)
    if mode == "announce":
        sock.sendall(struct.pack("<cBBBIII", b"l", 4, 0, 1, 100 << 20, 1, 8) + bytes(8))
        while True:
            sock.sendall(bytes(1 << 20))
    if mode in ("signals", "large"):
        raw = signal_of(900 << 10) if mode == "large" else signal_of(8) * 1000
        while True:
            sock.sendall(raw)
    null = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
    while mode == "descriptors":
        sock.sendmsg([b"l"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [null] * 250))])
    if mode == "half":
        sock.sendall(raw_message(2, 1, [(5, "u", 2), (8, "g", "v")], b"\1u\0\0\0\0\0\0", flags=1)[:-2])
        threading.Event().wait()
    while mode == "garbage":
        sock.sendall(os.urandom(4096))
    if mode == "file":
        file = os.open(sys.argv[2], os.O_RDONLY | os.O_CLOEXEC)
        socket.send_fds(sock, [raw_message(2, 1, [(5, "u", 1), (8, "g", "h"), (9, "u", 1)], bytes(4), flags=1)], [file])
        threading.Event().wait()
    if mode == "wrong":
        for serial in range(1, 10):
            sock.sendall(raw_message(2, 1, [(5, "u", serial), (8, "g", "v")], b"\1s\0\0\0\0\0\0\0", flags=1))
        threading.Event().wait()


def serve_safely(sock, mode):
    try:
        serve(sock, mode)
    except OSError:
        pass
    sock.close()


def main():
    with open(GROUP, "w", encoding="ascii") as file:
        file.write(str(os.getpid()))
    listener = socket.socket(socket.AF_UNIX)
    os.rename(RUNTIME + "private", RUNTIME + "true")
    listener.bind(RUNTIME + "private")
    listener.listen(100)
    print("ready", flush=True)
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=serve_safely, args=(sock, sys.argv[1]), daemon=True).start()


main()
