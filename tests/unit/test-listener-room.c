/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who gives way to whom when all connections of the host are taken. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/listener.h"
#include "lib/values.h"
#include "tests/unit/listener-fixture.h"

typedef struct Crowd {
        int clients[CGMOVE_CONNECTIONS_MAX];
        size_t n;
} Crowd;

/* N connections of UID, with a call on each that is to be answered later if they are BUSY. */
static void crowd_add(const ListenerFixture *fixture, Crowd *crowd, uid_t uid, size_t n, bool busy) {
        who = uid;
        for (size_t i = 0; i < n; i++) {
                int client = client_open(fixture);

                crowd->clients[crowd->n++] = client;
                say_hello(client);
                if (busy)
                        say_calls(client, 0, "/later", 1);
        }
        run(fixture);
}

static size_t crowd_close(const ListenerFixture *fixture, Crowd *crowd) {
        size_t n_closed = 0;

        for (size_t i = 0; i < crowd->n; i++) {
                n_closed += is_closed(crowd->clients[i]);
                (void) close(crowd->clients[i]);
        }
        run(fixture);
        return n_closed;
}

/* Whether one more, who has no connection yet, is let in. */
static bool newcomer_is_let_in(const ListenerFixture *fixture) {
        bool is_in;
        int client;

        who = 999;
        client = client_open(fixture);
        say_hello(client);
        say_pings(client, 0, 1);
        run(fixture);
        is_in = hear(client, SIZE_MAX) > 0;
        (void) close(client);
        run(fixture);
        return is_in;
}

static bool has_descriptors(void) {
        struct rlimit limit;

        assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
        limit.rlim_cur = limit.rlim_max;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
        return limit.rlim_cur >= 4 * CGMOVE_CONNECTIONS_MAX;
}

/* Who has the most, and needs them all, is no protection for those who have idle ones. */
static void test_room_by_an_idle_one(void **state) {
        const ListenerFixture *fixture = *state;
        Crowd crowd = {};

        if (!has_descriptors())
                skip();
        crowd_add(fixture, &crowd, 1000, 32, true);
        for (uid_t uid = 1001; uid < 1017; uid++)
                crowd_add(fixture, &crowd, uid, 30, false);
        assert_int_equal(crowd.n, CGMOVE_CONNECTIONS_MAX);
        assert_int_equal(n_calls, 32);
        assert_true(newcomer_is_let_in(fixture));
        for (size_t i = 0; i < 32; i++)
                assert_false(is_closed(crowd.clients[i]));
        assert_int_equal(crowd_close(fixture, &crowd), 1);
}

/* Where all are busy, who only waits has to give way; nobody else. */
static void test_room_by_one_that_waits(void **state) {
        const ListenerFixture *fixture = *state;

        if (!has_descriptors())
                skip();
        for (int i = 0; i < 2; i++) {
                Crowd crowd = {};

                n_calls = 0;
                for (uid_t uid = 1000; uid < 1016; uid++) {
                        only_wait = i == 1 && uid == 1007;
                        crowd_add(fixture, &crowd, uid, 32, true);
                }
                assert_int_equal(n_calls, CGMOVE_CONNECTIONS_MAX);
                assert_int_equal(newcomer_is_let_in(fixture), i == 1);
                assert_int_equal(crowd_close(fixture, &crowd), i == 1);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                LISTENER_TEST(test_room_by_an_idle_one),
                LISTENER_TEST(test_room_by_one_that_waits),
        };

        return cmocka_run_group_tests_name("listener-room", tests, NULL, NULL);
}
