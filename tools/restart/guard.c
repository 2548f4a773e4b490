/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/restart/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/pidfd.h"
#include "lib/proc.h"
#include "tools/output.h"
#include "tools/restart/calling.h"
#include "tools/restart/prepare.h"
#include "tools/restart/watch.h"
#include "tools/status.h"
#include "tools/verbs.h"

#define GUARD_NAME_MAX 64
#define STOP_TIMEOUT (UINT64_C(10) * 1000000)

static void guard_name(const RestartPlan *plan, char name[static GUARD_NAME_MAX]) {
        (void) snprintf(name, GUARD_NAME_MAX, "cgmove-restart-%" PRIu64 ".service", plan->job);
}

int guard_start(UnitManager *manager, const RestartPlan *plan, Failure *failure) {
        char name[GUARD_NAME_MAX], description[UNIT_NAME_MAX + 64], *arguments[PLAN_ARGUMENTS_MAX];
        _cleanup_free_ char *buffer = NULL;
        RestartPlan guarded = *plan;
        ProcStat stat;
        _cleanup_close_ int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
        int r;

        r = proc < 0 ? -errno : proc_get_stat(proc, getpid(), &stat);
        if (r < 0)
                return failure_errno(failure, r, "Cannot read about this process");
        guarded.engine = (PlanProcess){ .pid = getpid(), .starttime = stat.starttime };
        guarded.n_ancestors = 0;
        guarded.when = guarded.then = guarded.otherwise = NULL;
        r = plan_to_arguments(&guarded, CGMOVE_LIBEXEC_DIR "/cgmove-client", "restart-guard", arguments,
                              &buffer);
        if (r < 0)
                return failure_errno(failure, r, "Cannot start the guard of the restart");
        guard_name(plan, name);
        (void) snprintf(description, sizeof(description),
                        "Guard of the restart of %s (cgmove job %" PRIu64 ")", plan->unit, plan->job);
        return unit_start_transient(manager, name, description, arguments, failure);
}

void guard_stop(UnitManager *manager, const RestartPlan *plan) {
        char name[GUARD_NAME_MAX], result[UNIT_WORD_MAX];
        Failure failure;

        guard_name(plan, name);
        (void) unit_act(manager, name, UNIT_STOP, STOP_TIMEOUT, result, NULL, NULL, &failure);
}

/* --- in the guard -------------------------------------------------------------------------------------- */

static void wait_for_engine(int proc_fd, const RestartPlan *plan) {
        _cleanup_close_ int pidfd = plan_process_open(proc_fd, &plan->engine);

        /* only now is anything stopped, so that our start does not compete with that of the unit */
        (void) sd_notify(0, "READY=1");
        if (pidfd >= 0)
                (void) pidfd_wait(pidfd, UINT64_MAX);
}

/* The restart may have been cut off before anything was asked of the manager, or in the middle of healing:
 * what counts is whether the unit is up. */
static bool take_over(UnitManager *manager, int proc_fd, const RestartPlan *plan, Outcome *outcome) {
        RestartWatch watch = {
                .manager = manager,
                .plan = plan,
                .outcome = outcome,
                .proc_fd = proc_fd,
                .start_if_inactive = true,
                .issued = now_monotonic(),
        };
        Unit unit;

        if (restart_check(manager, plan, false, &unit, outcome) != 0)
                return false;
        memcpy(watch.ports.wanted, plan->ports, sizeof(watch.ports.wanted));
        watch.ports.n_wanted = plan->n_ports;
        watch.socket_activated = unit.socket_activated;
        watch.n_restarts = unit.n_restarts;
        watch.timeout = restart_timeout(plan, &unit);
        return restart_watch(&watch);
}

int verb_restart_guard(int argc, char **argv) {
        _cleanup_(unit_manager_freep) UnitManager *manager = NULL;
        _cleanup_close_ int proc = -1;
        RestartPlan plan;
        Failure failure;
        Outcome outcome;

        if (plan_from_arguments(argc, argv, &plan) < 0 || plan.engine.pid == 0)
                return STATUS_USAGE; /* not called by people */
        proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (proc < 0)
                return STATUS_FAILED;
        wait_for_engine(proc, &plan);
        if (unit_manager_open_user(&manager, &failure) != 0)
                return failure_print(&failure, false);
        outcome_init(&outcome, plan.unit);
        (void) fprintf(stderr,
                       "cgmove: Job %" PRIu64
                       " was cut off while it restarted %s; looking after the unit.\n",
                       plan.job, plan.unit);
        if (take_over(manager, proc, &plan, &outcome))
                (void) fprintf(stderr, "cgmove: %s is up.\n", plan.unit); /* restarted or not */
        else
                (void) fprintf(stderr, "cgmove: %s\n", outcome.text);
        return 0; /* what could be done was done: not to be started again */
}
