/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `cgmove stop-job INVOCATION UNIT ...`: the command of a job of deferred-stop.h. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/pidfd.h"
#include "tools/adopt/manager.h"
#include "tools/client.h"
#include "tools/restart/calling.h"
#include "tools/restart/move-out.h"
#include "tools/status.h"
#include "tools/verbs.h"

/* milliseconds */
#define CALLER_PATIENCE (UINT64_C(30) * 1000000) /* microseconds */
#define MANAGER_PATIENCE 30000
#define LOOK_PAUSE 200
#define SYSTEMCTL "/usr/bin/systemctl"

/* Whether it is still the same start of the unit, its main process, and whether its manager is at it:
 * someone else is about to restart it, for one. */
static int look(const RestartPlan *plan, const char *invocation, bool *ret_same, pid_t *ret_main_pid,
                bool *ret_busy, Failure *failure) {
        _cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
        _cleanup_(adopt_unit_done) AdoptUnit unit = { .id = "" };
        int r;

        r = adopt_manager_open(plan->system, &bus, failure);
        if (r == 0)
                r = adopt_unit_get(bus, plan->unit, &unit, failure);
        if (r != 0)
                return r;
        *ret_same = strcmp(unit.invocation_id, invocation) == 0;
        *ret_main_pid = unit.main_pid;
        *ret_busy = unit.job != 0;
        return 0;
}

/* A command that cannot be moved out is waited for to its end: the stop was promised for then. */
static void wait_for_caller(const RestartPlan *plan, pid_t main_pid) {
        _cleanup_(client_freep) Client *client = NULL;
        _cleanup_close_ int proc = -1, pidfd = -1;
        const PlanProcess *command;
        bool told = false;
        Failure failure;

        proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
        command = proc >= 0 ? calling_find_command(proc, plan, main_pid) : NULL;
        pidfd = command ? plan_process_open(proc, command) : -ESRCH;
        if (pidfd < 0)
                return; /* it has ended */
        while (!pidfd_wait(pidfd, CALLER_PATIENCE) &&
               calling_move_out(&client, proc, plan, command, pidfd, &failure) != 0) {
                if (!told)
                        (void) failure_print(&failure, false);
                told = true;
        }
}

/* "fail": a restart that someone else has asked for meanwhile is not taken back by it. */
static int stop(const RestartPlan *plan) {
        const char *scope = plan->system ? "--system" : "--user";

        (void) execl(SYSTEMCTL, "systemctl", scope, "--job-mode=fail", "stop", "--", plan->unit,
                     (char *) NULL);
        (void) fprintf(stderr, "cgmove: %s cannot be executed: %s.\n", SYSTEMCTL, strerror(errno));
        return STATUS_FAILED;
}

/* What becomes of the unit when its manager is done with what it is at. */
static int look_when_settled(const RestartPlan *plan, const char *invocation, bool *ret_same,
                             Failure *failure) {
        const struct timespec pause = { .tv_nsec = LOOK_PAUSE * 1000000L };
        bool busy = true;
        pid_t main_pid;
        int r = 0;

        for (int waited = 0; busy && waited < MANAGER_PATIENCE; waited += LOOK_PAUSE) {
                if (waited > 0)
                        (void) nanosleep(&pause, NULL);
                r = look(plan, invocation, ret_same, &main_pid, &busy, failure);
                if (r != 0 || !*ret_same)
                        return r;
        }
        return r;
}

int verb_stop_job(int argc, char **argv) {
        RestartPlan plan;
        Failure failure;
        bool same, busy;
        pid_t main_pid;
        int r;

        if (argc < 3 || plan_from_arguments(argc - 1, argv + 1, &plan) < 0)
                return STATUS_USAGE; /* not called by people */
        r = look(&plan, argv[1], &same, &main_pid, &busy, &failure);
        if (r == 0 && same) {
                wait_for_caller(&plan, main_pid);
                r = look_when_settled(&plan, argv[1], &same, &failure);
        }
        if (r != 0)
                return failure_print(&failure, false);
        if (same)
                return stop(&plan);
        (void) printf("%s was started anew since its stop was asked for; it is left as it is.\n", plan.unit);
        return 0;
}
