/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/cleanup.h"
#include "tools/adopt/drop-in.h"

#define SHIMS CGMOVE_LIBEXEC_DIR "/shims"
#define SECOND UINT64_C(1000000)

static void test_quote(void **state) {
        static const struct {
                const char *value, *quoted;
        } table[] = {
                { "", "\"\"" },
                { "A=b", "\"A=b\"" },
                { "A=b c", "\"A=b c\"" },
                { "A=100%", "\"A=100%%\"" },
                { "A=%h/bin", "\"A=%%h/bin\"" },
                { "A=\"x\"", "\"A=\\\"x\\\"\"" },
                { "A=C:\\x", "\"A=C:\\\\x\"" },
                { "A=it's", "\"A=it's\"" },
                { "A=$HOME", "\"A=$HOME\"" },
                { "A=ä;#", "\"A=ä;#\"" },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_free_ char *text = NULL;

                assert_int_equal(drop_in_quote(table[i].value, &text), 0);
                assert_string_equal(text, table[i].quoted);
        }
}

static void test_clean_path(void **state) {
        static const struct {
                const char *path, *clean;
        } table[] = {
                { "/usr/bin:/bin", "/usr/bin:/bin" },
                { SHIMS ":/usr/bin:/bin", "/usr/bin:/bin" },
                { SHIMS "/:/usr/bin", "/usr/bin" },
                { "/usr/bin:" SHIMS ":/bin", "/usr/bin:/bin" },
                { "/usr/bin:" SHIMS, "/usr/bin" },
                { SHIMS ":" SHIMS ":/bin", "/bin" },
                { SHIMS, "" },
                { "", "" },
                { SHIMS "x:/bin", SHIMS "x:/bin" },
                { "/bin::/usr/bin:", "/bin::/usr/bin:" }, /* the working folder stays */
                { SHIMS "::/bin", ":/bin" },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_free_ char *text = NULL;

                assert_int_equal(drop_in_clean_path(table[i].path, &text), 0);
                assert_string_equal(text, table[i].clean);
        }
}

static void test_timeout(void **state) {
        assert_int_equal(drop_in_timeout(90 * SECOND, true), 30);
        assert_int_equal(drop_in_timeout(90 * SECOND, false), 67); /* TIME_WAIT is over after 60 s */
        assert_int_equal(drop_in_timeout(UINT64_MAX, true), 30);
        assert_int_equal(drop_in_timeout(UINT64_MAX, false), 75);
        assert_int_equal(drop_in_timeout(0, false), 75);
        assert_int_equal(drop_in_timeout(20 * SECOND, true), 15);
        assert_int_equal(drop_in_timeout(2 * SECOND, true), 1);
        assert_int_equal(drop_in_timeout(SECOND / 2, true), 1);
}

static void test_text(void **state) {
        DropIn drop_in = { .path = "/opt/a b:/opt/50%:/usr/bin",
                           .ports = { { .port = 80, .any = true },
                                      { .port = 443, .address = IN6ADDR_LOOPBACK_INIT } },
                           .n_ports = 2,
                           .timeout = 30 };
        _cleanup_free_ char *text = NULL, *plain = NULL, *reuse = NULL;

        assert_int_equal(drop_in_text(&drop_in, &text), 0);
        assert_true(drop_in_is_ours(text));
        assert_non_null(strstr(text, "\n[Service]\n"));
        assert_non_null(strstr(text, "\nEnvironment=\"PATH=" SHIMS ":/opt/a b:/opt/50%%:/usr/bin\"\n"));
        assert_non_null(strstr(text,
                               "\nExecStartPre=-" CGMOVE_BIN_DIR "/cgmove wait-port --timeout=30 80 [::1]:443\n"));

        drop_in.reuse = true;
        assert_int_equal(drop_in_text(&drop_in, &reuse), 0);
        assert_non_null(strstr(reuse, "wait-port --reuse --timeout=30 80 [::1]:443\n"));

        drop_in.n_ports = 0;
        assert_int_equal(drop_in_text(&drop_in, &plain), 0);
        assert_null(strstr(plain, "ExecStartPre"));
}

static void test_condition(void **state) {
        DropIn drop_in = { .path = "/bin", .when = "! ls ~/\"a b\"/*.lock | grep '%'" };
        _cleanup_free_ char *text = NULL, *none = NULL;

        assert_int_equal(drop_in_text(&drop_in, &text), 0);
        assert_non_null(strstr(
                        text,
                        "\nEnvironment=\"CGMOVE_RESTART_WHEN=! ls ~/\\\"a b\\\"/*.lock | grep '%%'\"\n"));
        drop_in.when = "true\nExecStart=/bin/sh";
        assert_int_equal(drop_in_text(&drop_in, &none), -EINVAL);
        drop_in.when = NULL;
        assert_int_equal(drop_in_text(&drop_in, &none), 0);
        assert_null(strstr(none, "CGMOVE_RESTART_WHEN"));
}

static void test_empty_path(void **state) {
        const DropIn drop_in = { .path = "" };
        _cleanup_free_ char *text = NULL;

        assert_int_equal(drop_in_text(&drop_in, &text), 0);
        assert_non_null(strstr(text, "\nEnvironment=\"PATH=" SHIMS "\"\n"));
}

/* A line of its own could be another setting. */
static void test_refuses_control_characters(void **state) {
        static const char *const bad[] = { "/bin\nExecStart=/bin/sh", "/bin\r", "/bin\t", "/bin\x1b[2J",
                                           "/bin:\xff" };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                DropIn drop_in = { .path = bad[i] };
                char *text = NULL;

                assert_int_equal(drop_in_text(&drop_in, &text), -EINVAL);
                assert_null(text);
        }
}

static void test_is_ours(void **state) {
        assert_true(drop_in_is_ours(DROP_IN_MARKER "\n[Service]\n"));
        assert_true(drop_in_is_ours(DROP_IN_MARKER));
        assert_false(drop_in_is_ours(""));
        assert_false(drop_in_is_ours("[Service]\n" DROP_IN_MARKER "\n"));
        assert_false(drop_in_is_ours(DROP_IN_MARKER "x\n"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_quote),      cmocka_unit_test(test_clean_path),
                cmocka_unit_test(test_timeout),    cmocka_unit_test(test_text),
                cmocka_unit_test(test_empty_path), cmocka_unit_test(test_refuses_control_characters),
                cmocka_unit_test(test_is_ours),    cmocka_unit_test(test_condition),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
