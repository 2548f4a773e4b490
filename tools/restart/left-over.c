/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/restart/left-over.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/pidfd.h"
#include "lib/proc.h"
#include "tools/output.h"
#include "tools/restart/calling.h"

#define TERM_PATIENCE UINT64_C(5000000) /* microseconds */
#define KILL_PATIENCE UINT64_C(2000000)

/* Everything that made it a left-over once more, with the process held. */
static int open_left_over(int proc_fd, const Unit *unit, const PortHolder *holder) {
        const PlanProcess process = { .pid = holder->pid, .starttime = holder->starttime };
        _cleanup_free_ char *cgroup = NULL;
        _cleanup_close_ int pidfd = -1;
        ProcStatus status;
        bool deleted;
        int r;

        pidfd = plan_process_open(proc_fd, &process);
        if (pidfd < 0)
                return pidfd;
        r = proc_get_status(proc_fd, holder->pid, &status);
        if (r >= 0)
                r = proc_get_cgroup(proc_fd, holder->pid, &cgroup, &deleted);
        if (r < 0)
                return r;
        if (!proc_status_is_of(&status, getuid()) || !cgroup_is_within(cgroup, unit->control_group) ||
            !pidfd_is_alive(pidfd))
                return -ESRCH;
        return TAKE_FD(pidfd);
}

/* Returns how many of the descriptors still have a process. */
static int wait_for_ends(struct pollfd *fds, size_t n, uint64_t patience) {
        uint64_t start = now_monotonic();
        int alive;

        for (;;) {
                alive = 0;
                for (size_t i = 0; i < n; i++)
                        alive += fds[i].fd >= 0;
                if (alive == 0 || now_monotonic() - start >= patience)
                        return alive;
                (void) poll(fds, n, 50);
                for (size_t i = 0; i < n; i++)
                        if (fds[i].fd >= 0 && fds[i].revents != 0) {
                                (void) close(fds[i].fd);
                                fds[i].fd = -1;
                        }
        }
}

static void signal_all(const struct pollfd *fds, size_t n, int sig) {
        for (size_t i = 0; i < n; i++)
                if (fds[i].fd >= 0)
                        (void) pidfd_kill(fds[i].fd, sig);
}

/* Those of which the descriptor was closed since, and so ended by SIG. */
static void add_ended(const struct pollfd *fds, bool *pending, const PortHolder *left_overs, size_t n,
                      int sig, Outcome *outcome) {
        OutcomeProcess process;

        for (size_t i = 0; i < n; i++) {
                if (!pending[i] || fds[i].fd >= 0)
                        continue;
                pending[i] = false;
                outcome_process_from_holder(&left_overs[i], &process);
                process.signal = sig;
                outcome_add_ended(outcome, &process);
        }
}

int left_overs_end(int proc_fd, const Unit *unit, const PortHolder *left_overs, size_t n, Outcome *outcome) {
        struct pollfd fds[OUTCOME_PROCESSES_MAX] = { { .fd = -1 } };
        bool pending[OUTCOME_PROCESSES_MAX] = { false };
        int alive;

        if (n > OUTCOME_PROCESSES_MAX)
                n = OUTCOME_PROCESSES_MAX;
        for (size_t i = 0; i < n; i++) {
                fds[i] = (struct pollfd){ .fd = open_left_over(proc_fd, unit, &left_overs[i]),
                                          .events = POLLIN };
                pending[i] = fds[i].fd >= 0;
        }
        signal_all(fds, n, SIGTERM);
        alive = wait_for_ends(fds, n, TERM_PATIENCE);
        add_ended(fds, pending, left_overs, n, SIGTERM, outcome);
        if (alive > 0) {
                signal_all(fds, n, SIGKILL);
                alive = wait_for_ends(fds, n, KILL_PATIENCE);
                add_ended(fds, pending, left_overs, n, SIGKILL, outcome);
        }
        for (size_t i = 0; i < n; i++)
                if (fds[i].fd >= 0)
                        (void) close(fds[i].fd);
        return alive;
}
