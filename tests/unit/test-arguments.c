/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/cleanup.h"
#include "lib/protocol.h"
#include "tools/arguments.h"
#include "tools/status.h"

static void test_job_id(void **state) {
        static const char *const bad[] = { "",
                                           "0",
                                           "-1",
                                           "+1",
                                           " 1",
                                           "1 ",
                                           "1a",
                                           "0x1",
                                           "18446744073709551615",
                                           "18446744073709551616",
                                           "99999999999999999999999" };
        uint64_t id = 5;

        assert_int_equal(argument_job_id("17", &id), 0);
        assert_int_equal(id, 17);
        assert_int_equal(argument_job_id("18446744073709551614", &id), 0);
        assert_true(id == UINT64_MAX - 1);
        id = 5;
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_int_equal(argument_job_id(bad[i], &id), -EINVAL);
        assert_int_equal(id, 5);
}

static void test_pid(void **state) {
        pid_t pid = 5;

        assert_int_equal(argument_pid("2147483647", &pid), 0);
        assert_int_equal(pid, 2147483647);
        assert_int_equal(argument_pid("2147483648", &pid), -EINVAL);
        assert_int_equal(argument_pid("0", &pid), -EINVAL);
        assert_int_equal(argument_pid("-1", &pid), -EINVAL);
}

static void test_port(void **state) {
        static const char *const bad[] = { "", "0", "65536", "http", "+5", "-5", " 80", "80 ", "8080x", "0x50" };
        uint16_t port = 5;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_int_equal(argument_port(bad[i], &port), -EINVAL);
        assert_int_equal(port, 5);
        assert_int_equal(argument_port("1", &port), 0);
        assert_int_equal(port, 1);
        assert_int_equal(argument_port("65535", &port), 0);
        assert_int_equal(port, 65535);
}

static void test_signal(void **state) {
        static const char *const bad[] = { "",      "0",        "65",      "SIG",     "FOO",
                                           "TERMX", "RTMIN+99", "RTMIN-1", "RTMAX+1", "-9" };
        int sig = 0;

        assert_int_equal(argument_signal("TERM", &sig), 0);
        assert_int_equal(sig, SIGTERM);
        assert_int_equal(argument_signal("sigkill", &sig), 0);
        assert_int_equal(sig, SIGKILL);
        assert_int_equal(argument_signal("10", &sig), 0);
        assert_int_equal(sig, 10);
        assert_int_equal(argument_signal("RTMIN+2", &sig), 0);
        assert_int_equal(sig, SIGRTMIN + 2);
        assert_int_equal(argument_signal("SIGRTMAX-1", &sig), 0);
        assert_int_equal(sig, SIGRTMAX - 1);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_int_equal(argument_signal(bad[i], &sig), -EINVAL);
}

static void test_status(void **state) {
        assert_int_equal(status_from_error(CGMOVE_ERROR_DENIED), 77);
        assert_int_equal(status_from_error(CGMOVE_ERROR_NOT_YOURS), 77);
        assert_int_equal(status_from_error(CGMOVE_ERROR_MAIN_PROCESS), 77);
        assert_int_equal(status_from_error(CGMOVE_ERROR_SANDBOX_LOST), 77);
        assert_int_equal(status_from_error(CGMOVE_ERROR_FROZEN), 77);
        assert_int_equal(status_from_error(CGMOVE_ERROR_LIMIT_REACHED), 75);
        assert_int_equal(status_from_error(CGMOVE_ERROR_RATE_LIMITED), 75);
        assert_int_equal(status_from_error(CGMOVE_ERROR_BUSY), 75);
        assert_int_equal(status_from_error(CGMOVE_ERROR_INVALID), 2);
        assert_int_equal(status_from_error(CGMOVE_ERROR_NO_SUCH_JOB), 1);
        assert_int_equal(status_from_error("org.freedesktop.DBus.Error.UnknownMethod"), 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_job_id),
                cmocka_unit_test(test_pid),
                cmocka_unit_test(test_port),
                cmocka_unit_test(test_signal),
                cmocka_unit_test(test_status),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
