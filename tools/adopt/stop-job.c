/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `cgmove stop-job INVOCATION UNIT ...`: the command of a job of deferred-stop.h. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "tools/adopt/manager.h"
#include "tools/client.h"
#include "tools/restart/calling.h"
#include "tools/restart/move-out.h"
#include "tools/status.h"
#include "tools/verbs.h"

#define CALLER_PATIENCE 30000 /* milliseconds */
#define SYSTEMCTL "/usr/bin/systemctl"

/* Whether it is still the same start of the unit, which nobody else is about to stop or to restart; and its
 * main process. */
static int look(const RestartPlan *plan, const char *invocation, bool *ret_same, pid_t *ret_main_pid,
                Failure *failure) {
        _cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
        _cleanup_(adopt_unit_done) AdoptUnit unit = { .id = "" };
        int r;

        r = adopt_manager_open(plan->system, &bus, failure);
        if (r == 0)
                r = adopt_unit_get(bus, plan->unit, &unit, failure);
        if (r != 0)
                return r;
        *ret_same = strcmp(unit.invocation_id, invocation) == 0 && unit.job == 0;
        *ret_main_pid = unit.main_pid;
        return 0;
}

static void wait_for_caller(const RestartPlan *plan, pid_t main_pid) {
        _cleanup_(client_freep) Client *client = NULL;
        _cleanup_close_ int proc = -1, pidfd = -1;
        const PlanProcess *command;
        struct pollfd end;

        proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
        command = calling_command(plan, main_pid);
        pidfd = proc >= 0 && command ? plan_process_open(proc, command) : -ESRCH;
        if (pidfd < 0)
                return; /* it has ended */
        end = (struct pollfd){ .fd = pidfd, .events = POLLIN };
        if (poll(&end, 1, CALLER_PATIENCE) == 0)
                calling_move_out(&client, pidfd);
}

/* "fail": a restart that someone else has asked for meanwhile is not taken back by it. */
static int stop(const RestartPlan *plan) {
        const char *scope = plan->system ? "--system" : "--user";

        (void) execl(SYSTEMCTL, "systemctl", scope, "--job-mode=fail", "stop", "--", plan->unit,
                     (char *) NULL);
        (void) fprintf(stderr, "cgmove: %s cannot be executed: %s.\n", SYSTEMCTL, strerror(errno));
        return STATUS_FAILED;
}

int verb_stop_job(int argc, char **argv) {
        RestartPlan plan;
        Failure failure;
        pid_t main_pid;
        bool same;
        int r;

        if (argc < 3 || plan_from_arguments(argc - 1, argv + 1, &plan) < 0)
                return STATUS_USAGE; /* not called by people */
        r = look(&plan, argv[1], &same, &main_pid, &failure);
        if (r == 0 && same) {
                wait_for_caller(&plan, main_pid);
                r = look(&plan, argv[1], &same, &main_pid, &failure);
        }
        if (r != 0)
                return failure_print(&failure, false);
        if (same)
                return stop(&plan);
        (void) printf("%s was stopped or started by someone else since then; it is left as it is.\n", plan.unit);
        return 0;
}
