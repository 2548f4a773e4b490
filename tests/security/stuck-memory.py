# SPDX-License-Identifier: LGPL-2.1-or-later
# stuck-memory.py UID FOLDER: becomes a process of UID whose memory nobody can look at: whoever reads /proc/PID/cmdline waits. Any user can do
# that, with a file system of his own in a user namespace. A thread reads a file there, and is not answered; another maps that file, for
# which the kernel throws away what it knows of it, waits for the page that is being read, and has the lock of the process's memory
# (mmap_lock) meanwhile. Says "server PID" when it is so; it ends when that process is killed.

import ctypes
import mmap
import os
import stat
import struct
import sys
import threading
import time

MS_NOSUID, MS_NODEV = 2, 4
LOOKUP, FORGET, GETATTR, OPEN, READ, INIT, INTERRUPT, BATCH_FORGET = 1, 2, 3, 14, 15, 26, 36, 42
DIRECT_IO = 1
ENOSYS = 38
SIZE = 65536


def attributes(node):
    mode = stat.S_IFDIR | 0o777 if node == 1 else stat.S_IFREG | 0o777
    return struct.pack("=6Q10I", node, SIZE, 0, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)


def serve(device, reading):
    opened = 0
    while True:
        try:
            request = os.read(device, 1 << 20)
        except FileNotFoundError:  # it was given up before it was read
            continue
        _, operation, unique, node = struct.unpack_from("=IIQQ", request)
        data, error = b"", 0
        if operation == INIT:
            data = struct.pack("=4I2H2I2H8I", 7, 31, 0, 0, 0, 0, SIZE, 1, 0, 0, *[0] * 8)
        elif operation == LOOKUP:
            data = struct.pack("=4Q2I", 2, 0, 1000, 1000, 0, 0) + attributes(2)
        elif operation == GETATTR:
            data = struct.pack("=Q2I", 1000, 0, 0) + attributes(node)
        elif operation == OPEN:
            data = struct.pack("=Q2I", 1, DIRECT_IO if opened else 0, 0)
            opened += 1
        elif operation in (READ, FORGET, INTERRUPT, BATCH_FORGET):
            if operation == READ:
                os.write(reading, b"!")
            continue
        else:
            error = -ENOSYS
        os.write(device, struct.pack("=IiQ", 16 + len(data), error, unique) + data)


def main():
    uid, folder = int(sys.argv[1]), sys.argv[2]
    device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    libc = ctypes.CDLL(None, use_errno=True)
    options = f"fd={device},rootmode=40000,user_id={uid},group_id={uid},allow_other"
    if libc.mount(b"stuck", folder.encode(), b"fuse", MS_NOSUID | MS_NODEV, options.encode()) != 0:
        sys.exit(f"mount: {os.strerror(ctypes.get_errno())}")
    told, reading = os.pipe()
    server = os.fork()
    if server == 0:
        serve(device, reading)
    os.close(device)
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)

    first, second = (os.open(folder + "/file", os.O_RDONLY) for _ in range(2))
    threading.Thread(target=os.read, args=(first, 1), daemon=True).start()
    os.read(told, 1)
    print(f"server {server}", flush=True)
    # with Python's own lock, so that nothing happens here until it is done
    mmap.mmap(second, SIZE, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)
    time.sleep(1000)


main()
