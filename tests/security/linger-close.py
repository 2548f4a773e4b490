#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# linger-close.py UID DAEMON WAY N: N connections of UID to the daemon, each with TCP sockets among what it has sent that wait for their
# other side when they are closed for good (SO_LINGER), which is here and reads nothing. Nobody but the daemon has them then. WAY:
#   line       behind a line that is no authentication: the daemon closes the connection, and them with it
#   unread     on a connection that ends at once: likewise
#   many       more with one message than the daemon has room for
# As root, which keeps the daemon still meanwhile. Says how many such sockets were sent, and keeps the other sides until its input ends.

import array
import os
import signal
import socket
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import peer  # noqa: E402

FOR_EVER = 2 ** 31 - 1


def lingering():
    """A socket that is full, and its other side."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname())
        theirs, _ = server.accept()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, FOR_EVER))
    ours.setblocking(False)
    try:
        while True:
            ours.send(bytes(65536))
    except BlockingIOError:
        return ours, theirs


def connect(way):
    if way == "many":
        return peer.Peer().authenticate().sock
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(peer.SOCKET)
    return sock


def send(way, client, sockets):
    if way == "line":
        client.sendall(b"no authentication begins so\r\n")
    # the last of so many have no room
    null = os.open("/dev/null", os.O_RDONLY)
    fds = [null] * (253 - len(sockets) if way == "many" else 0) + [sock.fileno() for sock in sockets]
    client.sendmsg([b"l"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))])
    os.close(null)
    for sock in sockets:
        sock.close()


def main():
    uid, daemon, way, n = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    os.setegid(uid)
    os.seteuid(uid)
    pairs = [[lingering() for _ in range(2)] for _ in range(n)]
    if way == "many":  # which has to authenticate first
        clients = [connect(way) for _ in pairs]
    os.seteuid(0)
    os.kill(daemon, signal.SIGSTOP)
    os.seteuid(uid)
    if way != "many":
        clients = [connect(way) for _ in pairs]
    for client, of_one in zip(clients, pairs):
        send(way, client, [ours for ours, _ in of_one])
    if way == "unread":
        for client in clients:
            client.close()
    os.seteuid(0)
    os.kill(daemon, signal.SIGCONT)
    print(2 * n, flush=True)
    sys.stdin.read()


main()
