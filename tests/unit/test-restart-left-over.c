/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/unit-fixture.h"
#include "tools/restart/left-over.h"

#define NOBODY 65534

static PortHolder holder_of(const UnitFixture *fixture, const Child *child) {
        PortHolder holder = {
                .pid = child->pid, .starttime = child->starttime, .comm = "left", .socket.port = 80
        };

        (void) strcpy(holder.cgroup, fixture->unit.control_group);
        return holder;
}

static int end(const UnitFixture *fixture, const PortHolder *holders, size_t n, Outcome *outcome) {
        outcome_init(outcome, fixture->unit.id);
        return left_overs_end(fixture->proc_fd, &fixture->unit, holders, n, outcome);
}

/* That it is left alone. */
static void check_spared(const UnitFixture *fixture, const Child *child, const PortHolder *holder) {
        Outcome outcome;

        assert_int_equal(end(fixture, holder, 1, &outcome), 0);
        assert_int_equal(outcome.n_ended, 0);
        assert_true(child_is_alive(child->pid));
}

static void test_nobody(void **state) {
        const UnitFixture *fixture = unit_fixture_need(state);
        Outcome outcome;

        assert_int_equal(end(fixture, NULL, 0, &outcome), 0);
        assert_int_equal(outcome.n_ended, 0);
}

static void test_end(void **state) {
        const UnitFixture *fixture = unit_fixture_need(state);
        Child a = child_start(fixture, 0, 0), b = child_start(fixture, 0, 0),
              other = child_start(fixture, 0, 0);
        PortHolder holders[] = { holder_of(fixture, &a), holder_of(fixture, &b), holder_of(fixture, &a) };
        Outcome outcome;

        assert_int_equal(end(fixture, holders, 3, &outcome), 0);
        assert_false(child_is_alive(a.pid));
        assert_false(child_is_alive(b.pid));
        assert_true(child_is_alive(other.pid));
        assert_int_equal(outcome.n_ended, 2);
        assert_int_equal(outcome.ended[0].pid, a.pid);
        assert_int_equal(outcome.ended[0].port, 80);
        assert_string_equal(outcome.ended[0].comm, "left");
        assert_int_equal(outcome.ended[0].signal, SIGTERM);
}

/* It takes as long as one of them is given; all are waited for at once. */
static void test_ignores_term(void **state) {
        const UnitFixture *fixture = unit_fixture_need(state);
        Child a = child_start(fixture, 0, CHILD_IGNORES_TERM),
              b = child_start(fixture, 0, CHILD_IGNORES_TERM);
        PortHolder holders[] = { holder_of(fixture, &a), holder_of(fixture, &b) };
        Outcome outcome;

        assert_int_equal(end(fixture, holders, 2, &outcome), 0);
        assert_false(child_is_alive(a.pid));
        assert_false(child_is_alive(b.pid));
        assert_int_equal(outcome.n_ended, 2);
        assert_int_equal(outcome.ended[0].signal, SIGKILL);
}

static void test_too_many(void **state) {
        const UnitFixture *fixture = unit_fixture_need(state);
        PortHolder holders[OUTCOME_PROCESSES_MAX + 1];
        Child children[OUTCOME_PROCESSES_MAX + 1];
        Outcome outcome;

        for (size_t i = 0; i <= OUTCOME_PROCESSES_MAX; i++) {
                children[i] = child_start(fixture, 0, 0);
                holders[i] = holder_of(fixture, &children[i]);
        }
        assert_int_equal(end(fixture, holders, OUTCOME_PROCESSES_MAX + 1, &outcome), 0);
        assert_false(child_is_alive(children[OUTCOME_PROCESSES_MAX - 1].pid));
        assert_true(child_is_alive(children[OUTCOME_PROCESSES_MAX].pid));
}

/* --- who is spared ---------------------------------------------------------------------------------------- */

/* The number means another process than the one that was looked at. */
static void test_other_process(void **state) {
        const UnitFixture *fixture = unit_fixture_need(state);
        Child child = child_start(fixture, 0, 0);
        PortHolder holder = holder_of(fixture, &child);

        holder.starttime--;
        check_spared(fixture, &child, &holder);
        holder.starttime = 0;
        check_spared(fixture, &child, &holder);
        holder.pid = 0;
        check_spared(fixture, &child, &holder);
        holder.pid = -1;
        check_spared(fixture, &child, &holder);
}

static void test_ended_before(void **state) {
        const UnitFixture *fixture = unit_fixture_need(state);
        Child child = child_start(fixture, 0, 0);
        PortHolder holder = holder_of(fixture, &child);
        Outcome outcome;

        child_kill(child.pid);
        assert_int_equal(end(fixture, &holder, 1, &outcome), 0);
        assert_int_equal(outcome.n_ended, 0);
}

/* It was in the unit when it was looked at, and is not any more: a job of its own, say. */
static void test_moved(void **state) {
        const UnitFixture *fixture = unit_fixture_need(state);
        Child child = child_start(fixture, 0, CHILD_OUTSIDE);
        PortHolder holder = holder_of(fixture, &child);

        check_spared(fixture, &child, &holder);
        child_kill(child.pid);
}

static void test_unit_without_group(void **state) {
        UnitFixture *fixture = unit_fixture_need(state);
        Child child = child_start(fixture, 0, 0);
        PortHolder holder = holder_of(fixture, &child);

        fixture->unit.control_group[0] = 0;
        check_spared(fixture, &child, &holder);
        (void) strcpy(fixture->unit.control_group, "/");
        check_spared(fixture, &child, &holder);
        (void) strcpy(fixture->unit.control_group, holder.cgroup);
        fixture->unit.control_group[strlen(holder.cgroup) - 1] = 0; /* a prefix */
        check_spared(fixture, &child, &holder);
}

/* One of another user, whatever else is right; root could. */
static void test_other_user(void **state) {
        const UnitFixture *fixture = unit_fixture_need(state);
        Child child = child_start(fixture, NOBODY, 0);
        PortHolder holder = holder_of(fixture, &child);

        check_spared(fixture, &child, &holder);
}

/* --- together ----------------------------------------------------------------------------------------------- */

static void test_some_are_spared(void **state) {
        const UnitFixture *fixture = unit_fixture_need(state);
        Child mine = child_start(fixture, 0, 0), other = child_start(fixture, NOBODY, 0);
        PortHolder holders[] = { holder_of(fixture, &other), holder_of(fixture, &mine) };
        Outcome outcome;

        assert_int_equal(end(fixture, holders, 2, &outcome), 0);
        assert_false(child_is_alive(mine.pid));
        assert_true(child_is_alive(other.pid));
        assert_int_equal(outcome.n_ended, 1);
        assert_int_equal(outcome.ended[0].pid, mine.pid);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, unit_fixture_setup, unit_fixture_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_nobody),        TEST(test_end),
                TEST(test_ignores_term),  TEST(test_too_many),
                TEST(test_other_process), TEST(test_ended_before),
                TEST(test_moved),         TEST(test_unit_without_group),
                TEST(test_other_user),    TEST(test_some_are_spared),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
