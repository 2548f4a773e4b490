#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Holds a TCP port in one of the ways in which a port can be held.

  holder.py [--address A] [--name COMM] [--children N] [--bind-only | --connection | --many N] PORT   until it is ended
  holder.py --time-wait [--reuse] PORT       leaves a connection in TIME_WAIT that the server ended first
  holder.py --try [--reuse] PORT             whether a server could listen on 127.0.0.1

--connection holds what was accepted, and listens no more. --many listens on N addresses, and has as many sockets bound on
other ports. As a unit it is of Type=notify.
"""
import argparse
import os
import socket
import sys
import time


def listener(address, port, reuse=False, backlog=8):
    server = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    if reuse:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((address, port))
    if backlog:
        server.listen(backlog)
    return server


def connection(port, reuse=False):
    server = listener("127.0.0.1", port, reuse)
    client = socket.create_connection(("127.0.0.1", port))
    accepted, _ = server.accept()
    server.close()
    return accepted, client


def leave_time_wait(port, reuse):
    accepted, client = connection(port, reuse)
    accepted.close()
    client.recv(1)  # the end of it: now the server's side is in FIN_WAIT2
    client.close()
    time.sleep(0.2)


def many(n, port):
    held = [listener(f"127.0.{1 + i // 250}.{1 + i % 250}", port) for i in range(n)]
    return held + [listener("127.0.0.1", 0, backlog=0) for _ in range(n)]


def hold(arguments):
    if arguments.connection:
        return connection(arguments.port)
    if arguments.many:
        return many(arguments.many, arguments.port)
    return listener(arguments.address, arguments.port, backlog=0 if arguments.bind_only else 8)


def ready():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.connect(os.environ["NOTIFY_SOCKET"].replace("@", "\0", 1))
        manager.send(b"READY=1")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--name")
    parser.add_argument("--children", type=int, default=0)
    parser.add_argument("--many", type=int, default=0)
    for flag in ("--bind-only", "--connection", "--time-wait", "--reuse", "--try"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("port", type=int)
    arguments = parser.parse_args()

    if arguments.time_wait:
        leave_time_wait(arguments.port, arguments.reuse)
        return
    if getattr(arguments, "try"):
        listener("127.0.0.1", arguments.port, arguments.reuse)
        return
    held = hold(arguments)  # pylint: disable=unused-variable
    if arguments.name:
        with open("/proc/self/comm", "wb") as comm:
            comm.write(arguments.name.encode())
    for _ in range(arguments.children):
        if os.fork() == 0:
            time.sleep(3600)
            sys.exit()
    ready()
    time.sleep(3600)


main()
