/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nss-pam/pam-runtime.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "lib/cleanup.h"

static bool is_of(const struct stat *st, uid_t uid, mode_t type) {
        return st->st_uid == uid && (st->st_mode & S_IFMT) == type;
}

void pam_runtime_find(const char *root, uid_t uid, PamRuntime *ret) {
        char path[PAM_RUNTIME_PATH_MAX];
        _cleanup_close_ int fd = -1;
        struct stat st;
        int n;

        *ret = (PamRuntime){};
        n = snprintf(path, sizeof(path), "%s/%u", root, uid);
        if (n < 0 || (size_t) n >= sizeof(path))
                return;

        fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0 || !is_of(&st, uid, S_IFDIR))
                return;
        (void) snprintf(ret->directory, sizeof(ret->directory), "%s", path);
        if (fstatat(fd, "bus", &st, AT_SYMLINK_NOFOLLOW) >= 0 && is_of(&st, uid, S_IFSOCK))
                (void) snprintf(ret->bus_address, sizeof(ret->bus_address), "unix:path=%s/bus", path);
}
