# SPDX-License-Identifier: LGPL-2.1-or-later
"""A file system with one file that does not answer all that it is asked: what any user can have in a user namespace (FUSE).

  silent_fuse.py FOLDER UID    mounts one that says nothing when a descriptor is closed, says "server PID", and "asked" for each
                               that is; it ends when that process is killed
"""

import ctypes
import os
import stat
import struct
import sys

MS_NOSUID, MS_NODEV = 2, 4
LOOKUP, FORGET, GETATTR, OPEN, READ, FLUSH, INIT, INTERRUPT, BATCH_FORGET = 1, 2, 3, 14, 15, 25, 26, 36, 42
DIRECT_IO = 1
ENOSYS = 38
SIZE = 65536


def mount(folder, uid):
    """Returns the device to serve from."""
    device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    libc = ctypes.CDLL(None, use_errno=True)
    options = f"fd={device},rootmode=40000,user_id={uid},group_id={uid},allow_other"
    if libc.mount(b"silent", folder.encode(), b"fuse", MS_NOSUID | MS_NODEV, options.encode()) != 0:
        raise SystemExit(f"mount: {os.strerror(ctypes.get_errno())}")
    return device


def attributes(node):
    mode = stat.S_IFDIR | 0o777 if node == 1 else stat.S_IFREG | 0o777
    return struct.pack("=6Q10I", node, SIZE, 0, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)


def serve(device, silent, told):
    """Answers for ever, but for the operation SILENT, which it tells of by a byte to TOLD. What is opened first has a cache, what is
    opened later has none."""
    opened = 0
    while True:
        try:
            request = os.read(device, 1 << 20)
        except FileNotFoundError:  # it was given up before it was read
            continue
        _, operation, unique, node = struct.unpack_from("=IIQQ", request)
        data, error = b"", 0
        if operation == silent:
            os.write(told, b"!")
            continue
        if operation in (FORGET, INTERRUPT, BATCH_FORGET):
            continue
        if operation == INIT:
            data = struct.pack("=4I2H2I2H8I", 7, 31, 0, 0, 0, 0, SIZE, 1, 0, 0, *[0] * 8)
        elif operation == LOOKUP:
            data = struct.pack("=4Q2I", 2, 0, 1000, 1000, 0, 0) + attributes(2)
        elif operation == GETATTR:
            data = struct.pack("=Q2I", 1000, 0, 0) + attributes(node)
        elif operation == OPEN:
            data = struct.pack("=Q2I", 1, DIRECT_IO if opened else 0, 0)
            opened += 1
        else:
            error = -ENOSYS
        os.write(device, struct.pack("=IiQ", 16 + len(data), error, unique) + data)


def start(folder, uid, silent):
    """Mounts and serves it in a child. Returns its PID, and where it tells."""
    device = mount(folder, uid)
    told, tell = os.pipe()
    server = os.fork()
    if server == 0:
        os.close(told)
        serve(device, silent, tell)
    os.close(device)
    os.close(tell)
    return server, told


def main():
    server, told = start(sys.argv[1], int(sys.argv[2]), FLUSH)
    print(f"server {server}", flush=True)
    while os.read(told, 1):
        print("asked", flush=True)


if __name__ == "__main__":
    main()
