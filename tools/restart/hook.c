/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/restart/hook.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/pidfd.h"
#include "tools/output.h"
#include "tools/status.h"

#define POLL_INTERVAL 200 /* milliseconds: the deadline is as exact as that */

static pid_t start(const char *command) {
        pid_t pid = fork();

        if (pid == 0) {
                (void) setpgid(0, 0);
                (void) execl("/bin/sh", "sh", "-c", command, (char *) NULL);
                _exit(STATUS_NOT_FOUND);
        }
        return pid;
}

/* Waits for the end of PID, or kills it at DEADLINE (CLOCK_MONOTONIC, microseconds). */
static void wait_or_kill(pid_t pid, uint64_t deadline) {
        _cleanup_close_ int pidfd = pidfd_open_process(pid);
        struct pollfd end = { .fd = pidfd, .events = POLLIN };
        uint64_t now;

        do {
                now = now_monotonic();
                if (now < deadline && poll(&end, 1, POLL_INTERVAL) > 0)
                        return;
        } while (now < deadline);
        (void) kill(-pid, SIGKILL);
        (void) kill(pid, SIGKILL); /* before it has its group */
}

/* Returns the status of waitpid(2); -1 if it could not be run. */
static int run(const char *command, uint64_t deadline) {
        pid_t pid = start(command);
        int status;

        if (pid < 0)
                return -1;
        if (deadline < UINT64_MAX)
                wait_or_kill(pid, deadline);
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -1;
        return status;
}

bool hook_wait_until(const char *command, uint64_t patience) {
        uint64_t now = now_monotonic(), deadline = patience < UINT64_MAX - now ? now + patience : UINT64_MAX;

        while (run(command, deadline) != 0) {
                if (now_monotonic() >= deadline)
                        return false;
                (void) sleep(1);
        }
        return true;
}

static void set_environment(const Outcome *outcome, uint64_t job) {
        _cleanup_free_ char *json = outcome_to_text(outcome);
        char number[24];

        (void) setenv("CGMOVE_RESULT", outcome->state, 1);
        (void) setenv("CGMOVE_REASON", outcome->reason ? outcome->reason : "", 1);
        (void) setenv("CGMOVE_TEXT", outcome->text, 1);
        (void) setenv("CGMOVE_UNIT", outcome->unit, 1);
        (void) setenv("CGMOVE_OUTCOME", json ? json : "", 1);
        (void) snprintf(number, sizeof(number), "%" PRIu64, job);
        (void) setenv("CGMOVE_JOB", number, 1);
        number[0] = 0;
        if (outcome->downtime != UINT64_MAX)
                (void) snprintf(number, sizeof(number), "%" PRIu64, outcome->downtime);
        (void) setenv("CGMOVE_DOWNTIME_USEC", number, 1);
}

void hook_tell(const char *command, const Outcome *outcome, uint64_t job) {
        int status;

        set_environment(outcome, job);
        status = run(command, UINT64_MAX);
        if (status != 0)
                (void) fprintf(stderr, "cgmove: The command of %s ended with status %d.\n",
                               outcome->reason && outcome->state[0] == 'd' ? "--then" : "--else",
                               WIFEXITED(status) ? WEXITSTATUS(status) : STATUS_OWN_FAILURE);
}
