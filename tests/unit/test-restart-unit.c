/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/cleanup.h"
#include "tools/restart/unit-private.h"
#include "tools/restart/unit.h"
#include "tools/status.h"

/* --- names ---------------------------------------------------------------------------------------------- */

static void test_names(void **state) {
        static const struct {
                const char *name, *expected; /* NULL: refused */
        } cases[] = {
                { "gateway", "gateway.service" },
                { "gateway.service", "gateway.service" },
                { "gate.way", "gate.way.service" }, /* no suffix that systemd knows */
                { "a@b", "a@b.service" },
                { "a@b.service", "a@b.service" },
                { "a\\x2db", "a\\x2db.service" },
                { "a-b_c:d", "a-b_c:d.service" },
                { ".service.service", ".service.service" },
                { "", NULL },
                { ".", "..service" }, /* as strange as valid */
                { ".service", NULL },
                { "gateway.socket", NULL },
                { "gateway.timer", NULL },
                { "user.slice", NULL },
                { "a@", NULL }, /* templates */
                { "a@.service", NULL },
                { "@a", NULL },
                { "@a.service", NULL },
                { "a*", NULL },
                { "a*.service", NULL },
                { "[ab]", NULL },
                { "a?", NULL },
                { "/etc/systemd/user/a.service", NULL },
                { "../a", NULL },
                { "a/b.service", NULL },
                { "a b", NULL },
                { "a\n", NULL },
                { "\xc3\xbc", NULL },
                { "\xff.service", NULL },
                { "a\x1b[2J", NULL },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char name[UNIT_NAME_MAX + 1] = "untouched";
                Failure failure;
                int r = unit_name_complete(cases[i].name, name, &failure);

                if (r != (cases[i].expected ? 0 : STATUS_USAGE))
                        fail_msg("case %zu (%s): %d, %s", i, cases[i].name, r, name);
                assert_string_equal(name, cases[i].expected ?: "untouched");
                if (r != 0) {
                        assert_string_equal(failure.code, "InvalidArgument");
                        assert_non_null(strstr(failure.message, "'systemctl "));
                }
        }
}

static void test_long_names(void **state) {
        char name[UNIT_NAME_MAX + 2], ret[UNIT_NAME_MAX + 1];
        const size_t longest = UNIT_NAME_MAX - strlen(".service");
        Failure failure;

        memset(name, 'a', sizeof(name));
        name[longest] = 0;
        assert_int_equal(unit_name_complete(name, ret, &failure), 0);
        assert_int_equal(strlen(ret), UNIT_NAME_MAX);
        for (size_t length = longest + 1; length < sizeof(name); length++) {
                memset(name, 'a', sizeof(name));
                name[length] = 0;
                assert_int_equal(unit_name_complete(name, ret, &failure), STATUS_USAGE);
        }
        memset(name, 'a', sizeof(name));
        (void) strcpy(name + longest, ".service");
        assert_int_equal(unit_name_complete(name, ret, &failure), 0);
        (void) strcpy(name + longest + 1, ".service");
        assert_int_equal(unit_name_complete(name, ret, &failure), STATUS_USAGE);
}

/* --- properties ------------------------------------------------------------------------------------------- */

typedef struct Fixture {
        sd_bus *bus;
        sd_bus_message *message;
        int other_end;
} Fixture;

/* A message needs a bus; nobody answers on this one. */
static int setup(void **state) {
        static Fixture fixture;
        int fds[2];

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
                return -1;
        fixture.other_end = fds[1];
        if (sd_bus_new(&fixture.bus) < 0 || sd_bus_set_fd(fixture.bus, fds[0], fds[0]) < 0 ||
            sd_bus_start(fixture.bus) < 0 ||
            sd_bus_message_new_signal(fixture.bus, &fixture.message, "/", "org.example", "Example") < 0 ||
            sd_bus_message_open_container(fixture.message, 'a', "{sv}") < 0)
                return -1;
        *state = &fixture;
        return 0;
}

static int teardown(void **state) {
        Fixture *fixture = *state;

        (void) sd_bus_message_unref(fixture->message);
        (void) sd_bus_close_unref(fixture->bus);
        (void) close(fixture->other_end);
        return 0;
}

static void add(Fixture *fixture, const char *name, const char *type, ...) {
        va_list ap;

        assert_true(sd_bus_message_open_container(fixture->message, 'e', "sv") >= 0);
        assert_true(sd_bus_message_append(fixture->message, "s", name) >= 0);
        assert_true(sd_bus_message_open_container(fixture->message, 'v', type) >= 0);
        va_start(ap, type);
        assert_true(sd_bus_message_appendv(fixture->message, type, ap) >= 0);
        va_end(ap);
        assert_true(sd_bus_message_close_container(fixture->message) >= 0);
        assert_true(sd_bus_message_close_container(fixture->message) >= 0);
}

static int read_all(Fixture *fixture, Unit *ret) {
        assert_true(sd_bus_message_close_container(fixture->message) >= 0);
        assert_true(sd_bus_message_seal(fixture->message, 1, 0) >= 0);
        *ret = (Unit){ .id = "" };
        return unit_read_properties(fixture->message, ret);
}

static void test_properties(void **state) {
        static const uint8_t id[] = { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
                                      0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef };
        Fixture *fixture = *state;
        Unit unit;

        add(fixture, "Id", "s", "gateway.service");
        add(fixture, "ActiveState", "s", "active");
        add(fixture, "NeedDaemonReload", "b", true);
        add(fixture, "MainPID", "u", 4711);
        add(fixture, "NRestarts", "u", UINT32_MAX);
        add(fixture, "TimeoutStopUSec", "t", UINT64_MAX);
        add(fixture, "Job", "(uo)", 17, "/org/freedesktop/systemd1/job/17");
        add(fixture, "TriggeredBy", "as", 2, "gateway.timer", "gateway.socket");
        add(fixture, "ControlGroup", "s", "/user.slice/gateway.service");
        assert_true(sd_bus_message_open_container(fixture->message, 'e', "sv") >= 0);
        assert_true(sd_bus_message_append(fixture->message, "s", "InvocationID") >= 0);
        assert_true(sd_bus_message_open_container(fixture->message, 'v', "ay") >= 0);
        assert_true(sd_bus_message_append_array(fixture->message, 'y', id, sizeof(id)) >= 0);
        assert_true(sd_bus_message_close_container(fixture->message) >= 0);
        assert_true(sd_bus_message_close_container(fixture->message) >= 0);
        assert_true(read_all(fixture, &unit) >= 0);
        assert_string_equal(unit.id, "gateway.service");
        assert_string_equal(unit.active_state, "active");
        assert_string_equal(unit.sub_state, "");
        assert_true(unit.need_daemon_reload);
        assert_true(unit.socket_activated);
        assert_int_equal(unit.main_pid, 4711);
        assert_int_equal(unit.n_restarts, UINT32_MAX);
        assert_true(unit.timeout_stop == UINT64_MAX);
        assert_int_equal(unit.job, 17);
        assert_string_equal(unit.control_group, "/user.slice/gateway.service");
        assert_string_equal(unit.invocation_id, "0123456789abcdef0123456789abcdef");
}

static void test_none(void **state) {
        static const Unit empty = { .id = "" };
        Unit unit;

        assert_true(read_all(*state, &unit) >= 0);
        assert_memory_equal(&unit, &empty, sizeof(unit));
}

/* As the daemon tells it, which knows the answer already. */
static void test_plain_forms(void **state) {
        Fixture *fixture = *state;
        Unit unit;

        add(fixture, "SocketActivated", "b", true);
        add(fixture, "Job", "u", 17);
        add(fixture, "InvocationID", "s", "0123456789abcdef0123456789abcdef");
        assert_true(read_all(fixture, &unit) >= 0);
        assert_true(unit.socket_activated);
        assert_int_equal(unit.job, 17);
        assert_string_equal(unit.invocation_id, "0123456789abcdef0123456789abcdef");
}

/* What is not known, and what is of another type than it should be, is skipped, and what follows is read. */
static void test_strange(void **state) {
        Fixture *fixture = *state;
        Unit unit;

        add(fixture, "", "s", "x");
        add(fixture, "ExecStart", "a(sasb)", 1, "/bin/true", 1, "x", false);
        add(fixture, "Nested", "v", "v", "s", "x");
        add(fixture, "LoadState", "u", 17);
        add(fixture, "MainPID", "s", "4711");
        add(fixture, "ControlPID", "t", UINT64_MAX);
        add(fixture, "NRestarts", "i", -1);
        add(fixture, "NeedDaemonReload", "s", "yes");
        add(fixture, "TriggeredBy", "s", "gateway.socket");
        add(fixture, "TriggeredBy", "as", 3, "", "socket", "a.socket.service");
        add(fixture, "Job", "(us)", 17, "/");
        add(fixture, "InvocationID", "ay", 3, 1, 2, 3);
        add(fixture, "InvocationID", "s", "/user.slice/gateway.service");
        add(fixture, "SubState", "s", "running");
        assert_true(read_all(fixture, &unit) >= 0);
        assert_string_equal(unit.load_state, "");
        assert_int_equal(unit.main_pid, 0);
        assert_int_equal(unit.control_pid, 0);
        assert_int_equal(unit.n_restarts, 0);
        assert_false(unit.need_daemon_reload);
        assert_false(unit.socket_activated);
        assert_int_equal(unit.job, 0);
        assert_string_equal(unit.invocation_id, "");
        assert_string_equal(unit.sub_state, "running");
}

static void test_twice(void **state) {
        Fixture *fixture = *state;
        Unit unit;

        add(fixture, "ActiveState", "s", "failed");
        add(fixture, "ActiveState", "s", "active");
        assert_true(read_all(fixture, &unit) >= 0);
        assert_string_equal(unit.active_state, "active");
}

/* Half a path would be that of another cgroup. */
static void test_too_long(void **state) {
        Fixture *fixture = *state;
        char path[UNIT_PATH_MAX + 1], word[UNIT_WORD_MAX + 1];
        Unit unit;

        memset(path, 'a', UNIT_PATH_MAX);
        memset(word, 'a', UNIT_WORD_MAX);
        path[UNIT_PATH_MAX] = word[UNIT_WORD_MAX] = 0;
        add(fixture, "ControlGroup", "s", path);
        add(fixture, "FragmentPath", "s", path + 1);
        add(fixture, "ActiveState", "s", word);
        add(fixture, "SubState", "s", word + 1);
        assert_true(read_all(fixture, &unit) >= 0);
        assert_string_equal(unit.control_group, "");
        assert_string_equal(unit.fragment_path, path + 1);
        assert_string_equal(unit.active_state, "");
        assert_string_equal(unit.sub_state, word + 1);
}

/* Not a dictionary at all. */
static void test_no_dictionary(void **state) {
        Fixture *fixture = *state;
        sd_bus_message *message = NULL;
        Unit unit = { .id = "" };

        assert_true(sd_bus_message_new_signal(fixture->bus, &message, "/", "org.example", "Example") >= 0);
        assert_true(sd_bus_message_append(message, "as", 2, "Id", "x.service") >= 0);
        assert_true(sd_bus_message_seal(message, 2, 0) >= 0);
        assert_true(unit_read_properties(message, &unit) < 0);
        assert_string_equal(unit.id, "");
        (void) sd_bus_message_unref(message);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names),
                cmocka_unit_test(test_long_names),
                cmocka_unit_test_setup_teardown(test_properties, setup, teardown),
                cmocka_unit_test_setup_teardown(test_none, setup, teardown),
                cmocka_unit_test_setup_teardown(test_plain_forms, setup, teardown),
                cmocka_unit_test_setup_teardown(test_strange, setup, teardown),
                cmocka_unit_test_setup_teardown(test_twice, setup, teardown),
                cmocka_unit_test_setup_teardown(test_too_long, setup, teardown),
                cmocka_unit_test_setup_teardown(test_no_dictionary, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
