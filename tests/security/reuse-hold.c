/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/security/reuse-hold.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/ptrace.h>

#include "tests/security/reuse-spawn.h"

#define SYSCALL_STOP (SIGTRAP | 0x80)

typedef struct Hold {
        pid_t pid;
        hold_each_t each;
        void *userdata;
        char path[PATH_MAX]; /* of the call that PID is in, if it is about cgroup.procs; else "" */
        pid_t number;
        uint64_t call;
} Hold;

static int children_fd = -1;

static void wait_stopped(pid_t pid) {
        int status;

        if (waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status))
                die("the daemon is not where it was");
}

void hold_begin(pid_t pid) {
        sigset_t signals;

        (void) sigemptyset(&signals);
        (void) sigaddset(&signals, SIGCHLD);
        children_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
        if (children_fd < 0 || sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
                die("signalfd");

        if (ptrace(PTRACE_SEIZE, pid, NULL, (void *) PTRACE_O_TRACESYSGOOD) < 0 ||
            ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0)
                die("ptrace");
        wait_stopped(pid);
        if (ptrace(PTRACE_SYSCALL, pid, NULL, NULL) < 0)
                die("ptrace");
}

void hold_end(pid_t pid) {
        if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0)
                die("ptrace");
        wait_stopped(pid);
        if (ptrace(PTRACE_DETACH, pid, NULL, NULL) < 0)
                die("ptrace");
}

/* Whether the descriptor of a call is a cgroup.procs. */
static int read_path(Hold *hold, uint64_t fd) {
        char link[64];
        ssize_t n;

        (void) snprintf(link, sizeof(link), "/proc/%d/fd/%d", (int) hold->pid, (int) fd);
        n = readlink(link, hold->path, sizeof(hold->path) - 1);
        hold->path[n > 0 ? n : 0] = '\0';
        if (n > 13 && strcmp(hold->path + n - 13, "/cgroup.procs") == 0)
                return 1;
        hold->path[0] = '\0';
        return 0;
}

static pid_t read_number(const Hold *hold, uint64_t address, uint64_t size) {
        char text[32] = "";
        struct iovec here = { text, size < sizeof(text) ? size : sizeof(text) - 1 };
        struct iovec there = { (void *) (uintptr_t) address, here.iov_len };

        if (process_vm_readv(hold->pid, &here, 1, &there, 1, 0) < 0)
                die("process_vm_readv");
        return (pid_t) atoi(text);
}

static void on_call(Hold *hold) {
        struct __ptrace_syscall_info info;

        if (ptrace(PTRACE_GET_SYSCALL_INFO, hold->pid, (void *) sizeof(info), &info) < 0)
                die("ptrace");

        if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
                hold->path[0] = '\0';
                hold->call = info.entry.nr;
                if ((hold->call != SYS_write && hold->call != SYS_read) ||
                    !read_path(hold, info.entry.args[0]))
                        return;
                hold->number = hold->call == SYS_write
                                               ? read_number(hold, info.entry.args[1], info.entry.args[2])
                                               : 0;
                if (hold->call == SYS_write)
                        hold->each(HOLD_BEFORE_WRITE, hold->number, hold->path, hold->userdata);
        } else if (info.op == PTRACE_SYSCALL_INFO_EXIT && hold->path[0]) {
                hold->each(hold->call == SYS_write ? HOLD_AFTER_WRITE : HOLD_AFTER_LIST, hold->number,
                           hold->path, hold->userdata);
                hold->path[0] = '\0';
        }
}

static void drain(int fd) {
        struct signalfd_siginfo info[8];

        while (read(fd, info, sizeof(info)) > 0)
                ;
}

void hold_run(pid_t pid, int answer_fd, hold_each_t each, void *userdata) {
        struct pollfd fds[2] = { { .fd = answer_fd, .events = POLLIN },
                                 { .fd = children_fd, .events = POLLIN } };
        Hold hold = { .pid = pid, .each = each, .userdata = userdata };
        int status, sig;

        for (;;) {
                if (poll(fds, 2, 60000) <= 0)
                        die("no answer");
                drain(children_fd);
                while (waitpid(pid, &status, WNOHANG | __WALL) == pid) {
                        if (!WIFSTOPPED(status))
                                die("the daemon has ended");
                        sig = WSTOPSIG(status);
                        if (sig == SYSCALL_STOP)
                                on_call(&hold);
                        /* its own signals are its own */
                        sig = sig == SYSCALL_STOP || status >> 16 != 0 ? 0 : sig;
                        if (ptrace(PTRACE_SYSCALL, pid, NULL, (void *) (intptr_t) sig) < 0)
                                die("ptrace");
                }
                if (fds[0].revents)
                        return;
        }
}
