/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/job-store-file.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/cleanup.h"
#include "lib/values.h"

#define NEXT_ID_NAME "next-id"

/* --- names ----------------------------------------------------------------------------------------- */

/* A decimal number as printf() writes it, 1 to MAX or 0, followed by END. */
static int parse_number(const char *text, const char *end, uint64_t max, uint64_t *ret) {
        uint64_t number = 0;
        const char *p = text;

        for (; isdigit((unsigned char) *p); p++) {
                unsigned digit = (unsigned) (*p - '0');

                if (number > (max - digit) / 10)
                        return -EINVAL;
                number = number * 10 + digit;
        }
        if (p == text || (text[0] == '0' && p > text + 1) || strcmp(p, end) != 0)
                return -EINVAL;
        *ret = number;
        return 0;
}

void store_result_name(uint64_t id, char ret[static STORE_NAME_MAX]) {
        (void) snprintf(ret, STORE_NAME_MAX, "%" PRIu64 ".json", id);
}

int store_result_id(const char *name, uint64_t *ret) {
        uint64_t id;

        if (parse_number(name, ".json", INT64_MAX, &id) < 0 || id == 0)
                return -EINVAL;
        *ret = id;
        return 0;
}

/* --- whole files ----------------------------------------------------------------------------------- */

/* A file of that name is what a crash left behind: it is ours. */
static int create_temporary(int dir_fd, const char *name) {
        int fd;

        (void) unlinkat(dir_fd, name, 0);
        fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        return fd < 0 ? -errno : fd;
}

static int write_all(int fd, const char *text, size_t size) {
        while (size > 0) {
                ssize_t n = write(fd, text, size);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                text += n;
                size -= (size_t) n;
        }
        return 0;
}

static int fill_temporary(int fd, const char *text, size_t size, uint64_t mtime, bool sync) {
        struct timespec times[2] = { { .tv_nsec = UTIME_NOW }, { .tv_nsec = UTIME_NOW } };
        int r;

        r = write_all(fd, text, size);
        if (r < 0)
                return r;
        if (mtime > 0) {
                times[1].tv_sec = (time_t) (mtime / USEC_PER_SEC);
                times[1].tv_nsec = (long) (mtime % USEC_PER_SEC * 1000);
                if (futimens(fd, times) < 0)
                        return -errno;
        }
        return sync && fsync(fd) < 0 ? -errno : 0;
}

int store_file_write(int dir_fd, const char *name, const char *text, size_t size, uint64_t mtime,
                     bool sync) {
        _cleanup_close_ int fd = -1;
        char temporary[STORE_NAME_MAX];
        int r;

        r = snprintf(temporary, sizeof(temporary), ".%s.tmp", name);
        if (r < 0 || (size_t) r >= sizeof(temporary))
                return -ENAMETOOLONG;
        fd = create_temporary(dir_fd, temporary);
        if (fd < 0)
                return fd;

        r = fill_temporary(fd, text, size, mtime, sync);
        if (r >= 0 && renameat(dir_fd, temporary, dir_fd, name) < 0)
                r = -errno;
        if (r < 0) {
                (void) unlinkat(dir_fd, temporary, 0);
                return r;
        }
        return sync && fsync(dir_fd) < 0 ? -errno : 0;
}

int store_file_read(int dir_fd, const char *name, char *text, size_t size, size_t *ret_size) {
        _cleanup_close_ int fd = -1;
        struct stat st;
        size_t n = 0;

        fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0)
                return errno == ELOOP || errno == ENXIO ? -EBADMSG : -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EBADMSG;

        for (;;) {
                ssize_t k = read(fd, text + n, size - n);

                if (k < 0 && errno == EINTR)
                        continue;
                if (k < 0)
                        return -errno;
                if (k == 0)
                        break;
                n += (size_t) k;
                if (n >= size)
                        return -EBADMSG;
        }
        *ret_size = n;
        return 0;
}

/* --- folders --------------------------------------------------------------------------------------- */

/* Reads from the start, whoever read DIR_FD before. */
static int open_listing(int dir_fd, DIR **ret) {
        _cleanup_close_ int fd = -1;
        DIR *dir;

        fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        dir = fdopendir(fd);
        if (!dir)
                return -errno;
        fd = -1; /* is DIR's */
        *ret = dir;
        return 0;
}

static uint64_t get_time(const struct stat *st) {
        if (st->st_mtim.tv_sec <= 0)
                return 0;
        return (uint64_t) st->st_mtim.tv_sec * USEC_PER_SEC + (uint64_t) st->st_mtim.tv_nsec / 1000;
}

int store_each_result(int folder_fd, store_each_result_t each, void *userdata) {
        _cleanup_closedir_ DIR *dir = NULL;
        struct dirent *entry;
        int r;

        r = open_listing(folder_fd, &dir);
        if (r < 0)
                return r;
        while (errno = 0, (entry = readdir(dir))) {
                struct stat st;
                uint64_t id;

                if (store_result_id(entry->d_name, &id) < 0)
                        continue;
                if (fstatat(folder_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
                        if (errno == ENOENT)
                                continue;
                        return -errno;
                }
                r = each(id, get_time(&st), userdata);
                if (r != 0)
                        return r;
        }
        return -errno;
}

int store_each_folder(int dir_fd, store_each_folder_t each, void *userdata) {
        _cleanup_closedir_ DIR *dir = NULL;
        struct dirent *entry;
        int r;

        r = open_listing(dir_fd, &dir);
        if (r < 0)
                return r;
        while (errno = 0, (entry = readdir(dir))) {
                uint64_t uid;

                if (parse_number(entry->d_name, "", UID_NONE - 1, &uid) < 0)
                        continue;
                r = each((uid_t) uid, userdata);
                if (r != 0)
                        return r;
        }
        return -errno;
}

/* --- ids ------------------------------------------------------------------------------------------- */

typedef struct HighestId {
        int dir_fd;
        uint64_t id;
} HighestId;

static int highest_of_result(uint64_t id, uint64_t time, void *userdata) {
        HighestId *highest = userdata;

        if (id > highest->id)
                highest->id = id;
        return 0;
}

static int highest_of_folder(uid_t uid, void *userdata) {
        HighestId *highest = userdata;
        _cleanup_close_ int fd = -1;
        char name[STORE_NAME_MAX];

        (void) snprintf(name, sizeof(name), "%" PRIu32, uid);
        fd = openat(highest->dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOTDIR || errno == ELOOP || errno == ENOENT ? 0 : -errno;
        return store_each_result(fd, highest_of_result, highest);
}

/* The first id that nobody can have, when next-id does not tell: also not those of the block that the
 * highest known one is from, which may have been given to jobs that left no trace. */
static int rebuild_next_id(int dir_fd, uint64_t floor, uint64_t *ret) {
        HighestId highest = { .dir_fd = dir_fd, .id = floor };
        int r;

        r = store_each_folder(dir_fd, highest_of_folder, &highest);
        if (r < 0)
                return r;
        *ret = highest.id > 0 ? highest.id + STORE_BLOCK : 1;
        return 0;
}

static int read_next_id(int dir_fd, uint64_t *ret) {
        char text[STORE_NAME_MAX];
        size_t size;
        int r;

        r = store_file_read(dir_fd, NEXT_ID_NAME, text, sizeof(text), &size);
        if (r < 0)
                return r;
        text[size] = '\0';
        if (strlen(text) != size || parse_number(text, "\n", INT64_MAX, ret) < 0 || *ret == 0)
                return -EBADMSG;
        return 0;
}

int store_reserve_ids(int dir_fd, uint64_t floor, uint64_t *ret_first, uint64_t *ret_end) {
        char text[STORE_NAME_MAX];
        uint64_t first;
        int r, n;

        if (floor > INT64_MAX - STORE_BLOCK)
                return -EOVERFLOW;
        r = read_next_id(dir_fd, &first);
        if (r == -ENOENT || r == -EBADMSG)
                r = rebuild_next_id(dir_fd, floor, &first);
        if (r < 0)
                return r;
        if (first <= floor)
                first = floor + 1;
        if (first > INT64_MAX - STORE_BLOCK)
                return -EOVERFLOW;

        n = snprintf(text, sizeof(text), "%" PRIu64 "\n", first + STORE_BLOCK);
        r = store_file_write(dir_fd, NEXT_ID_NAME, text, (size_t) n, 0, true);
        if (r < 0)
                return r;
        *ret_first = first;
        *ret_end = first + STORE_BLOCK;
        return 0;
}
