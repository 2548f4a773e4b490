# SPDX-License-Identifier: LGPL-2.1-or-later
# hang-mount.py PATH UID: mounts a file system onto PATH that answers nothing, as the user UID could by fusermount3 where
# /etc/fuse.conf has user_allow_other, and says so. It ends with this process.

import ctypes
import os
import sys
import time

MS_NOSUID, MS_NODEV = 2, 4

path, uid = sys.argv[1:]
libc = ctypes.CDLL(None, use_errno=True)
fd = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
options = f"fd={fd},rootmode=40000,user_id={uid},group_id={uid},allow_other"
if libc.mount(b"hanging", path.encode(), b"fuse", MS_NOSUID | MS_NODEV, options.encode()) != 0:
    sys.exit(f"mount: {os.strerror(ctypes.get_errno())}")
print("mounted", flush=True)
time.sleep(1000)
