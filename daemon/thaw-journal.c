/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "daemon/cgroup.h"
#include "daemon/log.h"
#include "daemon/thaw-journal.h"

#define DROP_TRIES 3

struct FrozenGroup {
        char *path;
        int group_fd;
        int freezer;
        int dir_fd; /* of the journal; not ours */
        char note[24];
};

const char *frozen_group_path(const FrozenGroup *group) {
        return group->path;
}

int frozen_group_fd(const FrozenGroup *group) {
        return group->group_fd;
}

/* The name need only be free: the content says what it is about. */
static int write_note(FrozenGroup *group) {
        size_t size = strlen(group->path);
        _cleanup_close_ int fd = -1;

        for (unsigned i = 0; fd < 0; i++) {
                (void) snprintf(group->note, sizeof(group->note), "%u", i);
                fd = openat(group->dir_fd, group->note, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
                if (fd < 0 && errno != EEXIST) {
                        int r = -errno;

                        group->note[0] = '\0';
                        return r;
                }
        }

        if (write(fd, group->path, size) != (ssize_t) size)
                return -ENOSPC;
        return 0;
}

int frozen_group_new(int dir_fd, const char *path, int group_fd, FrozenGroup **ret) {
        _cleanup_(frozen_group_freep) FrozenGroup *group = NULL;
        int r;

        group = calloc(1, sizeof(*group));
        if (!group)
                return -ENOMEM;
        group->dir_fd = dir_fd;
        group->freezer = -1;
        group->group_fd = fcntl(group_fd, F_DUPFD_CLOEXEC, 3);
        if (group->group_fd < 0)
                return -errno;
        group->path = strdup(path);
        if (!group->path)
                return -ENOMEM;

        r = cgroup_open_freezer(group_fd, &group->freezer);
        if (r >= 0)
                r = write_note(group);
        if (r >= 0)
                r = cgroup_freeze(group->group_fd, true);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(group);
        return 0;
}

/* One that stays would have the next daemon thaw what somebody else has frozen meanwhile. */
static void drop_note(int dir_fd, const char *note) {
        for (unsigned i = 0; i < DROP_TRIES && unlinkat(dir_fd, note, 0) < 0 && errno != ENOENT; i++)
                ;
}

FrozenGroup *frozen_group_free(FrozenGroup *group) {
        int r = 0;

        if (!group)
                return NULL;

        if (group->note[0])
                r = cgroup_thaw(group->freezer);
        if (r < 0)
                log_failure(NULL, "The cgroup %s cannot be thawed: %s", group->path, strerror(-r));
        else if (group->note[0])
                drop_note(group->dir_fd, group->note);
        closep(&group->freezer);
        closep(&group->group_fd);
        free(group->path);
        free(group);
        return NULL;
}

/* The group is gone, or was none. */
static bool is_gone(int error) {
        return error == -ENOENT || error == -ENODEV || error == -ENOTDIR || error == -EINVAL || error == -ENAMETOOLONG;
}

/* A note stays until its group is thawed, or is no more. */
static int replay_note(int dir_fd, const char *note, int cgroup_root_fd) {
        _cleanup_close_ int file = -1, group = -1;
        char path[PATH_MAX];
        ssize_t n;
        int r;

        file = openat(dir_fd, note, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (file < 0)
                return errno == ENOENT ? 0 : -errno;
        n = read(file, path, sizeof(path) - 1);
        if (n < 0)
                return -errno;
        path[n] = '\0';

        r = cgroup_open(cgroup_root_fd, path, &group);
        if (r >= 0)
                r = cgroup_freeze(group, false);
        if (r < 0 && !is_gone(r))
                return r;
        drop_note(dir_fd, note);
        return 0;
}

int thaw_journal_replay(int dir_fd, int cgroup_root_fd) {
        _cleanup_closedir_ DIR *dir = NULL;
        struct dirent *entry;
        int fd, r;

        fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        dir = fdopendir(fd);
        if (!dir) {
                r = -errno;
                closep(&fd);
                return r;
        }

        while ((errno = 0, entry = readdir(dir))) {
                r = entry->d_name[0] == '.' ? 0 : replay_note(dir_fd, entry->d_name, cgroup_root_fd);
                if (r < 0)
                        return r;
        }
        return -errno;
}
