/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/restart/watch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tools/display.h"
#include "tools/output.h"
#include "tools/restart/judge.h"
#include "tools/restart/left-over.h"

#define LOOK_FIRST UINT64_C(50000) /* microseconds between two looks, a little more each time */
#define LOOK_MAX UINT64_C(250000)

/* What must not change for a while. */
typedef struct Snapshot {
        char active_state[UNIT_WORD_MAX];
        char invocation_id[sizeof(((Unit *) NULL)->invocation_id)];
        pid_t main_pid;
        uint32_t n_restarts;
        size_t n_missing;
} Snapshot;

typedef struct Look {
        RestartWatch *watch;
        Unit unit;
        UnitPortsState state;
        Snapshot snapshot;
        RestartFacts facts;
} Look;

void restart_manager_failed(Outcome *outcome, const Failure *failure) {
        if (failure->lost)
                outcome_end(outcome, "failed", "manager-gone",
                            "The manager of %s is gone; the unit comes back when it does, if it is enabled.",
                            outcome->unit);
        else
                outcome_end(outcome, "failed", "refused", "%s", failure->message);
}

uint64_t restart_ticks(void) {
        struct timespec now;

        (void) clock_gettime(CLOCK_BOOTTIME, &now);
        return ((uint64_t) now.tv_sec * 1000000000 + (uint64_t) now.tv_nsec) /
               (1000000000 / (uint64_t) sysconf(_SC_CLK_TCK));
}

static bool snapshot_update(Look *look) {
        Snapshot now = { .main_pid = look->unit.main_pid,
                         .n_restarts = look->unit.n_restarts,
                         .n_missing = look->state.n_missing };

        memcpy(now.active_state, look->unit.active_state, sizeof(now.active_state));
        memcpy(now.invocation_id, look->unit.invocation_id, sizeof(now.invocation_id));
        if (strcmp(now.active_state, look->snapshot.active_state) == 0 &&
            strcmp(now.invocation_id, look->snapshot.invocation_id) == 0 &&
            now.main_pid == look->snapshot.main_pid && now.n_restarts == look->snapshot.n_restarts &&
            now.n_missing == look->snapshot.n_missing)
                return false;
        look->snapshot = now;
        return true;
}

/* All facts, as they are now. */
static int look_again(Look *look, Failure *failure) {
        RestartWatch *watch = look->watch;
        int r;

        r = unit_get(watch->manager, watch->plan->unit, &look->unit, failure);
        if (r != 0)
                return r;
        r = unit_ports_look(watch->proc_fd, &look->unit, &watch->ports, watch->restarted, &look->state,
                            watch->outcome);
        if (r < 0 && r != -EAGAIN) /* at -EAGAIN all is as it was: the next look may have more luck */
                return failure_errno(failure, r, "Cannot see who holds the ports of %s", watch->plan->unit);
        look->facts.was_closing |= look->state.n_time_wait > 0;
        if (look->unit.n_restarts < look->facts.n_restarts) /* its manager counts from the beginning again */
                look->facts.n_restarts = 0;
        if (look->state.n_time_wait > 0) /* what fails because of that does not count */
                look->facts.n_restarts = look->unit.n_restarts;
        look->facts.is_old = watch->replaces && watch->replaces[0] != '\0' &&
                             strcmp(look->unit.invocation_id, watch->replaces) == 0;
        look->facts.now = now_monotonic();
        if (snapshot_update(look))
                look->facts.unchanged = look->facts.now;
        return 0;
}

/* --- steps --------------------------------------------------------------------------------------------- */

static void note_up(Look *look) {
        Outcome *outcome = look->watch->outcome;

        if (strcmp(look->unit.active_state, "active") != 0 || look->state.n_missing > 0 ||
            look->facts.is_old) {
                outcome->downtime = UINT64_MAX;
                return;
        }
        outcome_begin_phase(outcome, "stabilising");
        if (outcome->downtime == UINT64_MAX)
                outcome->downtime = look->facts.now - look->watch->issued;
}

static uint64_t deadline(const RestartWatch *watch) {
        return watch->timeout < UINT64_MAX - watch->issued ? watch->issued + watch->timeout : UINT64_MAX;
}

/* As if nobody had asked before. */
static void begin_again(Look *look) {
        RestartWatch *watch = look->watch;

        watch->restarted = restart_ticks();
        watch->issued = now_monotonic();
        look->facts.deadline = deadline(watch);
}

static int act(Look *look, UnitAction action, Failure *failure) {
        RestartWatch *watch = look->watch;
        uint64_t follow = action == UNIT_RESTART ? RESTART_FOLLOW_MAX : watch->timeout;
        char result[UNIT_WORD_MAX];

        outcome_begin_phase(watch->outcome, "healing");
        if (look->facts.is_old)
                begin_again(look);
        look->facts.n_started++;
        look->facts.was_closing = false;
        look->facts.n_restarts = look->unit.n_restarts;
        /* what becomes of it, the next looks tell */
        return unit_act(watch->manager, watch->plan->unit, action, follow, result, watch->tick,
                        watch->userdata, failure);
}

static int end_left_overs(Look *look, Failure *failure) {
        RestartWatch *watch = look->watch;
        int r;

        outcome_begin_phase(watch->outcome, "healing");
        look->facts.n_ended++;
        (void) left_overs_end(watch->proc_fd, &look->unit, look->state.left_overs, look->state.n_left_overs,
                              watch->outcome);
        /* what failed because of them, also while they were waited for, does not count */
        r = unit_get(watch->manager, watch->plan->unit, &look->unit, failure);
        look->facts.n_restarts = look->unit.n_restarts;
        look->facts.unchanged = now_monotonic();
        return r;
}

static int take_step(Look *look, RestartStep step, Failure *failure) {
        switch (step) {
        case RESTART_END_LEFT_OVERS:
                return end_left_overs(look, failure);
        case RESTART_START:
                return act(look, UNIT_START, failure);
        case RESTART_AGAIN:
                return act(look, UNIT_RESTART, failure);
        default:
                return 0;
        }
}

/* --- ends ---------------------------------------------------------------------------------------------- */

/* The holders that the outcome has may have been ended, or have gone. */
static void end_port_held(Look *look) {
        OutcomeProcess holder;

        outcome_process_from_holder(&look->state.foreign, &holder);
        outcome_end(look->watch->outcome, "failed", "port-held",
                    "Port %d of %s is held by %s, which is not a left-over of it and was not touched.",
                    (int) holder.port, look->watch->outcome->unit, holder.text);
}

/* Whatever the unit fails at while its manager ends, that is why. */
static bool end_with_manager(Look *look) {
        const Failure failure = { .lost = true };

        if (!unit_manager_is_stopping(look->watch->manager))
                return false;
        restart_manager_failed(look->watch->outcome, &failure);
        return true;
}

static void end_failed(Look *look, RestartStep step) {
        const PlanCommand journal = plan_command(look->watch->plan, "journalctl", "-n 20 -u"),
                          status = plan_command(look->watch->plan, "systemctl", "status");
        Outcome *outcome = look->watch->outcome;
        const Unit *unit = &look->unit;
        const char *name = outcome->unit;

        if (end_with_manager(look))
                return;
        switch (step) {
        case RESTART_NOT_LOADED:
                outcome_end(outcome, "failed", "not-loaded",
                            "%s cannot be loaded any more (%s); see \"%s\".", name, unit->load_state,
                            status.text);
                break;
        case RESTART_START_FAILED:
                outcome_end(outcome, "failed", "start-failed",
                            "%s does not start (%s, result %s); \"%s\" says why.", name, unit->active_state,
                            unit->result, journal.text);
                break;
        case RESTART_PORT_HELD:
                end_port_held(look);
                break;
        case RESTART_PORT_LOST:
                outcome_end(outcome, "failed", "port-lost",
                            "%s is active but does not listen on all of the ports it had before; \"%s\" may "
                            "say why.",
                            name, journal.text);
                break;
        case RESTART_STOPPED:
                outcome_end(outcome, "failed", "stopped-meanwhile",
                            "%s was stopped by someone else, or ended by itself, and was left so.", name);
                break;
        case RESTART_NEVER:
                outcome_end(outcome, "failed", "not-restarted",
                            "The restart of %s was asked for and has not begun: the request was lost on the way, "
                            "or somebody has cancelled it. Nothing was stopped; ask again.",
                            name);
                break;
        case RESTART_UNSTABLE:
                outcome_end(outcome, "failed", "unstable",
                            "%s starts, but does not stay up for long; \"%s\" may say why.", name,
                            journal.text);
                break;
        default:
                outcome_end(outcome, "failed", "timeout",
                            "%s is not up yet (%s, %s); its manager goes on without us, \"%s\" shows it.",
                            name, unit->active_state, unit->sub_state, status.text);
                break;
        }
}

static void end_done(Look *look) {
        Outcome *outcome = look->watch->outcome;
        char span[32] = "an unknown time";

        if (outcome->downtime != UINT64_MAX)
                display_span(outcome->downtime, span, sizeof(span));
        if (outcome->n_ended > 0)
                outcome_end(outcome, "done", "restarted",
                            "%s was restarted and is up after %s; %zu left-over%s that held its port%s "
                            "ended.",
                            outcome->unit, span, outcome->n_ended, outcome->n_ended > 1 ? "s" : "",
                            outcome->n_ended > 1 ? " were" : " was");
        else
                outcome_end(outcome, "done", "restarted", "%s was restarted and is up after %s.",
                            outcome->unit, span);
}

static bool is_end(RestartStep step) {
        return step == RESTART_DONE || step >= RESTART_NOT_LOADED;
}

static void pause_for(uint64_t usec) {
        const struct timespec t = { .tv_sec = 0, .tv_nsec = (long) usec * 1000 };

        (void) nanosleep(&t, NULL);
}

bool restart_watch(RestartWatch *watch) {
        Look look = { .watch = watch, .state = { .n_missing = watch->ports.n_wanted + watch->ports.n_any } };
        uint64_t pause = LOOK_FIRST;
        RestartStep step;
        Failure failure;

        look.facts = (RestartFacts){
                .unit = &look.unit,
                .ports = &look.state,
                .has_ports = !watch->socket_activated &&
                             (watch->ports.n_wanted > 0 || watch->ports.n_any > 0),
                .n_restarts = watch->n_restarts,
                .start_if_inactive = watch->start_if_inactive,
                .restart_once = watch->plan->system || watch->was_cancelled,
                .deadline = deadline(watch),
        };
        for (;;) {
                if (look_again(&look, &failure) != 0)
                        break;
                note_up(&look);
                step = restart_judge(&look.facts);
                if (is_end(step)) {
                        step == RESTART_DONE ? end_done(&look) : end_failed(&look, step);
                        return step == RESTART_DONE;
                }
                if (take_step(&look, step, &failure) != 0)
                        break;
                if (watch->tick)
                        watch->tick(watch->userdata);
                pause_for(pause);
                pause = pause + pause / 4 < LOOK_MAX ? pause + pause / 4 : LOOK_MAX;
        }
        restart_manager_failed(watch->outcome, &failure);
        return false;
}
