/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "daemon/cgroup.h"
#include "lib/cleanup.h"
#include "lib/values.h"

#define RECORD_XATTR "user.cgmove.job"
#define RECORD_FILE "cgroup.kill"
#define THAW_TRIES 3
#define UP_MAX 64 /* groups above one another */

typedef struct Pids {
        pid_t *items;
        size_t n;
} Pids;

static void pids_done(Pids *pids) {
        free(pids->items);
}

/* openat2(2) with RESOLVE_BENEATH would say it in one call, but RestrictSUIDSGID= of the unit takes it away.
 * cgroupfs has no symbolic links; what is left to refuse is "..". */
static bool stays_below(const char *path) {
        for (const char *p = path; (p = strstr(p, "..")); p += 2)
                if ((p == path || p[-1] == '/') && (p[2] == '/' || p[2] == '\0'))
                        return false;
        return path[0] != '/';
}

static int open_beneath(int at, const char *path, int flags) {
        int fd;

        if (!stays_below(path))
                return -EINVAL;

        fd = openat(at, path, flags | O_CLOEXEC | O_NOFOLLOW);
        return fd < 0 ? -errno : fd;
}

int cgroup_open(int root_fd, const char *path, int *ret_fd) {
        int fd;

        if (path[0] != '/')
                return -EINVAL;

        path += strspn(path, "/");
        fd = open_beneath(root_fd, path[0] ? path : ".", O_RDONLY | O_DIRECTORY);
        if (fd < 0)
                return fd;

        *ret_fd = fd;
        return 0;
}

int cgroup_create(int parent_fd, const char *name, int *ret_fd) {
        int fd;

        if (mkdirat(parent_fd, name, 0755) < 0)
                return -errno;

        fd = open_beneath(parent_fd, name, O_RDONLY | O_DIRECTORY);
        if (fd < 0) {
                (void) unlinkat(parent_fd, name, AT_REMOVEDIR);
                return fd;
        }

        *ret_fd = fd;
        return 0;
}

static int remove_below(int fd) {
        _cleanup_closedir_ DIR *dir = NULL;
        struct dirent *entry;
        int copy;

        copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (copy < 0)
                return -errno;
        dir = fdopendir(copy);
        if (!dir) {
                closep(&copy);
                return -errno;
        }

        while ((entry = readdir(dir)))
                if (entry->d_type == DT_DIR && strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
                        (void) cgroup_remove(fd, entry->d_name);
        return 0;
}

int cgroup_remove(int parent_fd, const char *name) {
        _cleanup_close_ int fd = -1;

        if (unlinkat(parent_fd, name, AT_REMOVEDIR) >= 0 || errno == ENOENT)
                return 0;
        if (errno != EBUSY && errno != ENOTEMPTY)
                return -errno;

        fd = open_beneath(parent_fd, name, O_RDONLY | O_DIRECTORY);
        if (fd < 0)
                return fd == -ENOENT ? 0 : fd;
        (void) remove_below(fd);

        if (unlinkat(parent_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
                return -errno;
        return 0;
}

/* The kernel hands out an attribute of less than a page, as all of these are, by one read. */
static int read_text(int file, char *buffer, size_t size) {
        ssize_t n = read(file, buffer, size - 1);

        if (n < 0)
                return -errno;

        buffer[n] = '\0';
        return 0;
}

int cgroup_read(int fd, const char *name, char *buffer, size_t size) {
        _cleanup_close_ int file = -1;

        file = open_beneath(fd, name, O_RDONLY);
        return file < 0 ? file : read_text(file, buffer, size);
}

int cgroup_write(int fd, const char *name, const char *value) {
        _cleanup_close_ int file = -1;

        file = open_beneath(fd, name, O_WRONLY);
        if (file < 0)
                return file;

        return write(file, value, strlen(value)) < 0 ? -errno : 0;
}

int cgroup_write_u64(int fd, const char *name, uint64_t value) {
        char text[32];

        if (value == LIMIT_NONE)
                return cgroup_write(fd, name, "max");

        (void) snprintf(text, sizeof(text), "%" PRIu64, value);
        return cgroup_write(fd, name, text);
}

static int parse_u64(const char *text, uint64_t *ret) {
        uint64_t value;
        char *end;

        if (strncmp(text, "max", 3) == 0) {
                *ret = LIMIT_NONE;
                return 0;
        }
        if (text[0] < '0' || text[0] > '9')
                return -EBADMSG;

        errno = 0;
        value = strtoull(text, &end, 10);
        if (errno != 0 || (*end != '\0' && *end != '\n'))
                return -EBADMSG;

        *ret = value;
        return 0;
}

int cgroup_read_u64(int fd, const char *name, uint64_t *ret) {
        char text[64];
        int r;

        r = cgroup_read(fd, name, text, sizeof(text));
        if (r < 0)
                return r;
        return parse_u64(text, ret);
}

int cgroup_read_u64_above(int fd, unsigned levels, const char *name, uint64_t *ret) {
        char path[UP_MAX * 3 + 64] = "", text[64];
        _cleanup_close_ int file = -1;
        int r;

        if (levels > UP_MAX || strlen(name) >= 64 || !stays_below(name))
                return -EINVAL;
        for (unsigned i = 0; i < levels; i++)
                (void) strcpy(path + i * 3, "../");
        (void) strcpy(path + levels * 3, name);

        file = openat(fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (file < 0)
                return -errno;
        r = read_text(file, text, sizeof(text));
        return r < 0 ? r : parse_u64(text, ret);
}

int cgroup_read_key(int fd, const char *name, const char *key, uint64_t *ret) {
        char text[4096], *line, *save = NULL;
        size_t length = strlen(key);
        int r;

        r = cgroup_read(fd, name, text, sizeof(text));
        if (r < 0)
                return r;

        for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
                if (strncmp(line, key, length) == 0 && line[length] == ' ')
                        return parse_u64(line + length + 1, ret);
        return -ENODATA;
}

int cgroup_attach(int fd, pid_t pid) {
        return cgroup_write_u64(fd, "cgroup.procs", (uint64_t) pid);
}

int cgroup_freeze(int fd, bool freeze) {
        return cgroup_write(fd, "cgroup.freeze", freeze ? "1" : "0");
}

int cgroup_open_freezer(int fd, int *ret_freezer) {
        int freezer = open_beneath(fd, "cgroup.freeze", O_WRONLY);

        if (freezer < 0)
                return freezer;
        *ret_freezer = freezer;
        return 0;
}

/* Whatever may be in the way for a moment. */
int cgroup_thaw(int freezer) {
        for (unsigned i = 0; i < THAW_TRIES; i++)
                if (pwrite(freezer, "0", 1, 0) == 1 || errno == ENODEV)
                        return 0;
        return -errno;
}

int cgroup_get_events(int fd, const char *name, CgroupEvents *ret) {
        char text[256];
        int r;

        r = cgroup_read(fd, name, text, sizeof(text));
        if (r < 0)
                return r;

        *ret = (CgroupEvents) {
                .populated = strstr(text, "populated 1"),
                .frozen = strstr(text, "frozen 1"),
        };
        return 0;
}

int cgroup_is_frozen(int fd, bool *ret) {
        CgroupEvents events;
        uint64_t freeze;
        int r;

        r = cgroup_get_events(fd, "cgroup.events", &events);
        if (r < 0)
                return r;

        /* the root group has no switch */
        r = cgroup_read_u64(fd, "cgroup.freeze", &freeze);
        if (r < 0 && r != -ENOENT)
                return r;

        *ret = events.frozen || (r >= 0 && freeze != 0);
        return 0;
}

int cgroup_is_told_to_freeze(int fd, unsigned levels, bool *ret) {
        char path[UP_MAX * 3 + sizeof("cgroup.freeze")] = "", value = '0';

        for (unsigned i = 0; i < levels && value == '0'; i++) {
                _cleanup_close_ int file = -1;

                if (i == UP_MAX) { /* whatever is above may be frozen */
                        value = '1';
                        break;
                }
                (void) strcpy(path + i * 3, "cgroup.freeze");
                file = openat(fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
                if (file < 0 && errno == ENOENT) /* the root group, or above it */
                        break;
                if (file < 0 || read(file, &value, 1) < 0)
                        return -errno;
                (void) strcpy(path + i * 3, "../");
        }

        *ret = value != '0';
        return 0;
}

int cgroup_kill(int fd) {
        return cgroup_write(fd, "cgroup.kill", "1");
}

/* The numbers in TEXT, which may begin with the rest of one; returns how many bytes are used. */
static size_t take_pids(const char *text, size_t size, Pids *pids) {
        size_t used = 0;

        for (const char *end; (end = memchr(text + used, '\n', size - used)); used = (size_t) (end - text) + 1)
                pids->items[pids->n++] = (pid_t) atol(text + used);
        return used;
}

static int read_pids(int file, Pids *pids) {
        char text[4096];
        size_t size = 0, used;

        for (;;) {
                ssize_t n = read(file, text + size, sizeof(text) - size);
                pid_t *items;

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : 0;
                size += (size_t) n;

                /* each takes two bytes at least */
                items = reallocarray(pids->items, pids->n + size / 2, sizeof(*items));
                if (!items)
                        return -ENOMEM;
                pids->items = items;
                used = take_pids(text, size, pids);
                size -= used;
                memmove(text, text + used, size);
        }
}

/* All are read first: nothing is done to some of them because the list of the rest could not be read. */
int cgroup_each_process(int fd, cgroup_each_t each, void *userdata) {
        _cleanup_(pids_done) Pids pids = {};
        _cleanup_close_ int file = -1;
        int r;

        file = open_beneath(fd, "cgroup.procs", O_RDONLY);
        if (file < 0)
                return file;
        r = read_pids(file, &pids);

        for (size_t i = 0; i < pids.n && r == 0; i++)
                r = each(pids.items[i], userdata);
        return r;
}

/* fsetxattr(2) wants a descriptor that is open for I/O, and opening cgroup.kill for writing is harmless. */
int cgroup_set_record(int fd, const char *text, size_t size) {
        _cleanup_close_ int file = -1;

        file = open_beneath(fd, RECORD_FILE, O_WRONLY);
        if (file < 0)
                return file;

        return fsetxattr(file, RECORD_XATTR, text, size, 0) < 0 ? -errno : 0;
}

int cgroup_get_record(int fd, char *buffer, size_t size, size_t *ret_size) {
        _cleanup_close_ int file = -1;
        ssize_t n;

        file = open_beneath(fd, RECORD_FILE, O_WRONLY);
        if (file < 0)
                return file;

        n = fgetxattr(file, RECORD_XATTR, buffer, size);
        if (n < 0)
                return -errno;

        *ret_size = (size_t) n;
        return 0;
}
