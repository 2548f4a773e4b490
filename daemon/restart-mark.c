/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/restart-mark.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"

#define NAME_MAX_HERE 32 /* 20 digits and a suffix */

size_t restart_mark_encode(const RestartMark *mark, char buffer[static RESTART_MARK_MAX]) {
        return (size_t) snprintf(buffer, RESTART_MARK_MAX, "1 %" PRIu64 " %d %d %u %s\n", mark->job,
                                 mark->was_up, mark->starting, mark->n_starts, mark->unit);
}

/* What reads back as the same is what was written: neither signs nor blanks nor zeros get through that
 * sscanf() would skip. */
int restart_mark_decode(const char *text, size_t size, RestartMark *ret) {
        char copy[RESTART_MARK_MAX], back[RESTART_MARK_MAX];
        int was_up, starting, begin = 0;
        RestartMark mark = {};
        size_t length;

        if (size == 0 || size >= sizeof(copy) || memchr(text, '\0', size))
                return -EBADMSG;
        memcpy(copy, text, size);
        copy[size] = '\0';

        if (sscanf(copy, "1 %20" SCNu64 " %1d %1d %1u %n", &mark.job, &was_up, &starting, &mark.n_starts,
                   &begin) != 4 ||
            begin == 0)
                return -EBADMSG;
        length = size - (size_t) begin;
        if (length < 2 || length > UNIT_NAME_MAX + 1)
                return -EBADMSG;
        memcpy(mark.unit, copy + begin, length - 1);
        mark.was_up = was_up;
        mark.starting = starting;

        if (mark.job == 0 || !unit_name_is_valid(mark.unit) || restart_mark_encode(&mark, back) != size ||
            memcmp(back, text, size) != 0)
                return -EBADMSG;
        *ret = mark;
        return 0;
}

static void mark_name(uint64_t job, const char *suffix, char ret[static NAME_MAX_HERE]) {
        (void) snprintf(ret, NAME_MAX_HERE, "%" PRIu64 "%s", job, suffix);
}

static int write_new(int dir_fd, const char *name, const char *text, size_t size) {
        _cleanup_close_ int fd = -1;
        ssize_t n;

        fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return -errno;
        n = write(fd, text, size);
        if (n < 0)
                return -errno;
        return (size_t) n == size ? 0 : -ENOSPC;
}

int restart_mark_write(int dir_fd, const RestartMark *mark) {
        char name[NAME_MAX_HERE], temporary[NAME_MAX_HERE], text[RESTART_MARK_MAX];
        size_t size = restart_mark_encode(mark, text);
        int r;

        mark_name(mark->job, "", name);
        mark_name(mark->job, ".new", temporary);
        r = write_new(dir_fd, temporary, text, size);
        if (r >= 0 && renameat(dir_fd, temporary, dir_fd, name) < 0)
                r = -errno;
        if (r < 0)
                (void) unlinkat(dir_fd, temporary, 0);
        return r;
}

void restart_mark_remove(int dir_fd, uint64_t job) {
        char name[NAME_MAX_HERE];

        mark_name(job, "", name);
        (void) unlinkat(dir_fd, name, 0);
}

static int read_mark(int dir_fd, const char *name, RestartMark *ret) {
        char text[RESTART_MARK_MAX], expected[NAME_MAX_HERE];
        _cleanup_close_ int fd = -1;
        RestartMark mark;
        ssize_t n;
        int r;

        fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd < 0)
                return -errno;
        n = read(fd, text, sizeof(text));
        if (n < 0)
                return -errno;
        r = restart_mark_decode(text, (size_t) n, &mark);
        if (r < 0)
                return r;
        mark_name(mark.job, "", expected);
        if (strcmp(name, expected) != 0)
                return -EBADMSG;

        *ret = mark;
        return 0;
}

int restart_mark_each(int dir_fd, restart_mark_each_t each, void *userdata) {
        _cleanup_closedir_ DIR *dir = NULL;
        struct dirent *entry;
        int fd, r;

        fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        dir = fdopendir(fd);
        if (!dir) {
                closep(&fd);
                return -errno;
        }

        while ((errno = 0, entry = readdir(dir))) {
                RestartMark mark;

                if (entry->d_name[0] == '.')
                        continue;
                r = read_mark(dir_fd, entry->d_name, &mark);
                if (r >= 0)
                        each(&mark, userdata);
                else if (r == -EBADMSG || r == -ELOOP || r == -ENXIO || r == -EISDIR)
                        (void) unlinkat(dir_fd, entry->d_name, 0);
                else if (r != -ENOENT)
                        return r; /* it may well be one */
        }
        return -errno;
}
