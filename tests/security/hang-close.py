# SPDX-License-Identifier: LGPL-2.1-or-later
# hang-close.py UID FOLDER N: asks the daemon, as UID, to move what N descriptors of a file stand for whose file system says nothing when
# one of them is closed. Says "server PID", then how the daemon answers each of two calls; it ends when that process is killed.

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import peer  # noqa: E402
import silent_fuse  # noqa: E402


def call(fds):
    body = peer.Writer()
    body.array(4, range(len(fds)), lambda i: body.fixed("I", 4, i))
    body.options([])
    try:
        client = peer.Peer().authenticate()
        client.send(peer.PATH, peer.MANAGER, "Move", "aha{sv}", body.data, fds)
        return client.answer()
    except (peer.Closed, OSError) as closed:
        return f"closed {closed}"


def main():
    uid, folder, n = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    server, told = silent_fuse.start(folder, uid, silent_fuse.FLUSH)
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    print(f"server {server}", flush=True)
    fds = [os.open(folder + "/file", os.O_RDONLY) for _ in range(n)]
    print(call(fds), flush=True)
    os.read(told, 1)  # somebody waits now
    print(call(fds), flush=True)
    print("end", flush=True)
    os._exit(0)  # which waits, too


main()
