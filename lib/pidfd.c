/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/pidfd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/cleanup.h"

#define FDINFO_SIZE_MAX 4096

int pidfd_open_process(pid_t pid) {
        int fd;

        if (pid < 1)
                return -EINVAL;

        fd = (int) syscall(SYS_pidfd_open, pid, 0U); /* close-on-exec by itself */
        /* ENOENT is what 6.9 and later say of a thread that leads no group */
        return fd >= 0 ? fd : errno == ENOENT ? -EINVAL : -errno;
}

int pidfd_open_child(pid_t pid) {
        _cleanup_close_ int fd = -1;

        fd = pidfd_open_process(pid);
        if (fd < 0)
                return fd;
        /* which process the descriptor is about does not change any more */
        if (waitid(P_PIDFD, (id_t) fd, &(siginfo_t){ 0 }, WEXITED | WNOHANG | WNOWAIT) < 0)
                return errno == ECHILD ? -ESRCH : -errno;
        return TAKE_FD(fd);
}

/* Reads a small file into BUFFER as a string: to the kernel it is one record, handed out by one read. */
static int read_small(int dir_fd, const char *name, char *buffer, size_t size) {
        _cleanup_close_ int fd = -1;
        ssize_t n;

        fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                return -errno;

        do
                n = read(fd, buffer, size - 1);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;

        buffer[n] = '\0';
        return 0;
}

/* "Pid:\t-1" is a process that is reaped, "Pid:\t0" one that is not visible in this PID namespace; no such
 * line: no pidfd. */
static int parse_fdinfo(const char *text, pid_t *ret) {
        const char *line = strncmp(text, "Pid:", 4) == 0 ? text : strstr(text, "\nPid:");
        long value;
        char *end;

        if (!line)
                return -EBADMSG;

        line = strchr(line, ':') + 1;
        errno = 0;
        value = strtol(line, &end, 10);
        if (errno != 0 || end == line || (*end != '\n' && *end != '\0') || value > INT32_MAX || value < -1)
                return -EBADMSG;
        if (value < 1)
                return -ESRCH;

        *ret = (pid_t) value;
        return 0;
}

int pidfd_get_pid(int proc_self_fdinfo_fd, int fd, pid_t *ret) {
        char name[16], text[FDINFO_SIZE_MAX];
        int r;

        if (fd < 0)
                return -EBADF;

        snprintf(name, sizeof(name), "%d", fd);
        r = read_small(proc_self_fdinfo_fd, name, text, sizeof(text));
        if (r < 0)
                return r == -ENOENT ? -EBADF : r;

        r = parse_fdinfo(text, ret);
        return r == -EBADMSG ? -EBADF : r;
}

bool pidfd_is_genuine(int fd) {
        return syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0U) >= 0 || errno != EBADF;
}

bool pidfd_is_alive(int fd) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        int r;

        if (fd < 0) /* which poll() would take for "nothing to report" */
                return false;

        do
                r = poll(&p, 1, 0);
        while (r < 0 && errno == EINTR);

        /* readable once it has ended; an error, or no descriptor at all, is no living process either */
        return r == 0;
}

static uint64_t now_usec(void) {
        struct timespec now;

        (void) clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t) now.tv_sec * 1000000 + (uint64_t) now.tv_nsec / 1000;
}

bool pidfd_wait(int fd, uint64_t usec) {
        struct pollfd end = { .fd = fd, .events = POLLIN };
        uint64_t start = now_usec(), spent = 0;
        int r;

        do {
                const struct timespec left = { .tv_sec = (time_t) ((usec - spent) / 1000000),
                                               .tv_nsec = (long) ((usec - spent) % 1000000) * 1000 };

                r = ppoll(&end, 1, usec == UINT64_MAX ? NULL : &left, NULL);
                spent = now_usec() - start;
        } while (r < 0 && errno == EINTR && spent < usec);
        return r > 0;
}

int pidfd_kill(int fd, int sig) {
        return syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0U) < 0 ? -errno : 0;
}
