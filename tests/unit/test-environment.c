/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/cleanup.h"
#include "tools/environment.h"

static const EnvironmentPaths no_paths;

static void test_removed(void **state) {
        static const char *const gone[] = {
                "NOTIFY_SOCKET=/run/x",
                "INVOCATION_ID=0123",
                "JOURNAL_STREAM=9:1",
                "SYSTEMD_EXEC_PID=1",
                "MAINPID=1",
                "MANAGERPID=1",
                "MANAGERPIDFDID=1",
                "LISTEN_FDS=1",
                "LISTEN_PID=1",
                "LISTEN_FDNAMES=a",
                "WATCHDOG_USEC=1",
                "WATCHDOG_PID=1",
                "FDSTORE=1",
                "SYSTEMD_ACTIVATION_UNIT=x",
                "CREDENTIALS_DIRECTORY=/run/c",
                "RUNTIME_DIRECTORY=/run/r",
                "STATE_DIRECTORY=/var/lib/s",
                "CACHE_DIRECTORY=/var/cache/c",
                "LOGS_DIRECTORY=/var/log/l",
                "CONFIGURATION_DIRECTORY=/etc/c",
                "MEMORY_PRESSURE_WATCH=/x",
                "MEMORY_PRESSURE_WRITE=x",
                "XDG_SESSION_ID=3",
                "XDG_SESSION_TYPE=tty",
                "XDG_SEAT=seat0",
                "XDG_VTNR=1",
                "MAINPID",
        };
        static const char *const kept[] = {
                "PATH=/bin",
                "HOME=/home/alice",
                "XDG_RUNTIME_DIR=/run/user/1",
                "XDG_SEATS=x",
                "FDSTOREX=1",
                "MY_MAINPID=1",
                "LISTEN=1",
                "X=NOTIFY_SOCKET",
                "=odd",
                "",
                "STATE_DIRECTORY_X=1",
        };

        for (size_t i = 0; i < ELEMENTSOF(gone); i++)
                if (!environment_is_removed(gone[i], NULL))
                        fail_msg("%s stays", gone[i]);
        for (size_t i = 0; i < ELEMENTSOF(kept); i++)
                if (environment_is_removed(kept[i], NULL))
                        fail_msg("%s goes", kept[i]);
}

static void test_patterns(void **state) {
        char *patterns[] = { (char *) "OPENCLAW_SERVICE_*", (char *) "FOO", NULL };

        assert_true(environment_is_removed("OPENCLAW_SERVICE_KIND=gateway", patterns));
        assert_true(environment_is_removed("FOO=a=b", patterns));
        assert_false(environment_is_removed("FOOD=1", patterns));
        assert_false(environment_is_removed("OPENCLAW_STATE=OPENCLAW_SERVICE_X", patterns));
}

static void test_long_name(void **state) {
        char variable[1024];

        memset(variable, 'A', sizeof(variable));
        memcpy(variable, "LISTEN_", 7);
        variable[sizeof(variable) - 1] = 0;
        assert_false(environment_is_removed(variable, NULL));
}

static void test_escape(void **state) {
        char *before[] = { (char *) "A=1", (char *) "NOTIFY_SOCKET=/x", (char *) "B=2", (char *) "A=3",
                           NULL };
        _cleanup_free_ char **after = NULL;

        assert_int_equal(environment_escape(before, NULL, &no_paths, &after), 0);
        assert_string_equal(after[0], "A=1");
        assert_string_equal(after[1], "B=2");
        assert_string_equal(after[2], "A=3");
        assert_null(after[3]);
}

static void test_paths(void **state) {
        static const EnvironmentPaths paths = { .runtime_dir = "/run/user/1000",
                                                .bus = "unix:path=/run/user/1000/bus" };
        char *none[] = { NULL }, *own[] = { (char *) "XDG_RUNTIME_DIR=/mine", NULL };
        char *runtime_pattern[] = { (char *) "XDG_RUNTIME_*", NULL };
        char **after;

        assert_int_equal(environment_escape(none, NULL, &paths, &after), 0);
        assert_string_equal(after[0], "XDG_RUNTIME_DIR=/run/user/1000");
        assert_string_equal(after[1], "DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1000/bus");
        assert_null(after[2]);
        free(after);

        assert_int_equal(environment_escape(own, NULL, &paths, &after), 0);
        assert_string_equal(after[0], "XDG_RUNTIME_DIR=/mine");
        assert_string_equal(after[1], "DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1000/bus");
        assert_null(after[2]);
        free(after);

        /* one that is scrubbed is missing then, and set to the true one */
        assert_int_equal(environment_escape(own, runtime_pattern, &paths, &after), 0);
        assert_string_equal(after[0], "XDG_RUNTIME_DIR=/run/user/1000");
        free(after);

        assert_int_equal(environment_escape(none, NULL, &no_paths, &after), 0);
        assert_null(after[0]);
        free(after);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_removed),   cmocka_unit_test(test_patterns),
                cmocka_unit_test(test_long_name), cmocka_unit_test(test_escape),
                cmocka_unit_test(test_paths),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
