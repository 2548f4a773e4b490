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
#include "tools/output.h"
#include "tools/restart/calling.h"
#include "tools/restart/move-out.h"
#include "tools/status.h"
#include "tools/verbs.h"

/* microseconds */
#define CALLER_PATIENCE (UINT64_C(30) * 1000000)
#define BUSY_PATIENCE (UINT64_C(30) * 1000000) /* until the manager is done with what it is at */
#define LOST_PATIENCE (UINT64_C(10) * 1000000) /* it may be executing itself anew just then */
#define LOOK_PAUSE UINT64_C(200000)
#define SYSTEMCTL "/usr/bin/systemctl"

static void pause_between_looks(void) {
        const struct timespec pause = { .tv_nsec = (long) LOOK_PAUSE * 1000 };

        (void) nanosleep(&pause, NULL);
}

static int look_once(const RestartPlan *plan, const char *invocation, bool *ret_same, pid_t *ret_main_pid,
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

/* Whether it is still the same start of the unit, its main process, and whether its manager is at it:
 * someone else is about to restart it, for one. */
static int look(const RestartPlan *plan, const char *invocation, bool *ret_same, pid_t *ret_main_pid,
                bool *ret_busy, Failure *failure) {
        uint64_t start = now_monotonic();
        int r;

        while ((r = look_once(plan, invocation, ret_same, ret_main_pid, ret_busy, failure)) != 0 &&
               failure->lost && now_monotonic() - start < LOST_PATIENCE)
                pause_between_looks();
        return r;
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
        bool busy = true;
        pid_t main_pid;
        int r = 0;

        for (uint64_t waited = 0; busy && waited < BUSY_PATIENCE; waited += LOOK_PAUSE) {
                if (waited > 0)
                        pause_between_looks();
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
