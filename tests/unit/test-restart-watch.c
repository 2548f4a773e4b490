/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/unit-fixture.h"
#include "tools/output.h"
#include "tools/restart/judge.h"
#include "tools/restart/unit-private.h"
#include "tools/restart/watch.h"
#include "tools/status.h"

/* --- a manager that does as the test says --------------------------------------------------------------------- */

typedef struct FalseManager {
        UnitManager manager;
        UnitFixture *fixture;
        unsigned n_gets, n_starts, n_restarts;
        bool is_gone, refuses, is_stopping;
        void (*on_get)(struct FalseManager *m);
        void (*on_start)(struct FalseManager *m);
} FalseManager;

static int false_get(UnitManager *manager, const char *name, Unit *ret, Failure *failure) {
        FalseManager *m = (FalseManager *) manager;

        assert_string_equal(name, "gateway.service");
        m->n_gets++;
        if (m->on_get)
                m->on_get(m);
        if (m->is_gone || m->refuses) {
                (void) failure_set(failure, STATUS_FAILED, "Example", "The manager is in no mood.");
                failure->lost = m->is_gone;
                return STATUS_FAILED;
        }
        *ret = m->fixture->unit;
        return 0;
}

static int false_act(UnitManager *manager, const char *name, UnitAction action, uint64_t timeout,
                     char *ret_result, unit_tick_t tick, void *userdata, Failure *failure) {
        FalseManager *m = (FalseManager *) manager;

        m->n_starts += action == UNIT_START;
        m->n_restarts += action == UNIT_RESTART;
        if (m->on_start)
                m->on_start(m);
        (void) strcpy(ret_result, "done");
        return 0;
}

static bool false_is_stopping(UnitManager *manager) {
        return ((FalseManager *) manager)->is_stopping;
}

static const UnitManagerType false_type = { .get = false_get,
                                            .act = false_act,
                                            .is_stopping = false_is_stopping };

/* WATCH has what differs from test to test. */
static bool run_watch(FalseManager *m, RestartWatch watch, Outcome *outcome) {
        static const RestartPlan plan = { .unit = "gateway.service" };

        m->manager.type = &false_type;
        outcome_init(outcome, plan.unit);
        watch.manager = &m->manager;
        watch.plan = &plan;
        watch.outcome = outcome;
        watch.proc_fd = m->fixture->proc_fd;
        watch.issued = now_monotonic();
        return restart_watch(&watch);
}

static bool watch_counted(FalseManager *m, uint16_t port, uint64_t restarted, uint64_t timeout,
                          uint32_t n_restarts, Outcome *outcome) {
        const RestartWatch watch = {
                .ports = { .wanted = { port }, .n_wanted = port > 0 },
                .n_restarts = n_restarts,
                .restarted = restarted,
                .timeout = timeout,
        };

        return run_watch(m, watch, outcome);
}

static bool watch(FalseManager *m, uint16_t port, uint64_t restarted, uint64_t timeout, Outcome *outcome) {
        return watch_counted(m, port, restarted, timeout, 0, outcome);
}

static void set_state(FalseManager *m, const char *active_state, const char *result) {
        (void) strcpy(m->fixture->unit.active_state, active_state);
        (void) strcpy(m->fixture->unit.result, result);
}

static void check_failed(const Outcome *outcome, const char *reason, const char *part) {
        assert_string_equal(outcome->state, "failed");
        assert_string_equal(outcome->reason, reason);
        if (!strstr(outcome->text, part))
                fail_msg("%s", outcome->text);
}

#define LONG UINT64_C(60000000)

/* --- ends --------------------------------------------------------------------------------------------------------- */

static void test_up(void **state) {
        FalseManager m = { .fixture = unit_fixture_need(state) };
        Outcome outcome;
        uint16_t port;
        int fd = listener_open_fixed(0, &port);

        m.fixture->unit.main_pid = child_start(m.fixture, 0, 0).pid;
        (void) close(fd);
        assert_true(watch(&m, port, ticks_next(), UINT64_MAX, &outcome));
        assert_string_equal(outcome.state, "done");
        assert_string_equal(outcome.reason, "restarted");
        assert_true(outcome.downtime < LONG);
        assert_int_equal(outcome.n_holders, 0);
        assert_int_equal(m.n_starts + m.n_restarts, 0);
}

static void replace(FalseManager *m) {
        (void) strcpy(m->fixture->unit.invocation_id, "0000000000000000000000000000000b");
}

/* The request was lost once, or always. */
static void check_not_begun(FalseManager *m, bool expected, Outcome *outcome) {
        const RestartWatch watch = { .replaces = "0000000000000000000000000000000a", .timeout = LONG };

        (void) strcpy(m->fixture->unit.invocation_id, watch.replaces);
        assert_int_equal(run_watch(m, watch, outcome), expected);
        assert_int_equal(m->n_restarts, 1);
        assert_int_equal(m->n_starts, 0);
}

static void test_lost_request(void **state) {
        FalseManager m = { .fixture = unit_fixture_need(state), .on_start = replace };
        Outcome outcome;

        check_not_begun(&m, true, &outcome);
        assert_string_equal(outcome.reason, "restarted");
        assert_true(outcome.downtime < RESTART_PATIENCE); /* the old one was up until then */
}

static void test_lost_requests(void **state) {
        FalseManager m = { .fixture = unit_fixture_need(state) };
        Outcome outcome;

        check_not_begun(&m, false, &outcome);
        check_failed(&outcome, "not-restarted", "Nothing was stopped");
        assert_true(outcome.downtime == UINT64_MAX);
}

static void test_manager_gone(void **state) {
        FalseManager m = { .fixture = unit_fixture_need(state), .is_gone = true };
        Outcome outcome;

        assert_false(watch(&m, 0, 1, LONG, &outcome));
        check_failed(&outcome, "manager-gone", "The manager of gateway.service is gone");
        assert_int_equal(m.n_gets, 1);
}

static void test_manager_refuses(void **state) {
        FalseManager m = { .fixture = unit_fixture_need(state), .refuses = true };
        Outcome outcome;

        assert_false(watch(&m, 0, 1, LONG, &outcome));
        check_failed(&outcome, "refused", "The manager is in no mood.");
}

static void test_not_loaded(void **state) {
        FalseManager m = { .fixture = unit_fixture_need(state) };
        Outcome outcome;

        (void) strcpy(m.fixture->unit.load_state, "masked");
        assert_false(watch(&m, 0, 1, LONG, &outcome));
        check_failed(&outcome, "not-loaded", "(masked); see \"systemctl --user status gateway.service\"");
}

static void test_stopped(void **state) {
        FalseManager m = { .fixture = unit_fixture_need(state) };
        Outcome outcome;

        set_state(&m, "inactive", "success");
        assert_false(watch(&m, 0, 1, LONG, &outcome));
        check_failed(&outcome, "stopped-meanwhile", "was left so");
        assert_int_equal(m.n_starts, 0);
}

/* It still answers, and stops its units one after the other. */
static void test_manager_stops(void **state) {
        FalseManager m = { .fixture = unit_fixture_need(state), .is_stopping = true };
        Outcome outcome;

        set_state(&m, "inactive", "success");
        assert_false(watch(&m, 0, 1, LONG, &outcome));
        check_failed(&outcome, "manager-gone", "The manager of gateway.service is gone");
}

static void test_timeout(void **state) {
        FalseManager m = { .fixture = unit_fixture_need(state) };
        Outcome outcome;

        set_state(&m, "activating", "success");
        assert_false(watch(&m, 0, 1, 100000, &outcome));
        check_failed(&outcome, "timeout", "is not up yet (activating, )");
        assert_non_null(strstr(outcome.text, "\"systemctl --user status gateway.service\""));
}

/* --- healing ------------------------------------------------------------------------------------------------------- */

static void test_start_limit(void **state) {
        FalseManager m = { .fixture = unit_fixture_need(state) };
        Outcome outcome;

        set_state(&m, "failed", "start-limit-hit");
        assert_false(watch(&m, 0, 1, LONG, &outcome));
        check_failed(&outcome, "start-failed",
                     "(failed, result start-limit-hit); \"journalctl --user -n 20 -u gateway.service\"");
        assert_int_equal(m.n_starts, 1);
}

static uint16_t wanted_port;

static void start_well(FalseManager *m) {
        int fd = listener_open(wanted_port, 0, &wanted_port);

        assert_true(fd >= 0); /* the left-over has gone */
        m->fixture->unit.main_pid = child_start(m->fixture, 0, 0).pid;
        (void) close(fd);
        set_state(m, "active", "success");
}

static void test_left_over(void **state) {
        FalseManager m = { .fixture = unit_fixture_need(state), .on_start = start_well };
        int fd = listener_open_fixed(0, &wanted_port);
        Child old = child_start(m.fixture, 0, 0);
        Outcome outcome;

        (void) close(fd);
        set_state(&m, "failed", "exit-code");
        assert_true(watch(&m, wanted_port, ticks_next(), LONG, &outcome));
        assert_int_equal(m.n_starts, 1);
        assert_int_equal(outcome.n_ended, 1);
        assert_int_equal(outcome.ended[0].pid, old.pid);
        assert_non_null(strstr(outcome.text, "; 1 left-over that held its port was ended."));
        assert_false(child_is_alive(old.pid));
}

/* After what was left over has gone, someone else takes the port: the sentence is about him. */
static pid_t thief;

static void take_port(FalseManager *m) {
        uint16_t port;
        int fd;

        if (m->n_gets != 2)
                return;
        fd = listener_open(wanted_port, 0, &port);
        assert_true(fd >= 0);
        thief = child_start(m->fixture, 0, CHILD_OUTSIDE).pid;
        (void) close(fd);
}

static void test_port_held(void **state) {
        FalseManager m = { .fixture = unit_fixture_need(state), .on_get = take_port };
        int fd = listener_open_fixed(0, &wanted_port);
        Child old = child_start(m.fixture, 0, 0);
        char who[32];
        Outcome outcome;

        (void) close(fd);
        set_state(&m, "failed", "exit-code");
        assert_false(watch(&m, wanted_port, ticks_next(), LONG, &outcome));
        (void) snprintf(who, sizeof(who), "is held by PID %d ", (int) thief);
        check_failed(&outcome, "port-held", who);
        assert_false(child_is_alive(old.pid));
        assert_true(child_is_alive(thief));
        assert_int_equal(outcome.n_holders, 2);
        assert_int_equal(m.n_starts, 0);
        child_kill(thief);
}

/* Its manager starts it again and again; what it had counted before the restart is not counted. */
static void loop(FalseManager *m) {
        m->fixture->unit.n_restarts = m->n_gets <= 2 ? 57 : m->n_gets - 2;
}

static void test_loop(void **state) {
        FalseManager m = { .fixture = unit_fixture_need(state), .on_get = loop };
        Outcome outcome;

        set_state(&m, "activating", "exit-code");
        (void) strcpy(m.fixture->unit.sub_state, "auto-restart");
        assert_false(watch_counted(&m, 0, 1, LONG, 57, &outcome));
        check_failed(&outcome, "start-failed", "result exit-code");
        assert_int_equal(m.n_gets, 5); /* 57, 57, then 1, 2, 3 */
        assert_int_equal(m.n_starts, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, unit_fixture_setup, unit_fixture_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_up),         TEST(test_manager_gone), TEST(test_manager_refuses),
                TEST(test_not_loaded), TEST(test_stopped),      TEST(test_manager_stops),
                TEST(test_timeout),    TEST(test_start_limit),  TEST(test_left_over),
                TEST(test_port_held),  TEST(test_loop),         TEST(test_lost_request),
                TEST(test_lost_requests),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
