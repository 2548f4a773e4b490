/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/policy-folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "tools/write-text.h"

int policy_folder_open(int *ret, Failure *failure) {
        int fd;

        if (mkdir(POLICY_FOLDER, 0755) < 0 && errno != EEXIST)
                return failure_errno(failure, errno, "Cannot make %s", POLICY_FOLDER);

        fd = open(POLICY_FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return failure_errno(failure, errno, "Cannot open %s", POLICY_FOLDER);

        *ret = fd;
        return 0;
}

int policy_folder_write(int folder, const char *name, const char *text) {
        _cleanup_free_ char *temporary = NULL;
        _cleanup_close_ int fd = -1;
        int r;

        if (asprintf(&temporary, ".%s.%d", name, (int) getpid()) < 0)
                return -ENOMEM;

        fd = openat(folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;

        r = write_text(fd, text);
        if (r >= 0 && linkat(folder, temporary, folder, name, 0) < 0)
                r = -errno;
        (void) unlinkat(folder, temporary, 0);
        if (r >= 0 && fsync(folder) < 0)
                r = -errno;

        return r;
}
