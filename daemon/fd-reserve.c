/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/fd-reserve.h"

#include <errno.h>
#include <sys/eventfd.h>

int fd_reserve_fill(FdReserve *reserve) {
        while (reserve->n < FD_RESERVE_SIZE) {
                /* a file of its own each: the system may be out of files, not only the process of numbers */
                int fd = eventfd(0, EFD_CLOEXEC);

                if (fd < 0)
                        return -errno;
                reserve->fds[reserve->n++] = fd;
        }
        return 0;
}

void fd_reserve_release(FdReserve *reserve) {
        while (reserve->n > 0)
                closep(&reserve->fds[--reserve->n]);
}
