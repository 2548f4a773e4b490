# SPDX-License-Identifier: LGPL-2.1-or-later
# stuck-memory.py UID FOLDER: becomes a process of UID whose memory nobody can look at: whoever reads /proc/PID/cmdline waits. Any user can do
# that, with a file system of his own in a user namespace. A thread reads a file there, and is not answered; another maps that file, for
# which the kernel throws away what it knows of it, waits for the page that is being read, and has the lock of the process's memory
# (mmap_lock) meanwhile. Says "server PID" when it is so; it ends when that process is killed.

import mmap
import os
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import silent_fuse  # noqa: E402


def main():
    uid, folder = int(sys.argv[1]), sys.argv[2]
    server, told = silent_fuse.start(folder, uid, silent_fuse.READ)
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)

    first, second = (os.open(folder + "/file", os.O_RDONLY) for _ in range(2))
    threading.Thread(target=os.read, args=(first, 1), daemon=True).start()
    os.read(told, 1)
    print(f"server {server}", flush=True)
    # with Python's own lock, so that nothing happens here until it is done
    mmap.mmap(second, silent_fuse.SIZE, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)
    time.sleep(1000)


main()
