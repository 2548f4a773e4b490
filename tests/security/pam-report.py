#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reports sessions in the place of the PAM module.

  pam-report.py open UID SERVICE [GID]...       the groups as the option "gids", without any as no option
  pam-report.py option UID SERVICE KEY          an option of type "u" that is not for this
  pam-report.py close SESSION UID SERVICE
  pam-report.py close-option SESSION UID SERVICE KEY

SERVICE may be hex=... for what no command line can have. Prints the answer, or the name of the error and its message.
"""
import os
import sys

from peer import MANAGER, PATH, Closed, Peer, Writer


def own_uid():
    """As the kernel tells the daemon of it, from inside of a user namespace too."""
    with open("/proc/self/uid_map", encoding="ascii") as file:
        for line in file:
            inside, outside, number = map(int, line.split())
            if inside <= os.geteuid() < inside + number:
                return outside + os.geteuid() - inside
    return os.geteuid()


def service_of(word):
    return bytes.fromhex(word[4:]).decode("utf-8", "surrogateescape") if word.startswith("hex=") else word


def gids_option(body, gids):
    def entry(_):
        body.align(8)
        body.string("gids")
        body.signature("au")
        body.array(4, gids, lambda gid: body.fixed("I", 4, gid))
    body.array(8, [0] if gids else [], entry)


def main(verb, *args):
    body = Writer()
    if verb.startswith("close"):
        body.fixed("Q", 8, int(args[0]))
        args = args[1:]
    body.fixed("I", 4, int(args[0]))
    body.string(service_of(args[1]))
    if verb == "open":
        gids_option(body, [int(gid) for gid in args[2:]])
    else:
        body.options([(key, "u", 1) for key in args[2:]])

    member, signature = ("CloseSession", "tusa{sv}") if verb.startswith("close") else ("OpenSession", "usa{sv}")
    peer = Peer().authenticate(own_uid())
    peer.send(PATH, MANAGER, member, signature, bytes(body.data))
    return peer.answer()


if __name__ == "__main__":
    try:
        print(main(*sys.argv[1:]))
    except (Closed, OSError):
        print("closed")
