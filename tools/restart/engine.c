/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `cgmove restart-job`: the command of a restart job. Each phase is a function; the first that fails ends
 * it. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/pidfd.h"
#include "tools/display.h"
#include "tools/move-self.h"
#include "tools/output.h"
#include "tools/restart/calling.h"
#include "tools/restart/guard.h"
#include "tools/restart/hook.h"
#include "tools/restart/move-out.h"
#include "tools/restart/plan.h"
#include "tools/restart/prepare.h"
#include "tools/restart/report.h"
#include "tools/restart/unit-log.h"
#include "tools/restart/watch.h"
#include "tools/status.h"
#include "tools/verbs.h"

#define CALLER_PATIENCE                                                                                     \
        (UINT64_C(300) * 1000000) /* microseconds for which the calling command is waited for */
#define MANAGER_PATIENCE                                                                                    \
        (UINT64_C(10) * 1000000)   /* microseconds: it may be executing itself anew just then */
#define MANAGER_PAUSE 100000000L   /* nanoseconds */
#define LOG_DELAY UINT64_C(200000) /* microseconds: journald reads what a unit wrote some time later */

typedef struct Engine {
        RestartPlan plan;
        Outcome outcome;
        Client *client;
        UnitManager *manager;
        int proc_fd;
        Unit unit;
        UnitPorts ports;
        bool guarded;
        uint64_t begun; /* CLOCK_REALTIME, microseconds: when the manager was asked */
        size_t n_told;  /* phases that the daemon knows of */
        bool unheard;   /* it hangs */
} Engine;

/* A daemon that is away learns of it later; for one that hangs, the restart waits once, and tells it the end
 * only. */
static void tell_progress(void *userdata) {
        Engine *e = userdata;
        Failure failure;

        if (e->unheard || e->n_told == e->outcome.n_phases)
                return;
        e->n_told = e->outcome.n_phases;
        e->unheard = report_progress(&e->client, e->plan.job, &e->outcome, &failure) != 0 &&
                     strcmp(failure.code, "Timeout") == 0;
}

static void begin_phase(Engine *e, const char *name) {
        outcome_begin_phase(&e->outcome, name);
        tell_progress(e);
}

static int fail(Engine *e, const Failure *failure) {
        restart_manager_failed(&e->outcome, failure);
        return failure->status;
}

/* --- before -------------------------------------------------------------------------------------------- */

static int open_manager(Engine *e) {
        static const struct timespec pause = { .tv_nsec = MANAGER_PAUSE };
        uint64_t start = now_monotonic();
        Failure failure;
        int r;

        while ((r = e->plan.system ? unit_manager_open_system(e->plan.job, &e->manager, &failure)
                                   : unit_manager_open_user(&e->manager, &failure)) != 0 &&
               failure.lost && now_monotonic() - start < MANAGER_PATIENCE)
                (void) nanosleep(&pause, NULL);
        return r != 0 ? fail(e, &failure) : 0;
}

/* No connection outlasts this: what the manager tells meanwhile would pile up in it, and a manager that
 * executes itself anew would close it. */
static int get_main_pid(Engine *e, pid_t *ret) {
        Failure failure;
        int r;

        r = open_manager(e);
        if (r != 0)
                return r;
        r = unit_get(e->manager, e->plan.unit, &e->unit, &failure);
        e->manager = unit_manager_free(e->manager);
        if (r != 0)
                return fail(e, &failure);
        *ret = e->unit.main_pid;
        return 0;
}

/* Who cannot be moved would be killed. A restart that fails can be asked for again; the command cannot. */
static int move_command_out(Engine *e, const PlanProcess *command, int pidfd) {
        Failure failure;
        int r;

        begin_phase(e, "moving-caller");
        r = calling_move_out(&e->client, e->proc_fd, &e->plan, command, pidfd, &failure);
        if (r != 0)
                outcome_end(&e->outcome, "failed", "refused",
                            "The calling command could not be moved out of %s, so nothing was stopped: %s",
                            e->plan.unit, failure.message);
        return r;
}

static uint64_t patience(const Engine *e, uint64_t usual) {
        return e->plan.patience > 0 ? e->plan.patience : usual;
}

static int wait_for_caller(Engine *e) {
        const PlanProcess *command;
        _cleanup_close_ int pidfd = -1;
        pid_t main_pid;
        int r;

        if (e->plan.n_ancestors == 0)
                return 0;
        begin_phase(e, "waiting");
        r = get_main_pid(e, &main_pid);
        if (r != 0)
                return r;
        command = calling_find_command(e->proc_fd, &e->plan, main_pid);
        pidfd = plan_process_open(e->proc_fd, command);
        if (pidfd < 0)
                return 0; /* it has ended */
        if (e->plan.do_not_wait || !pidfd_wait(pidfd, patience(e, CALLER_PATIENCE)))
                return move_command_out(e, command, pidfd);
        return 0;
}

static int wait_for_delay(Engine *e) {
        struct timespec left = { .tv_sec = (time_t) (e->plan.delay / 1000000),
                                 .tv_nsec = (long) (e->plan.delay % 1000000) * 1000 };

        if (e->plan.delay == 0)
                return 0;
        begin_phase(e, "delaying");
        while (clock_nanosleep(CLOCK_BOOTTIME, 0, &left, &left) == EINTR)
                ;
        return 0;
}

static int wait_for_condition(Engine *e) {
        char span[32];

        if (!e->plan.when)
                return 0;
        begin_phase(e, "condition");
        if (hook_wait_until(e->plan.when, patience(e, HOOK_WHEN_PATIENCE)))
                return 0;
        display_span(patience(e, HOOK_WHEN_PATIENCE), span, sizeof(span));
        outcome_end(&e->outcome, "failed", "when-timeout",
                    "The condition of --when did not come true within %s. Nothing was stopped.", span);
        return STATUS_FAILED;
}

static int check(Engine *e) {
        int r;

        begin_phase(e, "checking");
        r = restart_check(e->manager, &e->plan, !e->plan.system, &e->unit, &e->outcome);
        if (r == 0)
                r = restart_note_ports(e->proc_fd, &e->plan, &e->unit, &e->ports, &e->outcome);
        return r;
}

/* --- the restart --------------------------------------------------------------------------------------- */

/* Without a guard nothing is stopped: it is what keeps the promise that the unit comes up whatever becomes
 * of us. */
static int set_guard(Engine *e) {
        RestartPlan plan = e->plan;
        Failure failure;

        if (e->plan.system)
                return 0; /* the daemon keeps that promise */
        memcpy(plan.ports, e->ports.wanted, sizeof(plan.ports));
        plan.n_ports = e->ports.n_wanted;
        if (guard_start(e->manager, &plan, &failure) != 0)
                return fail(e, &failure);
        e->guarded = true;
        return 0;
}

static int restart(Engine *e) {
        RestartWatch watch = {
                .manager = e->manager,
                .plan = &e->plan,
                .outcome = &e->outcome,
                .proc_fd = e->proc_fd,
                .ports = e->ports,
                .socket_activated = e->unit.socket_activated,
                .n_restarts = e->unit.n_restarts,
                .replaces = e->unit.invocation_id,
                .timeout = restart_timeout(&e->plan, &e->unit),
                .tick = tell_progress,
                .userdata = e,
        };
        char result[UNIT_WORD_MAX];
        Failure failure;
        int r;

        e->plan.restarted = watch.restarted = restart_ticks();
        r = set_guard(e);
        if (r != 0)
                return r;
        begin_phase(e, "restarting");
        e->begun = now_realtime();
        watch.issued = now_monotonic();
        r = unit_act(e->manager, e->plan.unit, UNIT_RESTART,
                     e->plan.system ? watch.timeout : RESTART_FOLLOW_MAX, result, NULL, NULL, &failure);
        if (r != 0)
                return fail(e, &failure);
        outcome_begin_phase(&e->outcome, "watching");
        return restart_watch(&watch) ? 0 : STATUS_FAILED;
}

/* --- after --------------------------------------------------------------------------------------------- */

static void read_log(Engine *e) {
        const struct timespec delay = { .tv_nsec = (long) LOG_DELAY * 1000 };

        if (e->begun == 0)
                return;
        (void) nanosleep(&delay, NULL);
        unit_log_read(e->plan.unit, e->plan.system, e->begun, &e->outcome);
}

/* Where the manager did not answer in the middle, the guard may have more luck. */
static bool guard_is_done(const Engine *e) {
        return e->guarded && strcmp(e->outcome.reason, "refused") != 0;
}

static void tell_end(Engine *e) {
        const char *command = e->outcome.state[0] == 'd' ? e->plan.then : e->plan.otherwise;
        Failure failure;
        int r;

        read_log(e);
        (void) printf("%s\n", e->outcome.text);
        (void) fflush(stdout);
        r = report_progress(&e->client, e->plan.job, &e->outcome, &failure);
        if (guard_is_done(e))
                guard_stop(e->manager, &e->plan);
        if (command)
                hook_tell(command, &e->outcome, e->plan.job);
        /* a daemon that was away then keeps nobody waiting but us */
        if (r != 0 && report_end(&e->client, e->plan.job, &e->outcome, &failure) != 0)
                (void) failure_print(&failure, false);
}

static int run(Engine *e) {
        static int (*const phases[])(Engine * e) = {
                wait_for_caller, wait_for_delay, wait_for_condition, open_manager, check, restart,
        };
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(phases) && r == 0; i++)
                r = phases[i](e);
        tell_end(e);
        return r == 0 ? 0 : STATUS_FAILED;
}

int verb_restart_job(int argc, char **argv) {
        Engine e = { .proc_fd = -1 };
        int r;

        if (plan_from_arguments(argc, argv, &e.plan) < 0)
                return STATUS_USAGE; /* not called by people */
        e.plan.job = move_own_job();
        e.proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (e.plan.job == 0 || e.proc_fd < 0)
                return STATUS_FAILED;
        outcome_init(&e.outcome, e.plan.unit);
        r = run(&e);
        (void) unit_manager_free(e.manager);
        (void) client_free(e.client);
        (void) close(e.proc_fd);
        return r;
}
