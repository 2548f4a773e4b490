/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>

#include "daemon/kernel.h"

static int open_directory(int at, const char *path, int *ret) {
        int fd;

        fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;

        *ret = fd;
        return 0;
}

int kernel_open(const char *cgroup_root, Kernel *ret) {
        Kernel kernel = KERNEL_INIT;
        int r;

        r = open_directory(AT_FDCWD, cgroup_root, &kernel.cgroup_fd);
        if (r >= 0)
                r = open_directory(AT_FDCWD, "/proc", &kernel.proc_fd);
        if (r >= 0)
                r = open_directory(kernel.proc_fd, "self/fdinfo", &kernel.fdinfo_fd);
        if (r < 0) {
                kernel_done(&kernel);
                return r;
        }

        *ret = kernel;
        return 0;
}

void kernel_done(Kernel *kernel) {
        closep(&kernel->fdinfo_fd);
        closep(&kernel->proc_fd);
        closep(&kernel->cgroup_fd);
        *kernel = (Kernel) KERNEL_INIT;
}
