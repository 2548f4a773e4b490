#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# bus-descriptors.py NAME...: sends each of these connections of the system bus signals that have a descriptor each. Says how many.

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import peer  # noqa: E402
from peer import raw_message  # noqa: E402

peer.SOCKET = "/run/dbus/system_bus_socket"
TIMES = 8


def signal(serial, name):
    return raw_message(4, serial, [(1, "o", "/org/freedesktop/login1"), (2, "s", "org.freedesktop.login1.Manager"), (3, "s", "SessionRemoved"),
                                   (6, "s", name), (8, "g", "h"), (9, "u", 1)], bytes(4))


def main():
    bus = peer.Peer().authenticate()
    bus.send("/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello", destination="org.freedesktop.DBus")
    bus.receive()
    names = sys.argv[1:] * TIMES
    for serial, name in enumerate(names, 2):
        peer.socket.send_fds(bus.sock, [signal(serial, name)], [0])
    # the bus has taken all of them when it answers what comes behind
    bus.send("/org/freedesktop/DBus", "org.freedesktop.DBus", "GetId", destination="org.freedesktop.DBus")
    bus.receive()
    print(len(names))


main()
