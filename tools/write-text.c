/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/write-text.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int write_text(int fd, const char *text) {
        for (size_t n = strlen(text); n > 0;) {
                ssize_t k = write(fd, text, n);

                if (k < 0 && errno != EINTR)
                        return -errno;
                if (k > 0) {
                        text += k;
                        n -= (size_t) k;
                }
        }
        return fchmod(fd, 0644) < 0 || fsync(fd) < 0 ? -errno : 0;
}
