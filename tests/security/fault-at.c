/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Lets a process run into a fault at one of its system calls:
 *
 *     fault-at PID N kill         SIGKILL when it enters the Nth
 *     fault-at PID N change     SIGKILL when it enters the Nth of those that change something outside of it
 *     fault-at PID N ERROR        the Nth of those that can have this error (see the table) has it, and is not made
 *     fault-at --exec FILE kill|change COMMAND...
 *                               becomes COMMAND, which is killed as it enters the Nth, N being what FILE says; FILE is gone
 *                               then. Without FILE nothing is done to it.
 *
 * With a PID it counts from the moment on at which the process wakes up for something (epoll_wait(2) returns), in which it was
 * waiting. It says "ready" when it is watching, and "hit NUMBER" with the number of the system call when the fault has struck;
 * on SIGTERM it lets go of the process, and says "end COUNT" if there were not as many.
 *
 * strace counts every system call by itself, so that "the Nth of all" cannot be had from it. Children are not followed. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define CALLS_MAX 40

typedef struct Fault {
        const char *name;
        int error;
        long calls[CALLS_MAX]; /* 0 ends them */
} Fault;

#ifdef __x86_64__
#define NEW_FILE                                                                                            \
        SYS_openat, SYS_accept4, SYS_socket, SYS_pidfd_open, SYS_fcntl, SYS_dup, SYS_dup3, SYS_eventfd2,    \
                        SYS_timerfd_create, SYS_pipe2, SYS_epoll_create1, SYS_inotify_init1, SYS_signalfd4

static const Fault faults[] = {
        /* what leaves a trace outside of the process: at a call in between all is as it is before the next of these */
        { "change", 0, { SYS_openat,    SYS_write,     SYS_pwrite64,          SYS_writev,
                         SYS_sendmsg,   SYS_sendto,    SYS_accept4,           SYS_connect,
                         SYS_mkdirat,   SYS_mkdir,     SYS_unlinkat,          SYS_renameat,
                         SYS_renameat2, SYS_fsetxattr, SYS_fremovexattr,      SYS_utimensat,
                         SYS_ftruncate, SYS_kill,      SYS_pidfd_send_signal, SYS_clone,
                         SYS_clone3 } },
        { "EMFILE", EMFILE, { NEW_FILE } },
        { "ENFILE", ENFILE, { NEW_FILE } },
        { "ENOMEM", ENOMEM, { NEW_FILE,       SYS_mmap,       SYS_brk,       SYS_clone,
                              SYS_clone3,     SYS_mkdirat,    SYS_mkdir,     SYS_fsetxattr,
                              SYS_fgetxattr,  SYS_getdents64, SYS_epoll_ctl, SYS_inotify_add_watch,
                              SYS_sendmsg,    SYS_sendto,     SYS_recvmsg,   SYS_write,
                              SYS_newfstatat, SYS_faccessat2, SYS_unlinkat,  SYS_renameat } },
        { "ENOSPC",
          ENOSPC,
          { SYS_openat, SYS_write, SYS_pwrite64, SYS_mkdirat, SYS_mkdir, SYS_renameat, SYS_fsetxattr,
            SYS_inotify_add_watch, SYS_epoll_ctl, SYS_fsync, SYS_utimensat } },
        { "EIO",
          EIO,
          { SYS_openat, SYS_write, SYS_pread64, SYS_pwrite64, SYS_getdents64, SYS_fsync, SYS_renameat,
            SYS_unlinkat, SYS_newfstatat, SYS_fsetxattr, SYS_fgetxattr, SYS_utimensat, SYS_fstat } },
        { "EAGAIN",
          EAGAIN,
          { SYS_mkdirat, SYS_mkdir, SYS_clone, SYS_clone3, SYS_sendmsg, SYS_sendto, SYS_recvmsg, SYS_accept4,
            SYS_mmap } },
        { "EINTR",
          EINTR,
          { SYS_openat, SYS_write, SYS_recvmsg, SYS_sendmsg, SYS_sendto, SYS_accept4, SYS_fsync } },
};

static int set_number(pid_t pid, long number) {
        return (int) ptrace(PTRACE_POKEUSER, pid, offsetof(struct user_regs_struct, orig_rax), number);
}

static int set_result(pid_t pid, long result) {
        return (int) ptrace(PTRACE_POKEUSER, pid, offsetof(struct user_regs_struct, rax), result);
}

static int set_argument(pid_t pid, long argument) {
        return (int) ptrace(PTRACE_POKEUSER, pid, offsetof(struct user_regs_struct, rdi), argument);
}
#else
static const Fault faults[] = { { "none", -1, { 0 } } };

static int set_number(pid_t pid, long number) {
        return -1;
}

static int set_result(pid_t pid, long result) {
        return -1;
}

static int set_argument(pid_t pid, long argument) {
        return -1;
}
#endif

static volatile sig_atomic_t is_over;

static void on_term(int sig) {
        is_over = 1;
}

static void die(const char *what) {
        fprintf(stderr, "fault-at: %s: %s\n", what, strerror(errno));
        exit(2);
}

static const Fault *find_fault(const char *name) {
        for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
                if (strcmp(faults[i].name, name) == 0)
                        return &faults[i];
        return NULL;
}

/* FAULT: NULL for SIGKILL, which can strike everywhere. The list of system calls ends with a 0, which is that of read(2) here. */
static int strikes(const Fault *fault, const struct __ptrace_syscall_info *info) {
        long number = (long) info->entry.nr;

        if (!fault)
                return 1;
        if (number == SYS_read)
                return fault->error == EIO || fault->error == EINTR || fault->error == ENOMEM;
        if (number == SYS_openat && (fault->error == 0 || fault->error == ENOSPC) &&
            !(info->entry.args[2] & O_CREAT))
                return 0;
        /* rmdir(2) of a cgroup fails with EBUSY, ENODEV or ENOENT, and with nothing that is tried here */
        if (number == SYS_unlinkat && fault->error != 0 && (info->entry.args[2] & AT_REMOVEDIR))
                return 0;
        for (size_t i = 0; i < CALLS_MAX && fault->calls[i] != 0; i++)
                if (fault->calls[i] == number)
                        return 1;
        return 0;
}

static int is_wait(long number) {
        return number == SYS_epoll_pwait
#ifdef SYS_epoll_wait
               || number == SYS_epoll_wait
#endif
                        ;
}

/* Waits for its next stop; returns 0 when it has gone, or when it is let go of. */
static int await_stop(pid_t pid, int *ret_status) {
        while (waitpid(pid, ret_status, __WALL) < 0) {
                if (errno != EINTR)
                        return 0;
                if (is_over)
                        (void) ptrace(PTRACE_INTERRUPT, pid, NULL, NULL);
        }
        return WIFSTOPPED(*ret_status);
}

static void let_go(pid_t pid, unsigned long count) {
        (void) ptrace(PTRACE_DETACH, pid, NULL, NULL);
        printf("end %lu\n", count);
        exit(1);
}

static void hit(pid_t pid, long number) {
        (void) ptrace(PTRACE_DETACH, pid, NULL, NULL);
        printf("hit %ld\n", number);
        exit(0);
}

static void kill_now(pid_t pid, long number) {
        int status;

        (void) kill(pid, SIGKILL);
        (void) waitpid(pid, &status, __WALL);
        printf("hit %ld\n", number);
        exit(0);
}

/* brk(2) tells of no error: it leaves the break where it is, and returns that, as for 0. What returns an error instead is believed to
 * have moved it. */
static int let_fail(pid_t pid, long number) {
        return number == SYS_brk ? set_argument(pid, 0) : set_number(pid, -1);
}

/* COUNTING: from now on; else from when it has waited and wakes up. */
static void watch(pid_t pid, unsigned long n, const Fault *fault, int counting) {
        struct __ptrace_syscall_info info;
        unsigned long count = 0;
        long number = -1, failing = -1;
        int status, sig = 0;

        for (;;) {
                if (ptrace(PTRACE_SYSCALL, pid, NULL, (long) sig) < 0)
                        die("PTRACE_SYSCALL");
                sig = 0;
                if (!await_stop(pid, &status)) {
                        printf("end %lu\n", count);
                        exit(1);
                }
                if (is_over)
                        let_go(pid, count);
                if (WSTOPSIG(status) != (SIGTRAP | 0x80)) {
                        if (status >> 16 == 0)
                                sig = WSTOPSIG(status);
                        continue;
                }
                if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) < 0)
                        die("PTRACE_GET_SYSCALL_INFO");

                if (info.op == PTRACE_SYSCALL_INFO_EXIT) {
                        if (failing >= 0) {
                                if (failing != SYS_brk && set_result(pid, -fault->error) < 0)
                                        die("the result");
                                hit(pid, failing);
                        }
                        counting |= is_wait(number) && info.exit.rval > 0;
                        continue;
                }
                number = (long) info.entry.nr;
                if (!counting || !strikes(fault, &info) || ++count < n)
                        continue;
                if (!fault || fault->error == 0)
                        kill_now(pid, number);
                failing = number;
                if (let_fail(pid, number) < 0)
                        die("this machine cannot have system calls fail");
        }
}

static void seize(pid_t pid) {
        int status;

        if (ptrace(PTRACE_SEIZE, pid, NULL, PTRACE_O_TRACESYSGOOD) < 0)
                die("PTRACE_SEIZE");
        if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0)
                die("PTRACE_INTERRUPT");
        if (!await_stop(pid, &status))
                die("wait");
}

/* Returns -1 if there is no FILE. */
static long take_number(const char *file) {
        FILE *stream = fopen(file, "re");
        long n;

        if (!stream)
                return -1;
        if (fscanf(stream, "%ld", &n) != 1 || unlink(file) < 0)
                die(file);
        (void) fclose(stream);
        return n;
}

/* The daemon must be the process that was started: the child watches its parent. */
static void exec_watched(const char *file, const Fault *fault, char **command) {
        long n = take_number(file);
        int fds[2];
        pid_t self = getpid();
        char c;

        if (n >= 0) {
                if (pipe2(fds, O_CLOEXEC) < 0)
                        die("pipe");
                if (fork() == 0) {
                        seize(self);
                        (void) close(fds[0]);
                        (void) close(fds[1]);
                        watch(self, (unsigned long) n, fault, 1);
                }
                (void) close(fds[1]);
                while (read(fds[0], &c, 1) < 0 && errno == EINTR) /* until it is seized */
                        ;
                (void) close(fds[0]);
        }
        (void) execv(command[0], command);
        die(command[0]);
}

int main(int argc, char **argv) {
        struct sigaction action = { .sa_handler = on_term }; /* interrupts a wait */
        const Fault *fault;
        pid_t pid;

        if (argc >= 5 && strcmp(argv[1], "--exec") == 0)
                exec_watched(argv[2], find_fault(argv[3]), argv + 4);
        if (argc != 4) {
                fprintf(stderr, "Usage: fault-at PID N kill|ERROR\n");
                return 2;
        }

        pid = (pid_t) atoi(argv[1]);
        fault = find_fault(argv[3]);
        if (!fault && strcmp(argv[3], "kill") != 0) {
                fprintf(stderr, "fault-at: no error %s on this machine\n", argv[3]);
                return 3;
        }
        (void) setvbuf(stdout, NULL, _IOLBF, 0);
        (void) sigaction(SIGTERM, &action, NULL);
        seize(pid);
        puts("ready");
        watch(pid, strtoul(argv[2], NULL, 10), fault, 0);
}
