/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/pool-tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/cgroup.h"
#include "lib/cleanup.h"
#include "lib/proc.h"
#include "lib/values.h"

#define POOLS_PATH "/user.slice/user-cgmove.slice"
#define POOL_SLICE "user-cgmove-%u.slice"
#define POOL_UNIT "cgmove@%u.service"

const char *const pool_controllers[] = { "pids", "memory", "cpu" };
_Static_assert(ELEMENTSOF(pool_controllers) == N_POOL_CONTROLLERS, "one bit for each controller");

void pool_tree_path(uid_t uid, char ret[static POOL_PATH_MAX]) {
        (void) snprintf(ret, POOL_PATH_MAX, POOLS_PATH "/" POOL_SLICE "/" POOL_UNIT, uid, uid);
}

void pool_tree_unit(uid_t uid, char ret[static POOL_UNIT_MAX]) {
        (void) snprintf(ret, POOL_UNIT_MAX, POOL_UNIT, uid);
}

/* --- controllers --------------------------------------------------------------------------------------- */

static int read_controllers(int fd, const char *attribute, unsigned *ret) {
        char text[256], *word, *rest = NULL;
        unsigned controllers = 0;
        int r;

        r = cgroup_read(fd, attribute, text, sizeof(text));
        if (r < 0)
                return r;
        for (word = strtok_r(text, " \n", &rest); word; word = strtok_r(NULL, " \n", &rest))
                for (unsigned i = 0; i < N_POOL_CONTROLLERS; i++)
                        if (strcmp(word, pool_controllers[i]) == 0)
                                controllers |= 1U << i;
        *ret = controllers;
        return 0;
}

int pool_tree_enable_controllers(int fd, unsigned *ret_controllers) {
        unsigned available, enabled;
        int r;

        r = read_controllers(fd, "cgroup.controllers", &available);
        if (r == -ENOENT) { /* a plain directory in place of a cgroup tree */
                *ret_controllers = 0;
                return 0;
        }
        if (r < 0)
                return r;

        /* one at a time: the cpu controller may be refused for reasons of its own (real-time processes) */
        for (unsigned i = 0; i < N_POOL_CONTROLLERS; i++) {
                char word[16];

                if (!(available & 1U << i))
                        continue;
                (void) snprintf(word, sizeof(word), "+%s", pool_controllers[i]);
                r = cgroup_write(fd, "cgroup.subtree_control", word);
                if (r == -ENODEV)
                        return r;
        }

        r = read_controllers(fd, "cgroup.subtree_control", &enabled);
        if (r < 0)
                return r;
        *ret_controllers = enabled;
        return 0;
}

/* --- what is there ------------------------------------------------------------------------------------- */

bool pool_tree_has_keeper(int fd, bool populated) {
        CgroupEvents events;

        if (!populated)
                return faccessat(fd, "keeper", F_OK, AT_SYMLINK_NOFOLLOW) == 0;
        return cgroup_get_events(fd, "keeper/cgroup.events", &events) >= 0 && events.populated;
}

static int is_told(pid_t pid, void *userdata) {
        const int *proc_fd = userdata;
        uint64_t signals;

        return proc_get_pending_signals(*proc_fd, pid, &signals) >= 0 && signals != 0;
}

bool pool_tree_keeper_is_told(int fd, int proc_fd) {
        _cleanup_close_ int keeper = -1;

        return cgroup_open(fd, "/keeper", &keeper) >= 0 && cgroup_each_process(keeper, is_told, &proc_fd) > 0;
}

/* A stream of its own for the entries of FD; NULL with errno. */
static DIR *open_directory(int fd) {
        int copy;
        DIR *dir;

        copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (copy < 0)
                return NULL;
        dir = fdopendir(copy);
        if (!dir)
                closep(&copy);
        return dir;
}

static bool group_is_used(int fd, const char *name) {
        CgroupEvents events;
        char path[NAME_MAX + 32];
        int r;

        (void) snprintf(path, sizeof(path), "%s/cgroup.events", name);
        r = cgroup_get_events(fd, path, &events);
        return r < 0 ? r != -ENOENT && r != -ENODEV : events.populated;
}

bool pool_tree_is_used(int fd) {
        _cleanup_closedir_ DIR *dir = open_directory(fd);
        struct dirent *entry;

        if (!dir)
                return errno != ENOENT && errno != ENODEV;
        while ((entry = readdir(dir)))
                if (entry->d_type == DT_DIR && entry->d_name[0] != '.' &&
                    strcmp(entry->d_name, "keeper") != 0 && group_is_used(fd, entry->d_name))
                        return true;
        return false;
}

/* "user-cgmove-1000.slice", written just as we would write it. */
static int parse_pool_slice(const char *name, uid_t *ret) {
        char expected[64];
        unsigned uid;

        if (sscanf(name, "user-cgmove-%u.slice", &uid) != 1)
                return -EINVAL;
        (void) snprintf(expected, sizeof(expected), POOL_SLICE, uid);
        if (strcmp(name, expected) != 0 || uid == UID_NONE)
                return -EINVAL;
        *ret = uid;
        return 0;
}

int pool_tree_each(int root_fd, pool_tree_each_t each, void *userdata) {
        _cleanup_closedir_ DIR *dir = NULL;
        _cleanup_close_ int pools_fd = -1;
        struct dirent *entry;
        int r;

        r = cgroup_open(root_fd, POOLS_PATH, &pools_fd);
        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return r;
        dir = open_directory(pools_fd);
        if (!dir)
                return -errno;

        while ((errno = 0, entry = readdir(dir))) {
                _cleanup_close_ int fd = -1;
                char path[POOL_PATH_MAX];
                uid_t uid;

                if (parse_pool_slice(entry->d_name, &uid) < 0)
                        continue;
                pool_tree_path(uid, path);
                r = cgroup_open(root_fd, path, &fd);
                if (r >= 0 && faccessat(fd, "keeper", F_OK, AT_SYMLINK_NOFOLLOW) < 0)
                        r = -errno;
                if (r == -ENOENT || r == -ENODEV)
                        continue;
                if (r >= 0)
                        r = each(uid, fd, userdata);
                if (r != 0)
                        return r;
        }
        return -errno;
}

/* --- a tree of our own --------------------------------------------------------------------------------- */

static int make_group(int parent_fd, const char *name, int *ret_fd) {
        char path[64];
        int r;

        r = cgroup_create(parent_fd, name, ret_fd);
        if (r != -EEXIST)
                return r;
        (void) snprintf(path, sizeof(path), "/%s", name);
        return cgroup_open(parent_fd, path, ret_fd);
}

/* Makes the groups of PATH one below the other; each hands its controllers on. */
static int make_groups(int root_fd, const char *path, int *ret_fd) {
        _cleanup_close_ int fd = -1;
        char copy[POOL_PATH_MAX], *name, *rest = NULL;
        unsigned controllers;

        (void) snprintf(copy, sizeof(copy), "%s", path);
        for (name = strtok_r(copy, "/", &rest); name; name = strtok_r(NULL, "/", &rest)) {
                int r, below;

                (void) pool_tree_enable_controllers(fd < 0 ? root_fd : fd, &controllers);
                r = make_group(fd < 0 ? root_fd : fd, name, &below);
                if (r < 0)
                        return r;
                closep(&fd);
                fd = below;
        }
        *ret_fd = TAKE_FD(fd);
        return 0;
}

static int write_limit(int fd, const char *attribute, uint64_t value) {
        int r;

        r = cgroup_write_u64(fd, attribute, value);
        return r == -ENOENT ? 0 : r; /* the tree does not have the controller */
}

int pool_tree_create(int root_fd, uid_t uid, const SystemdPoolLimits *limits) {
        _cleanup_close_ int fd = -1, keeper_fd = -1;
        char path[POOL_PATH_MAX];
        int r;

        pool_tree_path(uid, path);
        r = make_groups(root_fd, path, &fd);
        if (r < 0)
                return r;
        r = write_limit(fd, "pids.max", limits->tasks_max);
        if (r < 0)
                return r;
        r = write_limit(fd, "memory.max", limits->memory_max);
        if (r < 0)
                return r;
        if (limits->cpu_weight != LIMIT_NONE) {
                r = write_limit(fd, "cpu.weight", limits->cpu_weight);
                if (r < 0)
                        return r;
        }
        return make_group(fd, "keeper", &keeper_fd);
}

int pool_tree_remove(int root_fd, uid_t uid) {
        static const char *const above[] = { POOLS_PATH, "/user.slice", "/" };
        _cleanup_close_ int fd = -1;
        char slice[64];
        int r;

        r = cgroup_open(root_fd, POOLS_PATH, &fd);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        (void) snprintf(slice, sizeof(slice), POOL_SLICE, uid);
        r = cgroup_remove(fd, slice);
        if (r < 0)
                return r;

        /* what is above goes with the last pool */
        for (size_t i = 1; i < ELEMENTSOF(above); i++) {
                _cleanup_close_ int parent_fd = -1;

                if (cgroup_open(root_fd, above[i], &parent_fd) < 0 ||
                    unlinkat(parent_fd, strrchr(above[i - 1], '/') + 1, AT_REMOVEDIR) < 0)
                        break;
        }
        return 0;
}
