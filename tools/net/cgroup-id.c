/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/net/cgroup-id.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "lib/cleanup.h"

typedef struct Walk {
        int root_fd;
        CgroupId *groups;
        size_t n, n_left;
        char **queue; /* paths still to be read, without the leading slash; "" is the root */
        size_t n_queue;
} Walk;

static void walk_done(Walk *walk) {
        for (size_t i = 0; i < walk->n_queue; i++)
                free(walk->queue[i]);
        free(walk->queue);
}

static void walk_match(Walk *walk, uint64_t id, const char *path) {
        for (size_t i = 0; i < walk->n; i++)
                if (walk->groups[i].id == id && !walk->groups[i].path[0]) {
                        (void) snprintf(walk->groups[i].path, CGROUP_ID_PATH_MAX, "/%s", path);
                        walk->n_left--;
                }
}

static int walk_visit(Walk *walk, uint64_t id, const char *path) {
        char *copy;

        if (strlen(path) + 2 > CGROUP_ID_PATH_MAX || walk->n_queue >= CGROUP_ID_GROUPS_MAX)
                return 0;
        walk_match(walk, id, path);
        copy = strdup(path);
        if (!copy)
                return -ENOMEM;
        walk->queue[walk->n_queue++] = copy;
        return 0;
}

static int walk_read(Walk *walk, const char *path) {
        _cleanup_closedir_ DIR *dir = NULL;
        struct dirent *entry;
        int fd;

        fd = openat(walk->root_fd, path[0] ? path : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return 0;
        dir = fdopendir(fd);
        if (!dir) {
                int r = errno == ENOMEM ? -ENOMEM : 0; /* it may have been removed */

                (void) close(fd);
                return r;
        }

        while (walk->n_left > 0 && (entry = readdir(dir))) {
                char below[CGROUP_ID_PATH_MAX + sizeof(entry->d_name) + 1];
                int r;

                if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
                        continue;
                (void) snprintf(below, sizeof(below), "%s%s%s", path, path[0] ? "/" : "", entry->d_name);
                r = walk_visit(walk, entry->d_ino, below);
                if (r < 0)
                        return r;
        }
        return 0;
}

int cgroup_ids_find(int root_fd, CgroupId *groups, size_t n) {
        _cleanup_(walk_done) Walk walk = { .root_fd = root_fd, .groups = groups, .n = n, .n_left = n };
        struct stat st;
        int r;

        for (size_t i = 0; i < n; i++)
                groups[i].path[0] = '\0';
        walk.queue = malloc(CGROUP_ID_GROUPS_MAX * sizeof(*walk.queue));
        if (!walk.queue)
                return -ENOMEM;

        r = fstat(root_fd, &st) < 0 ? 0 : walk_visit(&walk, st.st_ino, "");
        for (size_t i = 0; r == 0 && i < walk.n_queue && walk.n_left > 0; i++)
                r = walk_read(&walk, walk.queue[i]);
        return r;
}

int cgroup_root_open(void) {
        static const char *const roots[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };

        for (size_t i = 0; i < ELEMENTSOF(roots); i++) {
                _cleanup_close_ int fd = open(roots[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
                struct statfs fs;

                if (fd >= 0 && fstatfs(fd, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC)
                        return TAKE_FD(fd);
        }
        return -ENODATA;
}
