/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/restart/judge.h"

#include <string.h>

#define LOOPS_MAX 3 /* starts in vain, after which the reason will not go away by itself */

static bool is_state(const Unit *unit, const char *state) {
        return strcmp(unit->active_state, state) == 0;
}

static bool waits_to_start_again(const Unit *unit) {
        return is_state(unit, "activating") &&
               strncmp(unit->sub_state, "auto-restart", strlen("auto-restart")) == 0;
}

static bool has_been_so_for(const RestartFacts *facts, uint64_t usec) {
        return facts->now - facts->unchanged >= usec;
}

static RestartStep wait_or(const RestartFacts *facts, RestartStep end) {
        return facts->now >= facts->deadline ? end : RESTART_WAIT;
}

/* It is down and stays down unless something is done. */
static RestartStep judge_failed(const RestartFacts *facts) {
        if (facts->ports->n_foreign > 0)
                return RESTART_PORT_HELD;
        if (facts->ports->n_time_wait > 0) /* a minute at most */
                return wait_or(facts, RESTART_TIMEOUT);
        if (facts->n_started >= RESTART_HEALS_MAX)
                return RESTART_START_FAILED;
        /* a reason that may be gone: the port was taken, or too many starts while it was */
        if (facts->n_ended > 0 || facts->was_closing || facts->start_if_inactive ||
            (facts->n_started == 0 && strcmp(facts->unit->result, "start-limit-hit") == 0))
                return RESTART_START;
        return RESTART_START_FAILED;
}

static RestartStep judge_inactive(const RestartFacts *facts) {
        if (strcmp(facts->unit->type, "oneshot") == 0)
                return RESTART_DONE;
        if (facts->start_if_inactive)
                return facts->n_started < RESTART_HEALS_MAX ? RESTART_START : RESTART_START_FAILED;
        return RESTART_STOPPED;
}

/* Its manager starts it again and again. */
static RestartStep judge_loop(const RestartFacts *facts) {
        uint32_t n = facts->unit->n_restarts > facts->n_restarts
                                     ? facts->unit->n_restarts - facts->n_restarts
                                     : 0;

        if (facts->ports->n_time_wait > 0 || n < LOOPS_MAX)
                return wait_or(facts, RESTART_TIMEOUT);
        return facts->ports->n_foreign > 0 ? RESTART_PORT_HELD : RESTART_START_FAILED;
}

/* One that has come up within its time is given the time to prove itself. */
static RestartStep judge_up(const RestartFacts *facts, uint64_t stable) {
        if (has_been_so_for(facts, stable))
                return RESTART_DONE;
        return facts->now >= facts->deadline && facts->now - facts->deadline >= RESTART_PATIENCE
                               ? RESTART_UNSTABLE
                               : RESTART_WAIT;
}

static RestartStep judge_active(const RestartFacts *facts) {
        if (!facts->has_ports)
                return judge_up(facts, RESTART_STABLE_BLIND);
        if (facts->ports->n_missing == 0)
                return judge_up(facts, RESTART_STABLE);
        if (facts->ports->n_foreign > 0)
                return has_been_so_for(facts, RESTART_PATIENCE) ? RESTART_PORT_HELD
                                                                : wait_or(facts, RESTART_PORT_HELD);
        if (facts->n_ended > 0 && facts->n_started == 0 && facts->ports->n_time_wait == 0 &&
            !facts->restart_once && has_been_so_for(facts, RESTART_PATIENCE))
                return RESTART_AGAIN;
        return wait_or(facts, RESTART_PORT_LOST);
}

/* Its manager, or the daemon, ended before it had the request: as if nobody had asked. */
static RestartStep judge_old(const RestartFacts *facts) {
        if (facts->unit->job > 0)
                return wait_or(facts, RESTART_TIMEOUT);
        if (!has_been_so_for(facts, RESTART_PATIENCE))
                return wait_or(facts, RESTART_NEVER);
        return facts->restart_once || facts->n_started > 0 ? RESTART_NEVER : RESTART_AGAIN;
}

RestartStep restart_judge(const RestartFacts *facts) {
        const Unit *unit = facts->unit;

        if (strcmp(unit->load_state, "loaded") != 0)
                return RESTART_NOT_LOADED;
        if (is_state(unit, "deactivating"))
                return wait_or(facts, RESTART_TIMEOUT);
        if (facts->is_old && is_state(unit, "active"))
                return judge_old(facts);
        if (facts->has_ports && facts->ports->n_left_over > 0 && facts->n_ended < RESTART_HEALS_MAX)
                return RESTART_END_LEFT_OVERS;
        if (waits_to_start_again(unit))
                return judge_loop(facts);
        if (unit->job > 0 || is_state(unit, "activating") || is_state(unit, "reloading"))
                return wait_or(facts, RESTART_TIMEOUT);
        if (is_state(unit, "active"))
                return judge_active(facts);
        return is_state(unit, "failed") ? judge_failed(facts) : judge_inactive(facts);
}
