/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/cleanup.h"
#include "tests/unit/unit-fixture.h"
#include "tools/restart/unit-ports.h"

#define NOBODY 65534

static void test_is_within(void **state) {
        static const struct {
                const char *cgroup, *group;
                bool expected;
        } cases[] = {
                { "/a/b", "/a/b", true },    { "/a/b/c", "/a/b", true },
                { "/a/b2", "/a/b", false },  { "/a/b.service2/c", "/a/b.service", false },
                { "/a", "/a/b", false },     { "/a/", "/a/b", false },
                { "/x/a/b", "/a/b", false }, { "", "/a/b", false },
                { "/a/b", "", false },                               /* a unit that is down has none */
                { "", "", false },           { "/a/b", "/", false }, /* nor may it be everything */
                { "/", "/", false },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                if (cgroup_is_within(cases[i].cgroup, cases[i].group) != cases[i].expected)
                        fail_msg("%s, %s", cases[i].cgroup, cases[i].group);
}

/* --- which it has ------------------------------------------------------------------------------------------- */

static UnitPorts note(const UnitFixture *fixture) {
        UnitPorts ports = { .n_wanted = 0 };

        assert_int_equal(unit_ports_note(fixture->proc_fd, &fixture->unit, &ports), 0);
        return ports;
}

static void test_note(void **state) {
        const UnitFixture *fixture = unit_fixture_need(state);
        uint16_t port, v6_port, chosen, foreign;
        int fds[] = { listener_open_fixed(0, &port),
                      listener_open_fixed(LISTEN_V6 | LISTEN_V6ONLY, &v6_port), listener_open(0, 0, &chosen),
                      listener_open(v6_port, 0, &v6_port) };
        UnitPorts ports = note(fixture);
        int foreign_fd;

        assert_int_equal(ports.n_wanted + ports.n_any, 0); /* they are the test's own so far */
        (void) child_start(fixture, 0, CHILD_FORKS);
        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                (void) close(fds[i]);
        foreign_fd = listener_open_fixed(0, &foreign);
        ports = note(fixture);
        assert_int_equal(ports.n_wanted, 2); /* the one with two sockets once */
        assert_true((ports.wanted[0] == port && ports.wanted[1] == v6_port) ||
                    (ports.wanted[0] == v6_port && ports.wanted[1] == port));
        assert_int_equal(ports.n_any, 1);
        assert_int_equal(ports.any[0], chosen);
        (void) close(foreign_fd);
}

/* One that is wanted anyway does not count twice, whichever it is. */
static void test_note_wanted(void **state) {
        const UnitFixture *fixture = unit_fixture_need(state);
        UnitPorts ports = { .n_wanted = 1 };
        int fd = listener_open(0, 0, &ports.wanted[0]);

        (void) child_start(fixture, 0, 0);
        (void) close(fd);
        assert_int_equal(unit_ports_note(fixture->proc_fd, &fixture->unit, &ports), 0);
        assert_int_equal(ports.n_wanted, 1);
        assert_int_equal(ports.n_any, 0);
}

/* Another group, and one whose name begins like the unit's. */
static void test_note_others(void **state) {
        UnitFixture *fixture = unit_fixture_need(state);
        uint16_t port;
        int fd = listener_open_fixed(0, &port);
        Child child = child_start(fixture, 0, CHILD_OUTSIDE);
        UnitPorts ports = note(fixture);

        (void) close(fd);
        assert_int_equal(ports.n_wanted, 0);
        child_kill(child.pid);
        fd = listener_open_fixed(0, &port);
        (void) child_start(fixture, 0, 0);
        (void) close(fd);
        fixture->unit.control_group[strlen(fixture->unit.control_group) - 1] = 0;
        ports = note(fixture);
        assert_int_equal(ports.n_wanted, 0);
}

/* What a gateway has started listens too: that is not the gateway's port, unless that does not listen itself. */
static void test_note_command(void **state) {
        const UnitFixture *fixture = unit_fixture_need(state);
        uint16_t port;
        int fd = listener_open_fixed(0, &port);
        Child gateway = child_start(fixture, 0, CHILD_FORKS_LISTENER), wrapper;
        UnitPorts ports;

        (void) close(fd);
        ports = note(fixture);
        assert_int_equal(ports.n_wanted, 1);
        assert_int_equal(ports.wanted[0], port);
        assert_true(port != gateway.port);
        child_kill(gateway.child);
        child_kill(gateway.pid);

        wrapper = child_start(fixture, 0, CHILD_FORKS_LISTENER);
        ports = note(fixture);
        assert_int_equal(ports.n_wanted, 1);
        assert_int_equal(ports.wanted[0], wrapper.port);
}

/* --- who has them afterwards ---------------------------------------------------------------------------------- */

typedef struct Seen {
        UnitPortsState state;
        Outcome outcome;
} Seen;

static Seen look(const UnitFixture *fixture, const UnitPorts *ports, uint64_t restarted) {
        Seen seen;

        outcome_init(&seen.outcome, fixture->unit.id);
        assert_int_equal(unit_ports_look(fixture->proc_fd, &fixture->unit, ports, restarted, &seen.state,
                                         &seen.outcome),
                         0);
        return seen;
}

static void check(const UnitPortsState *state, size_t missing, size_t left_over, size_t foreign,
                  size_t time_wait) {
        assert_int_equal(state->n_missing, missing);
        assert_int_equal(state->n_left_over, left_over);
        assert_int_equal(state->n_foreign, foreign);
        assert_int_equal(state->n_time_wait, time_wait);
}

static void test_nothing(void **state) {
        const UnitFixture *fixture = unit_fixture_need(state);
        UnitPorts ports = { .n_wanted = 0 };
        Seen seen = look(fixture, &ports, ticks_next());
        uint16_t port;
        int fd;

        check(&seen.state, 0, 0, 0, 0);
        fd = listener_open_fixed(0, &port);
        (void) close(fd);
        ports.wanted[ports.n_wanted++] = port;
        seen = look(fixture, &ports, ticks_next());
        check(&seen.state, 1, 0, 0, 0);
        assert_int_equal(seen.outcome.n_holders, 0);
}

static void test_owned(void **state) {
        UnitFixture *fixture = unit_fixture_need(state);
        UnitPorts ports = { .n_wanted = 1 };
        int fd = listener_open_fixed(LISTEN_V6 | LISTEN_V6ONLY, &ports.wanted[0]);
        Child child = child_start(fixture, 0, CHILD_FORKS);
        Seen seen;

        (void) close(fd);
        fixture->unit.main_pid = child.pid;
        seen = look(fixture, &ports, ticks_next()); /* older than the restart, but the main process */
        check(&seen.state, 0, 0, 0, 0);
        fixture->unit.main_pid = getpid(); /* one above */
        seen = look(fixture, &ports, ticks_next());
        check(&seen.state, 0, 0, 0, 0);
        fixture->unit.main_pid = child.child; /* one below: the parent is left over, but the port is there */
        seen = look(fixture, &ports, ticks_next());
        check(&seen.state, 0, 0, 0, 0);
        assert_int_equal(seen.state.n_left_overs, 0);
        fixture->unit.main_pid = 0;
        fixture->unit.control_pid = child.pid;
        (void) strcpy(fixture->unit.active_state, "activating");
        seen = look(fixture, &ports, ticks_next());
        check(&seen.state, 0, 0, 0, 0);
}

/* The socket, its inode and its cgroup are the same; the process is another. */
static void test_left_over(void **state) {
        UnitFixture *fixture = unit_fixture_need(state);
        UnitPorts ports = { .n_wanted = 1 };
        int fd = listener_open_fixed(0, &ports.wanted[0]);
        Child old = child_start(fixture, 0, CHILD_FORKS), new;
        Seen seen;
        uint64_t restarted;

        (void) close(fd);
        child_kill(old.pid);
        restarted = ticks_next();
        new = child_start(fixture, 0, 0);
        fixture->unit.main_pid = new.pid;
        seen = look(fixture, &ports, restarted);
        check(&seen.state, 1, 1, 0, 0);
        assert_int_equal(seen.state.n_left_overs, 1);
        assert_int_equal(seen.state.left_overs[0].pid, old.child);
        assert_int_equal(seen.outcome.n_holders, 1);
        assert_int_equal(seen.outcome.holders[0].pid, old.child);
        assert_int_equal(seen.outcome.holders[0].port, ports.wanted[0]);

        /* as old as the restart, and younger: someone else */
        seen = look(fixture, &ports, old.starttime);
        check(&seen.state, 1, 0, 1, 0);
        assert_int_equal(seen.state.n_left_overs, 0);
        assert_int_equal(seen.outcome.n_holders, 1);
}

/* One process with two ports and two sockets each is ended once. */
static void test_left_over_once(void **state) {
        UnitFixture *fixture = unit_fixture_need(state);
        UnitPorts ports = { .n_wanted = 2 };
        int fds[] = { listener_open_fixed(0, &ports.wanted[0]), listener_open_fixed(0, &ports.wanted[1]),
                      listener_open(ports.wanted[1], LISTEN_V6 | LISTEN_V6ONLY, &ports.wanted[1]) };
        Child old = child_start(fixture, 0, 0);
        Seen seen;

        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                (void) close(fds[i]);
        (void) strcpy(fixture->unit.active_state, "failed");
        seen = look(fixture, &ports, ticks_next());
        check(&seen.state, 2, 2, 0, 0);
        assert_int_equal(seen.state.n_left_overs, 1);
        assert_int_equal(seen.state.left_overs[0].pid, old.pid);
}

/* Old and new have the port at the same time. */
static void test_reuseport(void **state) {
        UnitFixture *fixture = unit_fixture_need(state);
        UnitPorts ports = { .n_wanted = 1 };
        int fd = listener_open_fixed(LISTEN_REUSEPORT, &ports.wanted[0]);
        Child new;
        Seen seen;
        uint64_t restarted;

        (void) child_start(fixture, 0, 0);
        (void) close(fd);
        restarted = ticks_next();
        fd = listener_open(ports.wanted[0], LISTEN_REUSEPORT, &ports.wanted[0]);
        assert_true(fd >= 0);
        new = child_start(fixture, 0, 0);
        (void) close(fd);
        fixture->unit.main_pid = new.pid;
        seen = look(fixture, &ports, restarted);
        check(&seen.state, 0, 0, 0, 0);
        fixture->unit.main_pid = new.pid + 1; /* nobody: the new one is no left-over, the old one is */
        (void) strcpy(fixture->unit.active_state, "activating");
        seen = look(fixture, &ports, restarted);
        check(&seen.state, 1, 1, 0, 0);
        assert_int_equal(seen.state.n_left_overs, 1);
        assert_true(seen.state.left_overs[0].pid != new.pid);
}

static void test_foreign(void **state) {
        UnitFixture *fixture = unit_fixture_need(state);
        UnitPorts ports = { .n_wanted = 1 };
        int fd = listener_open_fixed(0, &ports.wanted[0]);
        Child other = child_start(fixture, 0, CHILD_OUTSIDE), main_process;
        Seen seen;

        (void) close(fd);
        main_process = child_start(fixture, 0, 0);
        fixture->unit.main_pid = main_process.pid;
        seen = look(fixture, &ports, ticks_next());
        check(&seen.state, 1, 0, 1, 0);
        assert_int_equal(seen.state.n_left_overs, 0);
        assert_int_equal(seen.outcome.holders[0].pid, other.pid);
        child_kill(other.pid);
}

/* Somebody who has the same port on another address is in nobody's way. */
static void test_foreign_elsewhere(void **state) {
        UnitFixture *fixture = unit_fixture_need(state);
        UnitPorts ports = { .n_wanted = 1, .n_noted = 1 };
        int fd = listener_open_fixed(0, &ports.wanted[0]);
        Child other = child_start(fixture, 0, CHILD_OUTSIDE), main_process;
        Seen seen;

        (void) close(fd);
        main_process = child_start(fixture, 0, 0);
        fixture->unit.main_pid = main_process.pid;
        ports.noted[0] = (TcpSocket){
                .family = AF_INET6, .v6only = true, .port = ports.wanted[0], .address = IN6ADDR_LOOPBACK_INIT
        };
        seen = look(fixture, &ports, ticks_next());
        check(&seen.state, 1, 0, 0, 0);
        assert_int_equal(seen.outcome.n_holders, 0);
        ports.noted[0].address = in6addr_any;
        ports.noted[0].v6only = false;
        seen = look(fixture, &ports, ticks_next());
        check(&seen.state, 1, 0, 1, 0);
        child_kill(other.pid);
}

/* A socket that another user has made is never ours to end, whoever has it now. */
static void test_other_user(void **state) {
        UnitFixture *fixture = unit_fixture_need(state);
        UnitPorts ports = { .n_wanted = 1 };
        Seen seen;
        int fd;

        assert_int_equal(seteuid(NOBODY), 0);
        fd = listener_open_fixed(0, &ports.wanted[0]);
        assert_int_equal(seteuid(0), 0);
        (void) child_start(fixture, NOBODY, 0);
        (void) close(fd);
        (void) strcpy(fixture->unit.active_state, "failed");
        seen = look(fixture, &ports, ticks_next());
        check(&seen.state, 1, 0, 1, 0);
        assert_int_equal(seen.outcome.holders[0].uid, NOBODY);
}

/* A service whose main process its manager does not know. */
static void test_no_main_process(void **state) {
        UnitFixture *fixture = unit_fixture_need(state);
        UnitPorts ports = { .n_wanted = 1 };
        int fd = listener_open_fixed(0, &ports.wanted[0]);
        Child child = child_start(fixture, 0, 0);
        Seen seen;

        (void) close(fd);
        seen = look(fixture, &ports, child.starttime);
        check(&seen.state, 0, 0, 0, 0);
        seen = look(fixture, &ports, child.starttime + 1);
        check(&seen.state, 1, 1, 0, 0);
        (void) strcpy(fixture->unit.active_state, "failed");
        seen = look(fixture, &ports, child.starttime);
        check(&seen.state, 1, 0, 1, 0);
}

static void test_chosen(void **state) {
        UnitFixture *fixture = unit_fixture_need(state);
        UnitPorts ports = { .n_any = 1 };
        int fd = listener_open(0, 0, &ports.any[0]);
        Child old = child_start(fixture, 0, 0), new;
        uint64_t restarted;
        uint16_t port;
        Seen seen;

        (void) close(fd);
        restarted = ticks_next();
        new = child_start(fixture, 0, 0);
        fixture->unit.main_pid = new.pid;
        seen = look(fixture, &ports, restarted); /* the old one has the port that was chosen then */
        check(&seen.state, 1, 1, 0, 0);
        assert_int_equal(seen.state.left_overs[0].pid, old.pid);

        child_kill(new.pid);
        fd = listener_open(0, 0, &port);
        new = child_start(fixture, 0, 0);
        (void) close(fd);
        fixture->unit.main_pid = new.pid;
        seen = look(fixture, &ports, restarted); /* another is as good, and what is left over does no harm */
        check(&seen.state, 0, 0, 0, 0);
        assert_int_equal(seen.state.n_left_overs, 0);

        ports.wanted[ports.n_wanted++] = port; /* but does not count for both */
        seen = look(fixture, &ports, restarted);
        check(&seen.state, 1, 1, 0, 0);
}

/* A connection on PORT whose server closes first. CLIENT_CLOSES: then the client too. Returns the client's end. */
static int leave_connection(int server, uint16_t port, bool client_closes) {
        struct sockaddr_in address = { .sin_family = AF_INET,
                                       .sin_port = htons(port),
                                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), accepted;

        assert_int_equal(connect(client, (struct sockaddr *) &address, sizeof(address)), 0);
        accepted = accept(server, NULL, NULL);
        assert_true(accepted >= 0);
        (void) close(accepted);
        (void) usleep(10000);
        if (client_closes)
                (void) close(client);
        return client_closes ? -1 : client;
}

static void test_closing(void **state) {
        const UnitFixture *fixture = unit_fixture_need(state);

        for (int closes = 0; closes < 2; closes++) {
                UnitPorts ports = { .n_wanted = 1 };
                int fd = listener_open_fixed(0, &ports.wanted[0]);
                int client = leave_connection(fd, ports.wanted[0], closes);
                Seen seen;

                (void) close(fd);
                (void) usleep(10000);
                seen = look(fixture, &ports, ticks_next());
                check(&seen.state, 1, 0, 0, 1);
                assert_int_equal(seen.outcome.n_holders, 0);
                if (client >= 0)
                        (void) close(client);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_is_within),
                cmocka_unit_test_setup_teardown(test_note, unit_fixture_setup, unit_fixture_teardown),
                cmocka_unit_test_setup_teardown(test_note_wanted, unit_fixture_setup, unit_fixture_teardown),
                cmocka_unit_test_setup_teardown(test_note_others, unit_fixture_setup, unit_fixture_teardown),
                cmocka_unit_test_setup_teardown(test_note_command, unit_fixture_setup,
                                                unit_fixture_teardown),
                cmocka_unit_test_setup_teardown(test_nothing, unit_fixture_setup, unit_fixture_teardown),
                cmocka_unit_test_setup_teardown(test_owned, unit_fixture_setup, unit_fixture_teardown),
                cmocka_unit_test_setup_teardown(test_left_over, unit_fixture_setup, unit_fixture_teardown),
                cmocka_unit_test_setup_teardown(test_left_over_once, unit_fixture_setup,
                                                unit_fixture_teardown),
                cmocka_unit_test_setup_teardown(test_reuseport, unit_fixture_setup, unit_fixture_teardown),
                cmocka_unit_test_setup_teardown(test_foreign, unit_fixture_setup, unit_fixture_teardown),
                cmocka_unit_test_setup_teardown(test_foreign_elsewhere, unit_fixture_setup,
                                                unit_fixture_teardown),
                cmocka_unit_test_setup_teardown(test_other_user, unit_fixture_setup, unit_fixture_teardown),
                cmocka_unit_test_setup_teardown(test_no_main_process, unit_fixture_setup,
                                                unit_fixture_teardown),
                cmocka_unit_test_setup_teardown(test_chosen, unit_fixture_setup, unit_fixture_teardown),
                cmocka_unit_test_setup_teardown(test_closing, unit_fixture_setup, unit_fixture_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
