/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/escape.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "tools/client.h"
#include "tools/display.h"
#include "tools/environment.h"
#include "tools/job.h"
#include "tools/logfile.h"
#include "tools/move-call.h"
#include "tools/move-self.h"
#include "tools/status.h"

#define SUPERVISE_PROGRAM CGMOVE_LIBEXEC_DIR "/cgmove-supervise"
#define REPORT_FD 3
#define OWN_ARGUMENTS 4 /* of cgmove-supervise, before the command */

_Static_assert(sizeof(EscapeReport) <= PIPE_BUF, "a report is written at once or not at all");

/* --- in the escaped process
 * --------------------------------------------------------------------------------------- */

typedef struct Escaped {
        const Escape *escape;
        Client *client;
        Job job;
        int log_fd; /* -1: none */
        EscapeReport report;
} Escaped;

static void send_report(const EscapeReport *report) {
        (void) !write(REPORT_FD, report, sizeof(*report)); /* a caller that is gone does not stop us */
}

/* Nothing of the caller stays open: it may wait for the end of all of its descriptors, known to it or not.
 * The standard input is the leash, if there is one: the supervisor waits for its end. */
static int let_go_of_descriptors(int report_fd, int leash_fd) {
        int report, input;

        /* out of the way of the numbers that they are to have */
        report = fcntl(report_fd, F_DUPFD_CLOEXEC, REPORT_FD + 1);
        input = leash_fd >= 0 ? fcntl(leash_fd, F_DUPFD_CLOEXEC, REPORT_FD + 1)
                              : open("/dev/null", O_RDWR | O_CLOEXEC);
        if (report < 0 || input < 0 || dup3(report, REPORT_FD, O_CLOEXEC) < 0 ||
            dup2(input, STDIN_FILENO) < 0)
                return -errno;

        (void) close(STDOUT_FILENO);
        (void) close(STDERR_FILENO);
        if (open("/dev/null", O_RDWR) != STDOUT_FILENO || dup(STDOUT_FILENO) != STDERR_FILENO)
                return -EIO;
        return close_range(REPORT_FD + 1, UINT_MAX, 0) < 0 ? -errno : 0;
}

static void reset_signals(void) {
        const struct sigaction action = { .sa_handler = SIG_DFL };
        sigset_t none;

        for (int i = 1; i < NSIG; i++)
                (void) sigaction(i, &action, NULL);
        (void) signal(SIGPIPE, SIG_IGN); /* of the report; the supervisor starts the command without it */
        (void) sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Before the move: without its log there is to be no job. It is emptied after it: without a job it is to be as
 * it was. */
static int open_given_log(Escaped *e) {
        if (!e->escape->log)
                return 0;
        return logfile_open(e->escape->log, &e->log_fd, &e->report.failure);
}

static int move(Escaped *e) {
        const Escape *escape = e->escape;
        char command[CGMOVE_COMMAND_MAX + 1];
        const MoveRequest request = {
                .kind = escape->restart ? "restart" : "run",
                .restart = escape->restart,
                .name = escape->name,
                .command = command,
                .log = escape->log,
                .log_directory = escape->log_directory,
                .reset_oom_score = true,
        };
        uint64_t id;
        int r;

        if (escape->shown)
                (void) snprintf(command, sizeof(command), "%s", escape->shown);
        else
                display_arguments(escape->command, command, sizeof(command));
        r = move_self(&e->client, request, NULL, &id, &e->report.failure);
        if (r != 0)
                return r;
        /* the daemon answers with a job that restarts the unit already, and moves nobody */
        e->report.joined = escape->restart && move_own_job() != id;
        r = job_get(&e->client, id, JOB_MADE_GIVE_UP, &e->job, &e->report.failure);
        if (r == 0)
                e->report.job = id;
        return r;
}

static int open_log(Escaped *e) {
        char path[PATH_MAX] = "";
        int r;

        if (e->escape->log_directory) {
                r = logfile_create(e->escape->log_directory, e->job.id, path, &e->log_fd,
                                   &e->report.failure);
                if (r != 0)
                        return r;
                logfile_prune(e->escape->log_directory, &e->client);
        } else if (e->escape->log) {
                r = logfile_empty(e->escape->log, e->log_fd, &e->report.failure);
                if (r != 0)
                        return r;
                (void) snprintf(path, sizeof(path), "%s", e->escape->log);
        }
        /* for display; the daemon takes no longer one */
        if (memccpy(e->report.log, path, '\0', sizeof(e->report.log)) == NULL)
                e->report.log[sizeof(e->report.log) - 1] = '\0';
        return 0;
}

static int make_environment(const Escaped *e, char ***ret) {
        EnvironmentPaths paths;

        if (e->escape->keep_environment) {
                *ret = environ;
                return 0;
        }
        environment_paths_find(geteuid(), &paths);
        return environment_escape(environ, e->job.scrub_environment, &paths, ret);
}

static char **make_arguments(const Escaped *e, char numbers[3][24]) {
        size_t n = 0;
        char **argv;

        while (e->escape->command[n])
                n++;
        argv = calloc(OWN_ARGUMENTS + n + 1, sizeof(char *));
        if (!argv)
                return NULL;
        (void) snprintf(numbers[0], 24, "%" PRIu64, e->job.id);
        (void) snprintf(numbers[1], 24, "%" PRIu64, e->escape->delay);
        (void) snprintf(numbers[2], 24, "%" PRIu64, e->log_fd >= 0 ? e->job.log_max : 0);
        argv[0] = (char *) "cgmove-supervise";
        for (size_t i = 0; i < 3; i++)
                argv[1 + i] = numbers[i];
        memcpy(argv + OWN_ARGUMENTS, e->escape->command, n * sizeof(char *));
        return argv;
}

/* Returns only if it failed. */
static void become_supervisor(Escaped *e) {
        _cleanup_free_ char **argv = NULL;
        char numbers[3][24], **environment;
        EscapeReport failed = { .job = 0 };

        argv = make_arguments(e, numbers);
        if (!argv || make_environment(e, &environment) < 0) {
                (void) failure_errno(&e->report.failure, ENOMEM, "Cannot start the command");
                e->report.job = 0;
                return;
        }
        if (e->log_fd >= 0)
                (void) dup2(e->log_fd, STDOUT_FILENO);
        send_report(&e->report);
        (void) execve(SUPERVISE_PROGRAM, argv, environment);
        (void) failure_errno(&failed.failure, errno, "Cannot execute %s", SUPERVISE_PROGRAM);
        e->report = failed; /* a second report, which takes the first one back */
}

_Noreturn static void escaped_main(const Escape *escape, int report_fd, int leash_fd) {
        Escaped e = { .escape = escape, .log_fd = -1 };
        int r;

        reset_signals();
        r = let_go_of_descriptors(report_fd, leash_fd);
        if (r < 0)
                (void) failure_errno(&e.report.failure, r, "Cannot close what the caller has open");
        if (r == 0)
                r = open_given_log(&e);
        if (r == 0)
                r = move(&e);
        if (r == 0 && e.report.joined) {
                send_report(&e.report);
                _exit(0);
        }
        if (r == 0)
                r = open_log(&e);
        if (r == 0)
                become_supervisor(&e);
        e.report.job = 0;
        send_report(&e.report);
        _exit(STATUS_FAILED);
}

/* --- in the caller
 * ------------------------------------------------------------------------------------------------- */

/* A grandchild in a session of its own: no terminal, no process group of the caller's, no parent that
 * waits for it. */
static int fork_twice(const Escape *escape, int report_fd, int leash_fd) {
        pid_t child;
        int status;

        child = fork();
        if (child < 0)
                return -errno;
        if (child == 0) {
                pid_t grandchild;

                (void) setsid();
                grandchild = fork();
                if (grandchild == 0)
                        escaped_main(escape, report_fd, leash_fd);
                _exit(grandchild < 0);
        }
        while (waitpid(child, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EAGAIN;
}

/* The last report before the end of the pipe is the true one: the pipe is closed by the supervisor's
 * execution. */
static void read_reports(int fd, Progress *progress, EscapeReport *report) {
        struct pollfd wait = { .fd = fd, .events = POLLIN };
        EscapeReport next;

        for (;;) {
                ssize_t n = poll(&wait, 1, (int) (PROGRESS_INTERVAL / 1000));

                if (n == 0)
                        progress_tick(progress);
                if (n <= 0)
                        continue;
                n = read(fd, &next, sizeof(next));
                if (n < 0 && errno == EINTR)
                        continue;
                if (n != (ssize_t) sizeof(next))
                        break;
                *report = next;
        }
        progress_end(progress);
}

int escape_run(const Escape *escape, Progress *progress, EscapeReport *ret) {
        EscapeReport report = { .job = 0 };
        int ends[2], leash[2] = { -1, -1 }, r;

        /* the other end of the leash is never closed: our own end does that */
        if (pipe2(ends, O_CLOEXEC) < 0 || (escape->wait_for_caller && pipe2(leash, O_CLOEXEC) < 0))
                return failure_errno(&ret->failure, errno, "Cannot make a pipe");
        r = fork_twice(escape, ends[1], leash[0]);
        (void) close(ends[1]);
        if (leash[0] >= 0)
                (void) close(leash[0]);
        if (r >= 0)
                read_reports(ends[0], progress, &report);
        (void) close(ends[0]);
        if (r < 0)
                return failure_errno(&ret->failure, r, "Cannot fork");
        if (report.job == 0 && report.failure.status == 0)
                return failure_set(&ret->failure, STATUS_FAILED, "Failed",
                                   "The escaping process was ended by someone before it was in its job; try "
                                   "again.");
        *ret = report;
        return report.job == 0 ? report.failure.status : 0;
}
