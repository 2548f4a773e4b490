/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How much of the loop and of memory one user gets: listener and connection, over a real socket. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/listener.h"
#include "lib/values.h"
#include "tests/unit/listener-fixture.h"

#define EVER (1000 * USEC_PER_SEC)

/* --- the loop --------------------------------------------------------------------------------------------------------- */

/* Who has been costly waits, whatever he does to his connections. */
static void test_hang_up(void **state) {
        const ListenerFixture *fixture = *state;
        int clients[3];

        for (size_t i = 0; i < ELEMENTSOF(clients); i++)
                clients[i] = client_begin(fixture);
        for (size_t i = 0; i < ELEMENTSOF(clients); i++) {
                say_pings(clients[i], NO_REPLY, 100);
                assert_int_equal(shutdown(clients[i], SHUT_RDWR), 0);
        }
        n_looks = 0;
        cost = EVER;
        run(fixture);
        assert_int_equal(n_looks, 2);
        for (size_t i = 0; i < ELEMENTSOF(clients); i++)
                (void) close(clients[i]);
        run(fixture);
        assert_int_equal(n_looks, 2);
}

/* The same, if his last connection has ended in that turn. */
static void test_last_connection(void **state) {
        const ListenerFixture *fixture = *state;
        int client = client_begin(fixture);

        cost = EVER;
        say_pings(client, 0, 1);
        assert_int_equal(shutdown(client, SHUT_RDWR), 0); /* so that the answer fails */
        n_looks = 0;
        run(fixture);
        assert_int_equal(n_looks, 2);
        (void) close(client);

        client = client_open(fixture);
        say_hello(client);
        run(fixture);
        assert_int_equal(n_looks, 2);
        assert_int_equal(hear(client, SIZE_MAX), 0);
        (void) close(client);
}

/* When he has waited enough he is served, and what had been read ahead as well. */
static void test_pause_ends(void **state) {
        const ListenerFixture *fixture = *state;
        int client = client_begin(fixture);
        size_t n = 0, one;

        say_pings(client, 0, 1);
        run(fixture);
        one = hear(client, SIZE_MAX);
        assert_true(one > 0);

        cost = USEC_PER_SEC / 100;
        say_pings(client, 0, 50);
        for (unsigned i = 0; i < TURNS_MAX && n < 50 * one; i++) {
                run_for_a_while(fixture);
                n += hear(client, SIZE_MAX);
        }
        assert_int_equal(n, 50 * one);
        (void) close(client);
}

/* What is done for him outside of his turns counts while he waits as well, and never has him wait less. */
static void test_charged_while_he_waits(void **state) {
        const ListenerFixture *fixture = *state;
        int client = client_begin(fixture);
        ListenerUser *user;
        uint64_t now;

        say_calls(client, 0, "/later", 1);
        run(fixture);
        assert_int_equal(n_calls, 1);
        user = calls[0].connection->user;

        now = connection_now();
        assert_true(listener_user_charge(user, USEC_PER_SEC, now));
        assert_int_equal(listener_user_paused_until(user), now + 4 * USEC_PER_SEC);
        assert_true(listener_user_charge(user, USEC_PER_SEC / 100, now + 1));
        assert_int_equal(listener_user_paused_until(user), now + 4 * USEC_PER_SEC + USEC_PER_SEC / 25);
        assert_false(listener_user_charge(user, USEC_PER_SEC / 1000, now));
        assert_int_equal(listener_user_paused_until(user), now + 4 * USEC_PER_SEC + USEC_PER_SEC / 25);
        (void) close(client);
}

/* Nobody pays twice for the same. */
static void test_charged_once(void **state) {
        const ListenerFixture *fixture = *state;
        int client = client_begin(fixture);
        uint64_t outer, inner, before;
        ListenerUser *user;

        say_calls(client, 0, "/later", 1);
        run(fixture);
        assert_int_equal(n_calls, 1);
        user = calls[0].connection->user;

        before = connection_now();
        cost = USEC_PER_SEC;
        outer = connection_begin_charge();
        inner = connection_begin_charge();
        connection_charge(calls[0].connection, inner); /* one second */
        connection_charge(calls[0].connection, outer); /* and what there is around it: two more */
        assert_in_range(listener_user_paused_until(user), before + 12 * USEC_PER_SEC, connection_now() + 12 * USEC_PER_SEC);
        (void) close(client);
}

/* --- answers ---------------------------------------------------------------------------------------------------------- */

/* However it is read, nothing is done for a peer that has not read the last answer. */
static void test_sips(void **state) {
        const ListenerFixture *fixture = *state;
        int client = client_begin(fixture);
        size_t n_read = 0;

        say_calls(client, 0, "/long", 100);
        for (unsigned i = 0; i < 40; i++) {
                run(fixture);
                assert_in_range(n_answers, 1, n_read / ANSWER + 2); /* one more: what the socket holds */
                n_read += hear(client, 170 * 1024);
        }
        assert_true(n_read > 10 * ANSWER);
        (void) close(client);
}

static void test_answers_that_are_never_read(void **state) {
        const ListenerFixture *fixture = *state;
        int client = client_begin(fixture);

        patience = USEC_PER_SEC / 10;
        say_calls(client, 0, "/long", 10);
        for (unsigned i = 0; i < TURNS_MAX && !is_closed(client); i++)
                run_for_a_while(fixture);
        assert_true(is_closed(client));
        assert_int_equal(n_answers, 1);
        (void) close(client);
}

/* With some on as many connections as may have any, the others have to wait; no longer than that. */
static void test_connections_with_unread_answers(void **state) {
        const ListenerFixture *fixture = *state;
        int clients[CGMOVE_UNREAD_PER_USER_MAX + 2], idle = client_begin(fixture);

        for (size_t i = 0; i < ELEMENTSOF(clients); i++) {
                clients[i] = client_open(fixture);
                say_hello(clients[i]);
                say_calls(clients[i], 0, "/long", 10);
                run(fixture);
        }
        for (size_t i = 0; i < ELEMENTSOF(clients); i++)
                assert_int_equal(has_heard(clients[i]), i < CGMOVE_UNREAD_PER_USER_MAX);
        assert_int_equal(n_answers, CGMOVE_UNREAD_PER_USER_MAX);
        say_pings(idle, 0, 1);
        run(fixture);
        assert_false(has_heard(idle));

        for (size_t i = 0; i < 3; i++) /* for the idle one, and the two that waited */
                (void) close(clients[i]);
        for (unsigned i = 0; i < TURNS_MAX && !has_heard(idle); i++)
                run_for_a_while(fixture);
        assert_true(has_heard(idle));
        for (size_t i = 3; i < ELEMENTSOF(clients); i++)
                (void) close(clients[i]);
        (void) close(idle);
}

/* --- processes -------------------------------------------------------------------------------------------------------- */

/* A call about N processes; whether it is let in. */
static bool call_about(const ListenerFixture *fixture, int client, size_t n) {
        size_t before = n_calls;

        n_processes = n;
        say_calls(client, 0, "/later", 1);
        run(fixture);
        assert_int_equal(hear(client, SIZE_MAX) > 0, n_calls == before); /* the others are answered at once */
        return n_calls > before;
}

/* All calls of a user that wait together are about so many processes at most; what is over does not count. */
static void test_processes(void **state) {
        const ListenerFixture *fixture = *state;
        int clients[] = { client_begin(fixture), client_begin(fixture) };

        assert_true(call_about(fixture, clients[0], CGMOVE_TARGETS_PER_USER_MAX - 1));
        assert_false(call_about(fixture, clients[1], 2));
        assert_true(call_about(fixture, clients[1], 1));
        assert_false(call_about(fixture, clients[1], 1));
        /* one that finds out that it is about more */
        assert_true(pending_hold(&calls[1], 2, NULL) < 0);
        assert_int_equal(pending_hold(&calls[0], 10, NULL), 0);
        assert_int_equal(pending_hold(&calls[1], 2, NULL), 0);

        (void) close(clients[0]); /* and with it its call */
        run(fixture);
        assert_true(call_about(fixture, clients[1], CGMOVE_TARGETS_PER_USER_MAX - 2));
        (void) close(clients[1]);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                LISTENER_TEST(test_hang_up),
                LISTENER_TEST(test_last_connection),
                LISTENER_TEST(test_pause_ends),
                LISTENER_TEST(test_charged_while_he_waits),
                LISTENER_TEST(test_charged_once),
                LISTENER_TEST(test_sips),
                LISTENER_TEST(test_answers_that_are_never_read),
                LISTENER_TEST(test_connections_with_unread_answers),
                LISTENER_TEST(test_processes),
        };

        return cmocka_run_group_tests_name("listener", tests, NULL, NULL);
}
