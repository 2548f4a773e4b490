/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/source.h"
#include "lib/text.h"

#define SMALL_FILE_MAX                                                                                      \
        8192 /* stat, status (supplementary groups make it long: their line comes late), comm */
#define CGROUP_FILE_MAX (128 * 1024)  /* a line of at most PATH_MAX for each v1 hierarchy and one for v2 */
#define FLAG_KERNEL_THREAD 0x00200000 /* PF_KTHREAD of the kernel's sched.h, unchanged since 2.6.27 */

/* Reads up to SIZE bytes of /proc/PID/NAME. To the kernel each of the files read here is one record, which it
 * hands out by one read as far as there is room. */
static int read_bytes(int proc_fd, pid_t pid, const char *name, char *buffer, size_t size, size_t *ret) {
        _cleanup_close_ int fd = -1;
        char path[64];
        ssize_t n;

        if (pid < 1)
                return -ESRCH;

        snprintf(path, sizeof(path), "%d/%s", pid, name);
        fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                return errno == ENOENT ? -ESRCH : -errno;

        do
                n = read(fd, buffer, size);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;

        *ret = (size_t) n;
        return 0;
}

/* The same as a string: not longer than SIZE - 1, without a NUL in it. */
static int read_text(int proc_fd, pid_t pid, const char *name, char *buffer, size_t size) {
        size_t n = 0;
        int r;

        r = read_bytes(proc_fd, pid, name, buffer, size, &n);
        if (r < 0)
                return r;
        if (n == size || memchr(buffer, '\0', n))
                return -EBADMSG;

        buffer[n] = '\0';
        return 0;
}

/* Takes a decimal number from 0 (or, with a sign, from -1) to MAX, and one character of white space before
 * it. */
static int take_number(const char **p, bool may_be_negative, uint64_t max, int64_t *ret) {
        const char *s = *p;
        uint64_t value;
        bool negative;
        char *end;

        if (*s != ' ' && *s != '\t')
                return -EBADMSG;
        negative = *++s == '-';
        if (negative && !may_be_negative)
                return -EBADMSG;
        if (negative)
                s++;
        if (*s < '0' || *s > '9')
                return -EBADMSG;

        errno = 0;
        value = strtoull(s, &end, 10);
        if (errno != 0 || value > max)
                return -EBADMSG;

        *p = end;
        *ret = negative ? -(int64_t) value : (int64_t) value;
        return 0;
}

enum { /* fields of /proc/PID/stat as proc(5) counts them */
       STAT_STATE = 3,
       STAT_PPID = 4,
       STAT_PGRP = 5,
       STAT_SESSION = 6,
       STAT_FLAGS = 9,
       STAT_NUM_THREADS = 20,
       STAT_STARTTIME = 22,
};

int proc_stat_parse(const char *text, ProcStat *ret) {
        int64_t field[STAT_STARTTIME + 1];
        const char *p;
        char state;

        /* the name before it may have any character, parentheses and newlines included; all that follows are
         * numbers */
        p = strrchr(text, ')');
        if (!p || p[1] != ' ' || p[2] < 'A' || p[2] > 'z')
                return -EBADMSG;

        state = p[2];
        p += 3;
        for (unsigned i = STAT_STATE + 1; i <= STAT_STARTTIME; i++) {
                bool is_id = i <= STAT_SESSION;
                int r;

                r = take_number(&p, !is_id, is_id ? INT32_MAX : INT64_MAX, &field[i]);
                if (r < 0)
                        return r;
        }
        if (*p != ' ' && *p != '\n' && *p != '\0')
                return -EBADMSG;
        if (field[STAT_FLAGS] < 0 || field[STAT_NUM_THREADS] < 0 || field[STAT_STARTTIME] < 0)
                return -EBADMSG;

        *ret = (ProcStat){
                .ppid = (pid_t) field[STAT_PPID],
                .pgrp = (pid_t) field[STAT_PGRP],
                .session = (pid_t) field[STAT_SESSION],
                .state = state,
                .kernel_thread = field[STAT_FLAGS] & FLAG_KERNEL_THREAD,
                .starttime = (uint64_t) field[STAT_STARTTIME],
                .n_threads = (uint64_t) field[STAT_NUM_THREADS],
        };
        return 0;
}

/* The numbers of the line that starts with KEY. The kernel escapes newlines in the name of the process, so
 * no process can make such a line up. */
static int status_numbers(const char *text, const char *key, size_t n, uint32_t *ret) {
        size_t k = strlen(key);

        for (const char *line = text; line; line = strchr(line, '\n')) {
                const char *p;

                if (*line == '\n')
                        line++;
                if (strncmp(line, key, k) != 0)
                        continue;

                p = line + k;
                for (size_t i = 0; i < n; i++) {
                        int64_t value;
                        int r;

                        r = take_number(&p, false, UINT32_MAX, &value);
                        if (r < 0)
                                return r;
                        ret[i] = (uint32_t) value;
                }
                return *p == '\n' ? 0 : -EBADMSG;
        }

        return -EBADMSG;
}

int proc_status_parse(const char *text, ProcStatus *ret) {
        ProcStatus status;
        uint32_t tgid;

        if (status_numbers(text, "Tgid:", 1, &tgid) < 0 || tgid > INT32_MAX ||
            status_numbers(text, "Uid:", ELEMENTSOF(status.uid), status.uid) < 0 ||
            status_numbers(text, "Gid:", ELEMENTSOF(status.gid), status.gid) < 0)
                return -EBADMSG;

        status.tgid = (pid_t) tgid;
        *ret = status;
        return 0;
}

int proc_get_stat(int proc_fd, pid_t pid, ProcStat *ret) {
        char text[SMALL_FILE_MAX];
        int r;

        r = read_text(proc_fd, pid, "stat", text, sizeof(text));
        return r < 0 ? r : proc_stat_parse(text, ret);
}

int proc_get_status(int proc_fd, pid_t pid, ProcStatus *ret) {
        char text[SMALL_FILE_MAX];
        size_t n;
        int r;

        /* only its beginning: 65536 supplementary groups make it long, but come later */
        r = read_bytes(proc_fd, pid, "status", text, sizeof(text) - 1, &n);
        if (r < 0)
                return r;

        text[n] = '\0';
        return proc_status_parse(text, ret);
}

int proc_get_cgroup(int proc_fd, pid_t pid, char **ret_path, bool *ret_deleted) {
        _cleanup_free_ char *text = NULL;
        int r;

        text = malloc(CGROUP_FILE_MAX);
        if (!text)
                return -ENOMEM;

        r = read_text(proc_fd, pid, "cgroup", text, CGROUP_FILE_MAX);
        return r < 0 ? r : cgroup_path_from_proc(text, ret_path, ret_deleted);
}

int proc_get_cmdline(int proc_fd, pid_t pid, size_t max, char **ret) {
        _cleanup_free_ char *text = NULL;
        size_t n = 0;
        int r;

        text = malloc(max + 1);
        if (!text)
                return -ENOMEM;

        r = read_bytes(proc_fd, pid, "cmdline", text, max, &n);
        if (r < 0)
                return r;

        while (n > 0 && text[n - 1] == '\0')
                n--;
        for (size_t i = 0; i < n; i++)
                if (text[i] == '\0')
                        text[i] = ' ';

        text[n] = '\0';
        for (char *at = text; *at;) {
                size_t length = text_plain_length(at);

                if (length == 0)
                        *at = '?';
                at += length > 0 ? length : 1;
        }
        *ret = TAKE_PTR(text);
        return 0;
}

int proc_get_comm(int proc_fd, pid_t pid, char **ret) {
        char text[SMALL_FILE_MAX], *comm;
        size_t n;
        int r;

        r = read_text(proc_fd, pid, "comm", text, sizeof(text));
        if (r < 0)
                return r;

        n = strlen(text);
        if (n == 0 || text[n - 1] != '\n')
                return -EBADMSG;

        comm = strndup(text, n - 1);
        if (!comm)
                return -ENOMEM;

        *ret = comm;
        return 0;
}

static bool pid_from_name(const char *name, pid_t *ret) {
        pid_t pid = 0;

        if (name[0] < '1' || name[0] > '9')
                return false;

        for (const char *p = name; *p; p++)
                if (*p < '0' || *p > '9' || __builtin_mul_overflow(pid, 10, &pid) ||
                    __builtin_add_overflow(pid, *p - '0', &pid))
                        return false;

        *ret = pid;
        return true;
}

int proc_each(int proc_fd, proc_each_t each, void *userdata) {
        _cleanup_closedir_ DIR *dir = NULL;
        struct dirent *entry;
        int fd;

        fd = openat(proc_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;

        dir = fdopendir(fd);
        if (!dir) {
                int r = -errno;

                (void) close(fd);
                return r;
        }

        while (errno = 0, (entry = readdir(dir))) {
                pid_t pid;
                int r;

                if (!pid_from_name(entry->d_name, &pid))
                        continue;
                r = each(pid, userdata);
                if (r != 0)
                        return r;
        }

        return -errno;
}

static int status_mask(const char *text, const char *key, uint64_t *ret) {
        const char *line = strstr(text, key);
        char *end;

        if (!line)
                return -EBADMSG;
        line += strlen(key);
        *ret = strtoull(line, &end, 16);
        return end == line || *end != '\n' ? -EBADMSG : 0;
}

int proc_pending_signals_parse(const char *text, uint64_t *ret) {
        uint64_t thread, process;

        if (status_mask(text, "\nSigPnd:\t", &thread) < 0 || status_mask(text, "\nShdPnd:\t", &process) < 0)
                return -EBADMSG;

        *ret = thread | process;
        return 0;
}

int proc_get_pending_signals(int proc_fd, pid_t pid, uint64_t *ret) {
        char text[SMALL_FILE_MAX];
        int r;

        r = read_text(proc_fd, pid, "status", text, sizeof(text));
        return r < 0 ? r : proc_pending_signals_parse(text, ret);
}

int proc_get_seccomp(int proc_fd, pid_t pid, int *ret) {
        static const char key[] = "\nSeccomp:\t";
        char text[SMALL_FILE_MAX];
        const char *value;
        int r;

        r = read_text(proc_fd, pid, "status", text, sizeof(text));
        if (r < 0)
                return r;

        value = strstr(text, key);
        if (!value || value[sizeof(key) - 1] < '0' || value[sizeof(key) - 1] > '2')
                return -EBADMSG;

        *ret = value[sizeof(key) - 1] - '0';
        return 0;
}
