/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/allowed-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/allowed-snapshot.h"
#include "lib/cleanup.h"

#define NEW_NAME "." ALLOWED_FILE_NAME ".new"

static int write_new(int dir_fd, const char *text, size_t size) {
        _cleanup_close_ int fd = -1;

        (void) unlinkat(dir_fd, NEW_NAME, 0); /* of a daemon that was killed */
        fd = openat(dir_fd, NEW_NAME, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return -errno;

        while (size > 0) {
                ssize_t n = write(fd, text, size);

                if (n <= 0)
                        return n < 0 ? -errno : -ENOSPC;
                text += n;
                size -= (size_t) n;
        }
        /* whatever the umask is: every program reads it */
        return fchmod(fd, 0644) < 0 ? -errno : 0;
}

static int replace(int dir_fd, uint32_t gid, const char *names, size_t size) {
        _cleanup_free_ char *text = NULL;
        size_t length;
        int r;

        r = allowed_encode(gid, names, size, &text, &length);
        if (r >= 0)
                r = write_new(dir_fd, text, length);
        if (r >= 0 && renameat(dir_fd, NEW_NAME, dir_fd, ALLOWED_FILE_NAME) < 0)
                r = -errno;
        if (r < 0)
                (void) unlinkat(dir_fd, NEW_NAME, 0);
        return r;
}

int allowed_file_write(const char *run_dir, uint32_t gid, const char *names, size_t size) {
        _cleanup_close_ int dir_fd = -1;
        int r = 0;

        dir_fd = open(run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (dir_fd < 0)
                return -errno;

        if (names)
                r = replace(dir_fd, gid, names, size);
        if ((!names || r < 0) && unlinkat(dir_fd, ALLOWED_FILE_NAME, 0) < 0 && errno != ENOENT && r >= 0)
                r = -errno;
        return r;
}
