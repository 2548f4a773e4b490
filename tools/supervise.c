/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* cgmove-supervise JOB DELAY LOG-MAX COMMAND [ARGUMENT...]
 *
 * Stays with the command of a job: waits for the end of its standard input (see below), then DELAY
 * microseconds, runs it with its output on a pipe, copies the pipe to the log (the standard output, a
 * regular file that is cut to LOG-MAX bytes as in caplog.h; with LOG-MAX 0 the command gets the standard
 * output itself), and tells the daemon its status through `cgmove finish` as soon as it has ended; where that
 * cannot be started, or fails, again each second for some minutes. Ends when the status is told and the pipe is
 * closed, which may be later: the command may have left children behind that go on writing. Nothing but libc,
 * since one of it stays in memory for each job.
 *
 * All signals are ignored while the command runs, so that a `cgmove stop`, which reaches every process of
 * the job, leaves its status to be told; the command itself starts with the default for each of them. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "tools/caplog.h"
#include "tools/status.h"

#define CGMOVE_PROGRAM CGMOVE_BIN_DIR "/cgmove"
#define PUMP_SIZE (64 * 1024)
/* milliseconds */
#define CALLER_TIMEOUT 10000
#define TELL_PAUSE 1000
#define TELL_PATIENCE (5 * 60 * 1000)

typedef struct Supervisor {
        const char *job;
        CapLog log;
        int pipe_fd;   /* -1: the output is closed, or not ours to copy */
        int signal_fd; /* SIGCHLD */
        pid_t command; /* 0: it has ended */
        pid_t finish;  /* `cgmove finish`; 0: not running */
        int status;    /* of the command, as of waitpid(2) ... */
        bool untold;   /* ... which is to be told */
        uint64_t ended, next_try; /* now_msec(); 0: at once */
} Supervisor;

static uint64_t now_msec(void) {
        struct timespec now;

        (void) clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t) now.tv_sec * 1000 + (uint64_t) now.tv_nsec / 1000000;
}

static void set_signals(void (*handler)(int)) {
        const struct sigaction action = { .sa_handler = handler };

        for (int i = 1; i < NSIG; i++)
                if (i != SIGCHLD)
                        (void) sigaction(i, &action, NULL); /* fails for KILL, STOP and those of libc */
}

/* The standard input is a pipe that ends with the caller of `cgmove run`, or at its end already. The command
 * starts when whoever called can have got its answer; a caller that cannot get rid of its line is not waited
 * for for ever. */
static int wait_for_caller(void) {
        struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
        int null;

        while (poll(&input, 1, CALLER_TIMEOUT) < 0 && errno == EINTR)
                ;
        null = open("/dev/null", O_RDONLY | O_CLOEXEC);
        return null < 0 || dup2(null, STDIN_FILENO) < 0 || close(null) < 0 ? -errno : 0;
}

static void sleep_for(uint64_t usec) {
        struct timespec left = { .tv_sec = (time_t) (usec / 1000000),
                                 .tv_nsec = (long) (usec % 1000000) * 1000 };

        while (clock_nanosleep(CLOCK_BOOTTIME, 0, &left, &left) == EINTR)
                ;
}

_Noreturn static void become_command(char **command, int output) {
        sigset_t none;
        int error;

        if (output >= 0 && (dup2(output, STDOUT_FILENO) < 0 || dup2(output, STDERR_FILENO) < 0))
                _exit(STATUS_OWN_FAILURE);
        (void) setpgid(0, 0); /* a command that signals its process group does not mean us */
        set_signals(SIG_DFL);
        (void) sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        (void) execvp(command[0], command);
        error = errno;
        (void) dprintf(STDERR_FILENO, "cgmove: %s: %s.\n", command[0], strerror(error));
        _exit(error == ENOENT ? STATUS_NOT_FOUND : STATUS_CANNOT_EXECUTE);
}

static int start_command(Supervisor *s, char **command, bool with_log) {
        int ends[2] = { -1, -1 };

        if (with_log && pipe2(ends, O_CLOEXEC) < 0)
                return -errno;
        s->command = fork();
        if (s->command == 0)
                become_command(command, ends[1]);
        if (s->command < 0) {
                s->command = 0;
                return -errno;
        }
        if (with_log)
                (void) close(ends[1]);
        s->pipe_fd = ends[0];
        return 0;
}

/* --- telling the status ------------------------------------------------------------------------------- */

/* STATUS as of waitpid(2). */
static void command_ended(Supervisor *s, int status) {
        s->command = 0;
        s->status = status;
        s->untold = true;
        s->ended = now_msec();
}

static void start_finish(Supervisor *s) {
        bool exited = WIFEXITED(s->status);
        char value[16];

        (void) snprintf(value, sizeof(value), "%d", exited ? WEXITSTATUS(s->status) : WTERMSIG(s->status));
        s->finish = fork();
        if (s->finish == 0) {
                (void) dup2(STDIN_FILENO, STDOUT_FILENO); /* /dev/null: the log is written by us alone */
                (void) dup2(STDIN_FILENO, STDERR_FILENO);
                (void) execl(CGMOVE_PROGRAM, "cgmove", "finish", s->job,
                             exited ? "exit-code" : "exit-signal", value, (char *) NULL);
                _exit(STATUS_OWN_FAILURE);
        }
        if (s->finish < 0)
                s->finish = 0;
}

/* Who is refused has left the job, and has nothing to tell any more. */
static void finish_ended(Supervisor *s, int status) {
        s->finish = 0;
        if (WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == STATUS_REFUSED))
                s->untold = false;
}

/* Sees to it that the status is told. Returns in how many milliseconds it is to be called again; -1: not
 * before something has ended. */
static int tell(Supervisor *s) {
        uint64_t now = now_msec();

        if (!s->untold || s->finish > 0)
                return -1;
        if (now < s->next_try)
                return (int) (s->next_try - now);
        if (now - s->ended > TELL_PATIENCE) {
                s->untold = false;
                return -1;
        }
        s->next_try = now + TELL_PAUSE;
        start_finish(s);
        return s->finish > 0 ? -1 : TELL_PAUSE;
}

/* Where the end of a process is not told by a descriptor. */
static void tell_only(Supervisor *s) {
        while (s->untold) {
                int pause = tell(s), status;

                if (s->finish > 0 && waitpid(s->finish, &status, 0) == s->finish)
                        finish_ended(s, status);
                else if (pause > 0)
                        sleep_for((uint64_t) pause * 1000);
        }
}

static void reap(Supervisor *s) {
        int status;

        for (;;) {
                pid_t pid = waitpid(-1, &status, WNOHANG);

                if (pid <= 0)
                        return;
                if (pid == s->command)
                        command_ended(s, status);
                else if (pid == s->finish)
                        finish_ended(s, status);
        }
}

/* --- the loop ------------------------------------------------------------------------------------------ */

static void pump(Supervisor *s) {
        char buffer[PUMP_SIZE];
        ssize_t n = read(s->pipe_fd, buffer, sizeof(buffer));

        if (n > 0) {
                caplog_write(&s->log, buffer, (size_t) n);
                return;
        }
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
                return;
        (void) close(s->pipe_fd);
        s->pipe_fd = -1;
}

static void loop(Supervisor *s) {
        for (;;) {
                int timeout = tell(s);
                struct pollfd fds[2] = {
                        { .fd = s->signal_fd, .events = POLLIN },
                        { .fd = s->pipe_fd, .events = POLLIN },
                };
                struct signalfd_siginfo info;

                if (s->command <= 0 && !s->untold && s->pipe_fd < 0)
                        break;
                if (poll(fds, 2, timeout) < 0)
                        continue;
                if (fds[1].revents != 0)
                        pump(s);
                if (fds[0].revents != 0) {
                        (void) !read(s->signal_fd, &info, sizeof(info));
                        reap(s);
                }
        }
        caplog_finish(&s->log);
}

/* Returns a descriptor that tells of SIGCHLD, or a negative errno. */
static int block_and_watch(void) {
        sigset_t all, child;
        int fd;

        /* all of them: between the fork and the reset in the child none is lost */
        (void) sigfillset(&all);
        (void) sigprocmask(SIG_SETMASK, &all, NULL);
        (void) sigemptyset(&child);
        (void) sigaddset(&child, SIGCHLD);
        fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
        return fd < 0 ? -errno : fd;
}

static int parse_number(const char *text, uint64_t *ret) {
        char *end;

        errno = 0;
        *ret = strtoull(text, &end, 10);
        return errno != 0 || *end != 0 || end == text ? -EINVAL : 0;
}

int main(int argc, char **argv) {
        Supervisor s = { .pipe_fd = -1, .signal_fd = -1 };
        uint64_t delay, log_max;
        int r;

        if (argc < 5 || parse_number(argv[2], &delay) < 0 || parse_number(argv[3], &log_max) < 0)
                return STATUS_USAGE; /* not called by people */
        s.job = argv[1];
        if (wait_for_caller() < 0)
                return STATUS_OWN_FAILURE;
        sleep_for(delay); /* a job that is stopped now just ends */
        s.signal_fd = block_and_watch();
        r = s.signal_fd < 0 ? s.signal_fd : 0;
        set_signals(SIG_IGN);
        caplog_init(&s.log, STDOUT_FILENO, log_max);
        if (r == 0)
                r = start_command(&s, argv + 4, log_max > 0);
        if (r < 0) {
                (void) dprintf(STDOUT_FILENO, "cgmove: Cannot run the command: %s.\n", strerror(-r));
                command_ended(&s, STATUS_OWN_FAILURE << 8);
        }
        if (s.signal_fd < 0)
                tell_only(&s); /* all that there is; the loop would not see its end */
        else
                loop(&s);
        return 0;
}
