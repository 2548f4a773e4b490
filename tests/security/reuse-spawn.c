/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/security/reuse-spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define FORKS_MAX 4000
#define NEAR 4 /* numbers that others may take between the last fork and the next */

void die(const char *what) {
        fprintf(stderr, "pid-reuse: %s: %s\n", what, strerror(errno));
        exit(3);
}

int stranger_kind_from_string(const char *text) {
        static const char *const names[N_STRANGERS] = { "other",     "own",    "root",
                                                        "subreaper", "orphan", "daemon" };

        for (int i = 0; i < N_STRANGERS; i++)
                if (strcmp(text, names[i]) == 0)
                        return i;
        return -1;
}

bool stranger_kind_is_adopted(StrangerKind kind) {
        return kind == STRANGER_ORPHAN || kind == STRANGER_DAEMON;
}

/* --- doors ------------------------------------------------------------------------------------------------------------- */

void doors_init(Doors *doors) {
        if (pipe2(doors->ready, O_CLOEXEC) < 0 || pipe2(doors->gate, O_CLOEXEC) < 0 ||
            pipe2(doors->done, O_CLOEXEC) < 0)
                die("pipe");
}

int doors_take(int fd, int n, int timeout) {
        struct pollfd door = { .fd = fd, .events = POLLIN };
        char bytes[256];
        int taken = 0;

        while (taken < n && poll(&door, 1, timeout) > 0) {
                size_t wanted = (size_t) (n - taken);
                ssize_t got = read(fd, bytes, wanted < sizeof(bytes) ? wanted : sizeof(bytes));

                if (got <= 0)
                        break;
                taken += (int) got;
        }
        return taken;
}

void doors_give(int fd, int n) {
        for (int i = 0; i < n; i++)
                if (write(fd, "x", 1) != 1)
                        die("write");
}

/* --- processes --------------------------------------------------------------------------------------------------------- */

static pid_t clone_at(int group_fd, pid_t number) {
        pid_t numbers[1] = { number };
        struct clone_args args = { .exit_signal = SIGCHLD };

        if (number > 0) {
                args.set_tid = (uintptr_t) numbers;
                args.set_tid_size = 1;
        }
        if (group_fd >= 0) {
                args.flags |= CLONE_INTO_CGROUP;
                args.cgroup = (uint64_t) group_fd;
        }
        return (pid_t) syscall(SYS_clone3, &args, sizeof(args));
}

/* By system calls alone: the library's own would tell threads of it, and the child is none of the library's
 * making. */
static void take_user(uid_t uid) {
        if (syscall(SYS_setgroups, 0, NULL) < 0 || syscall(SYS_setresgid, uid, uid, uid) < 0 ||
            syscall(SYS_setresuid, uid, uid, uid) < 0)
                _exit(3);
}

static void live(const Doors *doors) {
        char c;

        (void) close(doors->gate[1]); /* so that it ends with whoever holds the other end */
        if (write(doors->ready[1], "x", 1) != 1 || read(doors->gate[0], &c, 1) != 1 ||
            write(doors->done[1], "x", 1) != 1)
                _exit(3);
        _exit(0);
}

pid_t spawn(const Doors *doors, int group_fd, pid_t number, uid_t uid) {
        pid_t pid = clone_at(group_fd, number);

        if (pid < 0)
                return -errno;
        if (pid == 0) {
                if (uid != 0)
                        take_user(uid);
                live(doors);
        }
        return pid;
}

static pid_t spawn_twice(const Doors *doors, int group_fd, pid_t number, bool session) {
        pid_t middle = fork(), pid;
        int status;

        if (middle < 0)
                return -errno;
        if (middle == 0) {
                if (session && setsid() < 0)
                        _exit(1);
                pid = spawn(doors, group_fd, number, 0);
                _exit(pid < 0 ? 1 : 0);
        }
        if (waitpid(middle, &status, 0) != middle || status != 0)
                return -EEXIST;
        return number;
}

pid_t spawn_stranger(const Doors *doors, StrangerKind kind, int group_fd, pid_t number, uid_t owner) {
        switch (kind) {
        case STRANGER_OWN:
                return spawn(doors, group_fd, number, owner);
        case STRANGER_SUBREAPER:
        case STRANGER_ORPHAN:
                return spawn_twice(doors, group_fd, number, false);
        case STRANGER_DAEMON:
                return spawn_twice(doors, group_fd, number, true);
        default:
                return spawn(doors, group_fd, number, 0);
        }
}

void become_powerful(uid_t uid) {
        struct {
                uint32_t version;
                int pid;
        } header = { 0x20080522, 0 };
        struct {
                uint32_t effective, permitted, inheritable;
        } sets[2];

        if (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 || prctl(PR_SET_KEEPCAPS, 1) < 0 ||
            setresuid(uid, uid, uid) < 0)
                die("setresuid");
        if (syscall(SYS_capget, &header, sets) < 0)
                die("capget");
        for (int i = 0; i < 2; i++)
                sets[i].effective = sets[i].permitted;
        if (syscall(SYS_capset, &header, sets) < 0)
                die("capset");
}

void advance_numbers(pid_t number) {
        pid_t pid = number;

        /* not for ever: others may hold those below */
        for (int i = 0; i < FORKS_MAX && (pid >= number || pid < number - NEAR); i++) {
                pid = fork();
                if (pid < 0)
                        die("fork");
                if (pid == 0)
                        _exit(0);
                if (waitpid(pid, NULL, 0) != pid)
                        die("waitpid");
        }
}

/* --- contention --------------------------------------------------------------------------------------------------------- */

static void migrate_for_ever(void) {
        static const char *const groups[] = { "/sys/fs/cgroup/reuse-a", "/sys/fs/cgroup/reuse-b" };
        int fds[2];

        for (int i = 0; i < 2; i++) {
                char path[64];

                (void) mkdir(groups[i], 0755);
                (void) snprintf(path, sizeof(path), "%s/cgroup.procs", groups[i]);
                fds[i] = open(path, O_WRONLY | O_CLOEXEC);
                if (fds[i] < 0)
                        _exit(3);
        }
        for (unsigned i = 0;; i++)
                if (write(fds[i % 2], "0", 1) != 1)
                        _exit(3);
}

static void fork_for_ever(void) {
        for (;;) {
                pid_t pid = fork();

                if (pid == 0)
                        _exit(0);
                if (pid > 0)
                        (void) waitpid(pid, NULL, 0);
        }
}

void contend(int n) {
        for (int i = 0; i < n; i++) {
                pid_t pid = fork();

                if (pid < 0)
                        die("fork");
                if (pid > 0)
                        continue;
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                if (i == 0)
                        migrate_for_ever();
                fork_for_ever();
        }
}
