/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A user's manager that closes its connections, as systemd does when it executes itself anew, that does not answer
 * for a while, or that never stops telling of other things. */

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-id128.h>
#include <unistd.h>

#include <cmocka.h>

#include "tools/manager-bus.h"
#include "tools/restart/unit-private.h"

#define NAME "gateway.service"
#define TOO_LONG 120 /* seconds, after which the test is at an end */

/* What it does, and has done; of the test and of the processes that are the manager, one for each connection. */
typedef struct False {
        int connection;   /* the number of the current one, from 1 */
        int refused;      /* so many attempts to connect fail first, after the first connection */
        int lost_at_get;  /* up to this connection, no question about the unit is answered */
        bool lost_asked;  /* the first connection ends when a restart is asked for ... */
        bool lost_taken;  /* ... which it has taken */
        bool lost_follow; /* it ends when it has answered */
        int n_asked;      /* restarts that it was asked for */
        int n_taken;
        unsigned silent;  /* seconds before a restart is taken */
        bool flood;
} False;

static False *manager;

/* --- the manager --------------------------------------------------------------------------------------------------- */

static int answer_properties(sd_bus_message *message) {
        if (manager->connection <= manager->lost_at_get)
                _exit(0);
        return sd_bus_reply_method_return(message, "a{sv}", 3, "Id", "s", NAME, "ActiveState", "s", "active",
                                          "Job", "(uo)", manager->n_taken, "/job/17");
}

static int answer_restart(sd_bus *bus, sd_bus_message *message) {
        bool lost = manager->lost_asked && manager->connection == 1;

        manager->n_asked++;
        (void) sleep(manager->silent);
        manager->n_taken += !lost || manager->lost_taken;
        if (lost)
                _exit(0);
        (void) sd_bus_reply_method_return(message, "o", "/job/17");
        if (manager->lost_follow && sd_bus_flush(bus) >= 0)
                _exit(0);
        return manager->flood ? 1
                              : sd_bus_emit_signal(bus, "/org/freedesktop/systemd1",
                                                   "org.freedesktop.systemd1.Manager", "JobRemoved", "uoss",
                                                   17, "/job/17", NAME, "done");
}

static int on_message(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        sd_bus *bus = sd_bus_message_get_bus(message);

        if (sd_bus_message_is_method_call(message, NULL, "LoadUnit"))
                return sd_bus_reply_method_return(message, "o", "/unit");
        if (sd_bus_message_is_method_call(message, NULL, "GetAll"))
                return answer_properties(message);
        if (sd_bus_message_is_method_call(message, NULL, "RestartUnit"))
                return answer_restart(bus, message);
        return 0;
}

static void serve(int fd) {
        sd_bus *bus = NULL;
        int r;

        if (sd_bus_new(&bus) < 0 || sd_bus_set_fd(bus, fd, fd) < 0 ||
            sd_bus_set_server(bus, 1, SD_ID128_MAKE(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)) <
                            0 ||
            sd_bus_add_filter(bus, NULL, on_message, NULL) < 0 || sd_bus_start(bus) < 0)
                _exit(1);
        while ((r = sd_bus_process(bus, NULL)) >= 0)
                if (r == 0)
                        (void) sd_bus_wait(bus, UINT64_MAX);
        _exit(0);
}

/* --- in the place of what the tool calls ------------------------------------------------------------------------ */

int __wrap_manager_bus_start(sd_bus *bus, bool system);
int __wrap_sd_bus_process(sd_bus *bus, sd_bus_message **ret);
int __real_sd_bus_process(sd_bus *bus, sd_bus_message **ret);

int __wrap_manager_bus_start(sd_bus *bus, bool system) {
        int fds[2], r;

        if (manager->connection > 0 && manager->refused-- > 0)
                return -ECONNREFUSED;
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
        manager->connection++;
        if (fork() == 0) {
                (void) close(fds[0]);
                serve(fds[1]);
        }
        (void) close(fds[1]);
        r = sd_bus_set_fd(bus, fds[0], fds[0]);
        return r < 0 ? r : sd_bus_start(bus);
}

/* There is always one more. */
int __wrap_sd_bus_process(sd_bus *bus, sd_bus_message **ret) {
        int r = __real_sd_bus_process(bus, ret);

        return r == 0 && manager->flood && manager->n_taken > 0 ? 1 : r;
}

/* --- tests ---------------------------------------------------------------------------------------------------------- */

static int setup(void **state) {
        manager = mmap(NULL, sizeof(*manager), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (manager == MAP_FAILED)
                return -1;
        (void) signal(SIGCHLD, SIG_IGN);
        (void) signal(SIGPIPE, SIG_IGN);
        (void) alarm(TOO_LONG);
        return 0;
}

static int teardown(void **state) {
        return munmap(manager, sizeof(*manager));
}

static UnitManager *open_manager(False does) {
        UnitManager *ret;
        Failure failure;

        *manager = does;
        assert_int_equal(unit_manager_open_user(&ret, &failure), 0);
        return ret;
}

static void restart(UnitManager *m, uint64_t timeout, const char *expected) {
        char result[UNIT_WORD_MAX];
        Failure failure;

        if (unit_act(m, NAME, UNIT_RESTART, timeout, result, NULL, NULL, &failure) != 0)
                fail_msg("%s", failure.message);
        assert_string_equal(result, expected);
}

static void check_restart(UnitManager *m, uint64_t timeout, const char *expected) {
        restart(m, timeout, expected);
        (void) unit_manager_free(m);
}

static void test_restart(void **state) {
        check_restart(open_manager((False){ .n_asked = 0 }), UINT64_MAX, "done");
        assert_int_equal(manager->n_asked, 1);
        assert_int_equal(manager->connection, 1);
}

static void test_lost_and_found(void **state) {
        UnitManager *m = open_manager((False){ .lost_at_get = 2, .refused = 2 });
        Failure failure;
        Unit unit;

        assert_int_equal(unit_get(m, NAME, &unit, &failure), 0);
        assert_string_equal(unit.active_state, "active");
        assert_int_equal(manager->connection, 3);
        (void) unit_manager_free(m);
}

static void test_lost_for_good(void **state) {
        UnitManager *m = open_manager((False){ .lost_at_get = 1, .refused = 1000000 });
        Failure failure;
        Unit unit;

        assert_int_not_equal(unit_get(m, NAME, &unit, &failure), 0);
        assert_true(failure.lost);
        assert_string_equal(failure.code, "ManagerGone");
        assert_non_null(strstr(failure.message, "as root \"loginctl enable-linger"));
        (void) unit_manager_free(m);
}

/* Its job goes on, whoever hears of it. */
static void test_lost_while_followed(void **state) {
        check_restart(open_manager((False){ .lost_follow = true }), UINT64_MAX, "running");
        assert_int_equal(manager->n_asked, 1);
}

/* It is asked again only if it has not taken what it was asked. */
static void test_lost_before_the_answer(void **state) {
        check_restart(open_manager((False){ .lost_asked = true }), UINT64_MAX, "done");
        assert_int_equal(manager->n_asked, 2);
        check_restart(open_manager((False){ .lost_asked = true, .lost_taken = true }), UINT64_MAX,
                      "running");
        assert_int_equal(manager->n_asked, 1);
}

/* Busy for longer than an answer is waited for, twice: it is asked once, and what it tells then is what became of that. */
static void test_silent(void **state) {
        UnitManager *m = open_manager((False){ .silent = 2 * UNIT_QUERY_TIMEOUT / 1000000 + 1 });
        Failure failure;
        Unit unit;

        restart(m, UINT64_MAX, "running");
        assert_int_equal(manager->n_taken, 0);
        assert_int_equal(unit_get(m, NAME, &unit, &failure), 0);
        assert_int_equal(unit.job, 1);
        assert_int_equal(manager->n_asked, 1);
        assert_int_equal(manager->connection, 1);
        (void) unit_manager_free(m);
}

/* A restart that is followed for a while is not followed for ever, whatever else there is to be told. */
static void test_flood(void **state) {
        check_restart(open_manager((False){ .flood = true }), 100000, "running");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_restart, setup, teardown),
                cmocka_unit_test_setup_teardown(test_lost_and_found, setup, teardown),
                cmocka_unit_test_setup_teardown(test_lost_for_good, setup, teardown),
                cmocka_unit_test_setup_teardown(test_lost_while_followed, setup, teardown),
                cmocka_unit_test_setup_teardown(test_lost_before_the_answer, setup, teardown),
                cmocka_unit_test_setup_teardown(test_silent, setup, teardown),
                cmocka_unit_test_setup_teardown(test_flood, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
