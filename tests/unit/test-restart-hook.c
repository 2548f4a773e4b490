/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tools/output.h"
#include "tools/restart/hook.h"

#define SECOND UINT64_C(1000000)

/* A file for what a command writes, named by $FILE. */
static int setup(void **state) {
        static char path[32];
        int fd;

        (void) strcpy(path, "/tmp/cgmove-test-XXXXXX");
        fd = mkstemp(path);
        if (fd < 0 || setenv("FILE", path, 1) < 0)
                return -1;
        *state = path;
        return close(fd);
}

static int teardown(void **state) {
        return unlink(*state);
}

static const char *written(void **state) {
        static char text[4096];
        FILE *f = fopen(*state, "re");
        size_t n;

        assert_non_null(f);
        n = fread(text, 1, sizeof(text) - 1, f);
        text[n] = 0;
        (void) fclose(f);
        return text;
}

static void test_when(void **state) {
        assert_true(hook_wait_until("true", 60 * SECOND));
        assert_true(hook_wait_until("true", UINT64_MAX));
        assert_false(hook_wait_until("false", SECOND / 10));
        assert_true(hook_wait_until("echo x >>\"$FILE\"; [ $(wc -l <\"$FILE\") = 2 ]", 60 * SECOND));
        assert_string_equal(written(state), "x\nx\n");
        assert_false(hook_wait_until("exec /nonexistent 2>/dev/null", SECOND / 10));
        assert_false(hook_wait_until("kill -KILL $$", SECOND / 10));
}

/* One that never ends is not waited for, and does not live on; what it has started neither. */
static void test_when_hangs(void **state) {
        uint64_t start = now_monotonic();
        pid_t pid;

        assert_false(hook_wait_until("sleep 1000 & echo $! >\"$FILE\"; wait", SECOND / 2));
        assert_true(now_monotonic() - start >= SECOND / 2);
        assert_true(now_monotonic() - start < 500 * SECOND);
        pid = atoi(written(state));
        assert_true(pid > 1);
        for (int i = 0; i < 1000 && kill(pid, 0) == 0; i++) {
                char path[32], line[512] = "";
                FILE *f;

                (void) snprintf(path, sizeof(path), "/proc/%d/stat", (int) pid);
                f = fopen(path, "re");
                if (!f || !fgets(line, sizeof(line), f) || strstr(line, ") Z ")) {
                        if (f)
                                (void) fclose(f);
                        return;
                }
                (void) fclose(f);
                (void) usleep(10000);
        }
        assert_true(kill(pid, 0) < 0);
}

static void test_environment(void **state) {
        Outcome outcome;
        const char *text;

        outcome_init(&outcome, "gateway.service");
        outcome_end(&outcome, "failed", "port-held", "%s", "Port 80 is \"held\" by $(reboot) `id`.");
        hook_tell("printf '%s|' \"$CGMOVE_RESULT\" \"$CGMOVE_REASON\" \"$CGMOVE_TEXT\" \"$CGMOVE_UNIT\" "
                  "\"$CGMOVE_JOB\" "
                  "\"$CGMOVE_DOWNTIME_USEC\" \"$CGMOVE_OUTCOME\" >\"$FILE\"",
                  &outcome, 17);
        text = written(state);
        assert_ptr_equal(strstr(text, "failed|port-held|Port 80 is \"held\" by $(reboot) "
                                      "`id`.|gateway.service|17||{\"unit\":"),
                         text);

        outcome.downtime = 1500;
        hook_tell("echo \"$CGMOVE_DOWNTIME_USEC\" >\"$FILE\"", &outcome, 17);
        assert_string_equal(written(state), "1500\n");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_when, setup, teardown),
                cmocka_unit_test_setup_teardown(test_when_hangs, setup, teardown),
                cmocka_unit_test_setup_teardown(test_environment, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
