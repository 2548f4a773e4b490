/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/cleanup.h"
#include "tools/restart/judge.h"

/* The names of a unit's states. */
#define UP "active", "running"
#define STARTING "activating", "start"
#define LOOPING "activating", "auto-restart"
#define DOWN "failed", "failed"
#define INACTIVE "inactive", "dead"

#define DEADLINE UINT64_C(1000000000)
#define LATE (DEADLINE + 1)
#define MS UINT64_C(1000)

/* All that differs from a loaded simple service with one port that its manager has no job for, in time. */
typedef struct Case {
        const char *what;
        const char *active_state, *sub_state;
        RestartStep expected;
        size_t missing, left_over, foreign, time_wait;
        bool no_ports;
        uint32_t job;
        uint32_t n_restarts, counted_before;
        unsigned n_ended, n_started;
        bool was_closing, start_if_inactive, restart_once, is_old;
        uint64_t unchanged_for; /* microseconds */
        uint64_t now;           /* 0: before the deadline */
        const char *load_state, *type, *result;
} Case;

static RestartStep judge(const Case *c) {
        Unit unit = { .job = c->job, .n_restarts = c->n_restarts };
        UnitPortsState ports = { .n_missing = c->missing,
                                 .n_left_over = c->left_over,
                                 .n_foreign = c->foreign,
                                 .n_time_wait = c->time_wait };
        uint64_t now = c->now > 0 ? c->now : DEADLINE - 1;
        RestartFacts facts = {
                .unit = &unit,
                .ports = &ports,
                .has_ports = !c->no_ports,
                .n_ended = c->n_ended,
                .n_started = c->n_started,
                .n_restarts = c->counted_before,
                .was_closing = c->was_closing,
                .start_if_inactive = c->start_if_inactive,
                .restart_once = c->restart_once,
                .is_old = c->is_old,
                .now = now,
                .deadline = DEADLINE,
                .unchanged = now - c->unchanged_for,
        };

        (void) strcpy(unit.load_state, c->load_state ?: "loaded");
        (void) strcpy(unit.active_state, c->active_state);
        (void) strcpy(unit.sub_state, c->sub_state);
        (void) strcpy(unit.type, c->type ?: "simple");
        (void) strcpy(unit.result, c->result ?: "success");
        return restart_judge(&facts);
}

static void check(const Case *cases, size_t n) {
        for (size_t i = 0; i < n; i++) {
                RestartStep step = judge(&cases[i]);

                if (step != cases[i].expected)
                        fail_msg("%s: step %d, not %d", cases[i].what, (int) step, (int) cases[i].expected);
        }
}

static void test_up(void **state) {
        static const Case cases[] = {
                { "ports there, for a while", UP, RESTART_DONE, .unchanged_for = RESTART_STABLE },
                { "ports there, just now", UP, RESTART_WAIT, .unchanged_for = RESTART_STABLE - 1 },
                { "nothing to look at, longer", UP, RESTART_DONE, .no_ports = true,
                  .unchanged_for = RESTART_STABLE_BLIND },
                { "nothing to look at, too short", UP, RESTART_WAIT, .no_ports = true,
                  .unchanged_for = RESTART_STABLE_BLIND - 1 },
                { "ports that don't count", UP, RESTART_DONE, .no_ports = true, .missing = 1, .left_over = 1,
                  .foreign = 1, .unchanged_for = RESTART_STABLE_BLIND },
                { "late, and good", UP, RESTART_DONE, .unchanged_for = RESTART_STABLE, .now = LATE },
                { "came up at the last moment", UP, RESTART_WAIT, .unchanged_for = 1, .now = LATE },
                { "never good for long", UP, RESTART_UNSTABLE, .unchanged_for = 1,
                  .now = DEADLINE + RESTART_PATIENCE },
                { "the same, blind", UP, RESTART_UNSTABLE, .no_ports = true, .unchanged_for = RESTART_STABLE,
                  .now = DEADLINE + RESTART_PATIENCE },
                { "good at last", UP, RESTART_DONE, .unchanged_for = RESTART_STABLE,
                  .now = DEADLINE + RESTART_PATIENCE },
                { "started in vain before", UP, RESTART_DONE, .n_restarts = 30,
                  .unchanged_for = RESTART_STABLE },
                { "its manager still works on it", UP, RESTART_WAIT, .job = 1,
                  .unchanged_for = RESTART_STABLE },
                { "and is late", UP, RESTART_TIMEOUT, .job = 1, .unchanged_for = RESTART_STABLE,
                  .now = LATE },
        };

        check(cases, ELEMENTSOF(cases));
}

static void test_old(void **state) {
        static const Case cases[] = {
                { "its restart waits", UP, RESTART_WAIT, .is_old = true, .job = 1,
                  .unchanged_for = RESTART_PATIENCE },
                { "for too long", UP, RESTART_TIMEOUT, .is_old = true, .job = 1, .now = LATE },
                { "its restart is about to come", UP, RESTART_WAIT, .is_old = true,
                  .unchanged_for = RESTART_PATIENCE - 1 },
                { "the same, blind", UP, RESTART_WAIT, .is_old = true, .no_ports = true,
                  .unchanged_for = RESTART_STABLE_BLIND },
                { "it stops", "deactivating", "stop-sigterm", RESTART_WAIT, .is_old = true },
                { "it starts over, and its restart waits", LOOPING, RESTART_WAIT, .is_old = true, .job = 1,
                  .missing = 1, .left_over = 1, .n_restarts = 3 },
                { "nobody has asked", UP, RESTART_AGAIN, .is_old = true, .unchanged_for = RESTART_PATIENCE },
                { "its own processes are no left-overs", UP, RESTART_AGAIN, .is_old = true, .left_over = 1,
                  .unchanged_for = RESTART_PATIENCE },
                { "in vain", UP, RESTART_NEVER, .is_old = true, .n_started = 1,
                  .unchanged_for = RESTART_PATIENCE },
                { "that cannot be asked for again", UP, RESTART_NEVER, .is_old = true, .restart_once = true,
                  .unchanged_for = RESTART_PATIENCE },
        };

        check(cases, ELEMENTSOF(cases));
}

static void test_missing(void **state) {
        static const Case cases[] = {
                { "does not listen yet", UP, RESTART_WAIT, .missing = 1, .unchanged_for = 60000 * MS },
                { "never does", UP, RESTART_PORT_LOST, .missing = 1, .now = DEADLINE },
                { "someone else's, perhaps not for long", UP, RESTART_WAIT, .missing = 1, .foreign = 1,
                  .unchanged_for = RESTART_PATIENCE - 1 },
                { "someone else's, for good", UP, RESTART_PORT_HELD, .missing = 1, .foreign = 1,
                  .unchanged_for = RESTART_PATIENCE },
                { "someone else's, now and then", UP, RESTART_PORT_HELD, .missing = 1, .foreign = 1,
                  .unchanged_for = 1, .now = DEADLINE },
                { "left over", UP, RESTART_END_LEFT_OVERS, .missing = 1, .left_over = 1 },
                { "left over, once more", UP, RESTART_END_LEFT_OVERS, .missing = 1, .left_over = 1,
                  .n_ended = 1 },
                { "left over, and enough was tried", UP, RESTART_WAIT, .missing = 1, .left_over = 1,
                  .n_ended = RESTART_HEALS_MAX, .restart_once = true },
                { "left over, but ports don't count", UP, RESTART_WAIT, .no_ports = true, .missing = 1,
                  .left_over = 1 },
                { "ended, and it does not try again", UP, RESTART_AGAIN, .missing = 1, .n_ended = 1,
                  .unchanged_for = RESTART_PATIENCE },
                { "ended, and it may try again", UP, RESTART_WAIT, .missing = 1, .n_ended = 1,
                  .unchanged_for = RESTART_PATIENCE - 1 },
                { "ended, but closing", UP, RESTART_WAIT, .missing = 1, .n_ended = 1, .time_wait = 1,
                  .unchanged_for = RESTART_PATIENCE },
                { "nothing was ended", UP, RESTART_WAIT, .missing = 1, .unchanged_for = RESTART_PATIENCE },
                { "started again before", UP, RESTART_WAIT, .missing = 1, .n_ended = 1, .n_started = 1,
                  .unchanged_for = RESTART_PATIENCE },
                { "can be asked for once only", UP, RESTART_WAIT, .missing = 1, .n_ended = 1,
                  .restart_once = true, .unchanged_for = RESTART_PATIENCE },
                { "and is lost then", UP, RESTART_PORT_LOST, .missing = 1, .n_ended = 1,
                  .restart_once = true, .unchanged_for = RESTART_PATIENCE, .now = DEADLINE },
                { "closing", UP, RESTART_WAIT, .missing = 1, .time_wait = 1 },
                { "closing for too long", UP, RESTART_PORT_LOST, .missing = 1, .time_wait = 1,
                  .now = DEADLINE },
        };

        check(cases, ELEMENTSOF(cases));
}

static void test_on_the_way(void **state) {
        static const Case cases[] = {
                { "stops", "deactivating", "stop-sigterm", RESTART_WAIT },
                { "stops too slowly", "deactivating", "stop-sigterm", RESTART_TIMEOUT, .now = DEADLINE },
                { "stops: nothing is left over yet", "deactivating", "stop-sigterm", RESTART_WAIT,
                  .missing = 1, .left_over = 1 },
                { "starts", STARTING, RESTART_WAIT },
                { "starts, and a left-over is in the way", STARTING, RESTART_END_LEFT_OVERS, .missing = 1,
                  .left_over = 1 },
                { "starts, and someone is in the way", STARTING, RESTART_WAIT, .missing = 1, .foreign = 1 },
                { "starts too slowly", STARTING, RESTART_TIMEOUT, .now = DEADLINE },
                { "reads its configuration", "reloading", "reload", RESTART_WAIT,
                  .unchanged_for = 60000 * MS },
                { "for too long", "reloading", "reload", RESTART_TIMEOUT, .now = DEADLINE },
                { "down, but about to start", INACTIVE, RESTART_WAIT, .job = 1 },
                { "failed, but about to start", DOWN, RESTART_WAIT, .job = 1 },
        };

        check(cases, ELEMENTSOF(cases));
}

static void test_loop(void **state) {
        static const Case cases[] = {
                { "first time", LOOPING, RESTART_WAIT, .n_restarts = 1 },
                { "not yet hopeless", LOOPING, RESTART_WAIT, .n_restarts = 2 },
                { "hopeless", LOOPING, RESTART_START_FAILED, .n_restarts = 3 },
                { "what was before does not count", LOOPING, RESTART_WAIT, .n_restarts = 59,
                  .counted_before = 57 },
                { "what came after does", LOOPING, RESTART_START_FAILED, .n_restarts = 60,
                  .counted_before = 57 },
                { "counted from the beginning", LOOPING, RESTART_WAIT, .n_restarts = 3,
                  .counted_before = 57 },
                { "queued", "activating", "auto-restart-queued", RESTART_START_FAILED, .n_restarts = 3 },
                { "something else", "activating", "auto", RESTART_WAIT, .n_restarts = 3 },
                { "with a job of the manager", LOOPING, RESTART_START_FAILED, .n_restarts = 3, .job = 1 },
                { "someone else's port", LOOPING, RESTART_PORT_HELD, .n_restarts = 3, .missing = 1,
                  .foreign = 1 },
                { "someone else's port, at first", LOOPING, RESTART_WAIT, .n_restarts = 2, .missing = 1,
                  .foreign = 1 },
                { "a left-over's port", LOOPING, RESTART_END_LEFT_OVERS, .n_restarts = 3, .missing = 1,
                  .left_over = 1 },
                { "a left-over that stays", LOOPING, RESTART_START_FAILED, .n_restarts = 3, .missing = 1,
                  .left_over = 1, .n_ended = RESTART_HEALS_MAX },
                { "closing", LOOPING, RESTART_WAIT, .n_restarts = 30, .missing = 1, .time_wait = 1 },
                { "closing, and late", LOOPING, RESTART_TIMEOUT, .n_restarts = 30, .missing = 1,
                  .time_wait = 1, .now = DEADLINE },
                { "late", LOOPING, RESTART_TIMEOUT, .n_restarts = 1, .now = DEADLINE },
        };

        check(cases, ELEMENTSOF(cases));
}

static void test_failed(void **state) {
        static const Case cases[] = {
                { "for a reason of its own", DOWN, RESTART_START_FAILED, .result = "exit-code" },
                { "too many starts", DOWN, RESTART_START, .result = "start-limit-hit" },
                { "too many starts, again", DOWN, RESTART_START_FAILED, .result = "start-limit-hit",
                  .n_started = 1 },
                { "a left-over was ended", DOWN, RESTART_START, .result = "exit-code", .n_ended = 1 },
                { "a left-over was ended, again", DOWN, RESTART_START, .n_ended = 2, .n_started = 1 },
                { "enough was tried", DOWN, RESTART_START_FAILED, .n_ended = 2,
                  .n_started = RESTART_HEALS_MAX },
                { "a left-over is there", DOWN, RESTART_END_LEFT_OVERS, .missing = 1, .left_over = 1 },
                { "a left-over stays", DOWN, RESTART_START, .missing = 1, .left_over = 1,
                  .n_ended = RESTART_HEALS_MAX },
                { "someone else's port", DOWN, RESTART_PORT_HELD, .missing = 1, .foreign = 1,
                  .result = "start-limit-hit" },
                { "closing", DOWN, RESTART_WAIT, .missing = 1, .time_wait = 1, .result = "start-limit-hit" },
                { "closing, and late", DOWN, RESTART_TIMEOUT, .missing = 1, .time_wait = 1,
                  .now = DEADLINE },
                { "was closing", DOWN, RESTART_START, .missing = 1, .was_closing = true,
                  .result = "exit-code" },
                { "was closing, and enough was tried", DOWN, RESTART_START_FAILED, .missing = 1,
                  .was_closing = true, .n_started = RESTART_HEALS_MAX },
                { "nobody can have meant it", DOWN, RESTART_START, .result = "exit-code",
                  .start_if_inactive = true },
                { "and enough was tried", DOWN, RESTART_START_FAILED, .start_if_inactive = true,
                  .n_started = RESTART_HEALS_MAX },
        };

        check(cases, ELEMENTSOF(cases));
}

static void test_inactive(void **state) {
        static const Case cases[] = {
                { "stopped", INACTIVE, RESTART_STOPPED },
                { "a left-over was ended: stopped all the same", INACTIVE, RESTART_STOPPED, .n_ended = 1 },
                { "nobody can have meant it", INACTIVE, RESTART_START, .start_if_inactive = true },
                { "and once more", INACTIVE, RESTART_START, .start_if_inactive = true, .n_started = 1 },
                { "and again", INACTIVE, RESTART_START_FAILED, .start_if_inactive = true,
                  .n_started = RESTART_HEALS_MAX },
                { "has done its work", INACTIVE, RESTART_DONE, .type = "oneshot" },
                { "has done its work, cut off or not", INACTIVE, RESTART_DONE, .type = "oneshot",
                  .start_if_inactive = true },
                { "has not begun its work", INACTIVE, RESTART_STOPPED, .type = "oneshot", .is_old = true },
                { "has not come to its work yet", INACTIVE, RESTART_WAIT, .type = "oneshot", .is_old = true,
                  .job = 1 },
                { "was kept from its work", INACTIVE, RESTART_START, .type = "oneshot", .is_old = true,
                  .start_if_inactive = true },
                { "has failed at its work", DOWN, RESTART_START_FAILED, .type = "oneshot",
                  .result = "exit-code" },
                { "a state nobody knows", "odd", "odd", RESTART_STOPPED },
        };

        check(cases, ELEMENTSOF(cases));
}

static void test_load_state(void **state) {
        static const Case cases[] = {
                { "gone", UP, RESTART_NOT_LOADED, .load_state = "not-found",
                  .unchanged_for = RESTART_STABLE },
                { "masked", UP, RESTART_NOT_LOADED, .load_state = "masked",
                  .unchanged_for = RESTART_STABLE },
                { "wrong", DOWN, RESTART_NOT_LOADED, .load_state = "bad-setting", .missing = 1,
                  .left_over = 1 },
                { "not told", UP, RESTART_NOT_LOADED, .load_state = "" },
        };

        check(cases, ELEMENTSOF(cases));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_up), cmocka_unit_test(test_old),         cmocka_unit_test(test_missing),
                cmocka_unit_test(test_on_the_way), cmocka_unit_test(test_loop),
                cmocka_unit_test(test_failed),     cmocka_unit_test(test_inactive),
                cmocka_unit_test(test_load_state),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
