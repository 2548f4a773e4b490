/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/adopt/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "tools/adopt/drop-in.h"
#include "tools/status.h"
#include "tools/write-text.h"

#define FILE_MAX (64 * 1024)

int drop_in_folder_path(const char *unit, const char *config, const char *home, char *ret, size_t size) {
        int n;

        if (!config && !home)
                n = snprintf(ret, size, "/etc/systemd/system/%s.d", unit);
        else if (config && config[0] == '/')
                n = snprintf(ret, size, "%s/systemd/user/%s.d", config, unit);
        else if (home && home[0] == '/')
                n = snprintf(ret, size, "%s/.config/systemd/user/%s.d", home, unit);
        else
                return -EINVAL;
        return n < (int) size ? 0 : -ENAMETOOLONG;
}

/* --- the folder --------------------------------------------------------------------------------------- */

static int check_owner(int fd) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return -errno;
        return st.st_uid == 0 || st.st_uid == geteuid() ? 0 : -EPERM;
}

static int open_below(int parent, const char *name, bool create) {
        int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | (geteuid() == 0 ? O_NOFOLLOW : 0), fd, r;

        fd = openat(parent, name, flags);
        if (fd < 0 && errno == ENOENT && create) {
                if (mkdirat(parent, name, 0755) < 0 && errno != EEXIST)
                        return -errno;
                fd = openat(parent, name, flags | O_NOFOLLOW);
        }
        if (fd < 0)
                return -errno;
        r = check_owner(fd);
        if (r < 0) {
                (void) close(fd);
                return r;
        }
        return fd;
}

int drop_in_folder_open(const char *path, bool create, int *ret, Failure *failure) {
        char copy[PATH_MAX], *rest = copy, *name;
        _cleanup_close_ int fd = -1;

        if (snprintf(copy, sizeof(copy), "%s", path) >= (int) sizeof(copy))
                return failure_errno(failure, ENAMETOOLONG, "Cannot open %s", path);
        fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        while (fd >= 0 && (name = strsep(&rest, "/"))) {
                int next;

                if (!name[0])
                        continue;
                next = open_below(fd, name, create);
                if (next == -ENOENT && !create) {
                        *ret = -1;
                        return 0;
                }
                if (next == -EPERM)
                        return failure_set(failure, STATUS_FAILED, "Failed",
                                           "Part of %s belongs to another user; nothing was changed.", path);
                if (next < 0)
                        return failure_errno(failure, next, "Cannot open %s (at \"%s\")", path, name);
                (void) close(fd);
                fd = next;
        }
        if (fd < 0)
                return failure_errno(failure, errno, "Cannot open %s", path);
        *ret = TAKE_FD(fd);
        return 0;
}

/* --- the file ----------------------------------------------------------------------------------------- */

static int fail_foreign(const char *path, Failure *failure) {
        return failure_set(failure, STATUS_FAILED, "Foreign",
                           "%s/" DROP_IN_NAME
                           " was not written by cgmove (its first line says who wrote it); move it away "
                           "first. Nothing was changed.",
                           path);
}

/* Text of at most FILE_MAX bytes; -ENOENT, -ELOOP for a link, -EBADF for what is no file or too large. */
static int read_file(int folder, char *text) {
        _cleanup_close_ int fd = -1;
        struct stat st;
        ssize_t n;

        fd = openat(folder, DROP_IN_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode) || st.st_size > FILE_MAX)
                return -EBADF;
        n = pread(fd, text, FILE_MAX, 0);
        if (n < 0)
                return -errno;
        text[n] = '\0';
        return 0;
}

int drop_in_look(int folder, const char *path, const char *text, DropInState *ret, Failure *failure) {
        _cleanup_free_ char *there = NULL;
        int r;

        *ret = DROP_IN_ABSENT;
        if (folder < 0)
                return 0;
        there = malloc(FILE_MAX + 1);
        if (!there)
                return failure_errno(failure, ENOMEM, "Cannot read %s/" DROP_IN_NAME, path);
        r = read_file(folder, there);
        if (r == -ENOENT)
                return 0;
        if (r == -ELOOP || r == -EBADF || (r >= 0 && !drop_in_is_ours(there)))
                return fail_foreign(path, failure);
        if (r < 0)
                return failure_errno(failure, r, "Cannot read %s/" DROP_IN_NAME, path);
        *ret = text && strcmp(there, text) == 0 ? DROP_IN_SAME : DROP_IN_OTHER_TEXT;
        return 0;
}

int drop_in_write(int folder, const char *path, const char *text, Failure *failure) {
        _cleanup_close_ int fd = -1;
        char temporary[64];
        int r;

        /* systemd reads only files that end in ".conf" */
        (void) snprintf(temporary, sizeof(temporary), ".%s.%d", DROP_IN_NAME, (int) getpid());
        (void) unlinkat(folder, temporary, 0);
        fd = openat(folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        r = fd < 0 ? -errno : write_text(fd, text);
        if (r >= 0 && renameat(folder, temporary, folder, DROP_IN_NAME) < 0)
                r = -errno;
        if (r < 0 && fd >= 0)
                (void) unlinkat(folder, temporary, 0);
        if (r >= 0 && fsync(folder) < 0)
                r = -errno;
        return r < 0 ? failure_errno(failure, r, "Cannot write %s/" DROP_IN_NAME, path) : 0;
}

int drop_in_remove(int folder, const char *path, Failure *failure) {
        _cleanup_close_ int parent = -1;

        if (unlinkat(folder, DROP_IN_NAME, 0) < 0)
                return failure_errno(failure, errno, "Cannot remove %s/" DROP_IN_NAME, path);
        parent = openat(folder, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (parent >= 0) /* fails where it holds something else, which is right */
                (void) unlinkat(parent, strrchr(path, '/') + 1, AT_REMOVEDIR);
        return 0;
}
