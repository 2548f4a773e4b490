/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/cleanup.h"
#include "nss-pam/pam-options.h"

static void test_words(void **state) {
        static const char *const words[] = { "quiet", "no-such", "timeout=2s", "nor-this", "debug" };
        PamOptions options;

        pam_options_parse(0, NULL, &options);
        assert_false(options.debug);
        assert_false(options.quiet);
        assert_int_equal(options.timeout, PAM_TIMEOUT_DEFAULT);
        assert_null(options.unknown);

        pam_options_parse(ELEMENTSOF(words), words, &options);
        assert_true(options.debug);
        assert_true(options.quiet);
        assert_int_equal(options.timeout, 2000);
        assert_string_equal(options.unknown, "no-such");
}

static void test_timeouts(void **state) {
        static const struct {
                const char *word;
                unsigned timeout; /* 0: unknown */
        } cases[] = {
                { "timeout=1", 1000 },
                { "timeout=3s", 3000 },
                { "timeout=500ms", 500 },
                { "timeout=0", PAM_TIMEOUT_MIN },
                { "timeout=0ms", PAM_TIMEOUT_MIN },
                { "timeout=10", PAM_TIMEOUT_MAX },
                { "timeout=11s", PAM_TIMEOUT_MAX },
                { "timeout=10001ms", PAM_TIMEOUT_MAX },
                { "timeout=99999999999999999999", PAM_TIMEOUT_MAX },
                { "timeout=4294967297ms", PAM_TIMEOUT_MAX },
                { "timeout=", 0 },
                { "timeout=s", 0 },
                { "timeout=-1", 0 },
                { "timeout=1m", 0 },
                { "timeout=1s ", 0 },
                { "timeout=0.5", 0 },
                { "timeout", 0 },
                { "Debug", 0 },
                { "", 0 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                PamOptions options;

                pam_options_parse(1, &cases[i].word, &options);
                assert_int_equal(options.timeout,
                                 cases[i].timeout > 0 ? cases[i].timeout : PAM_TIMEOUT_DEFAULT);
                if (cases[i].timeout > 0)
                        assert_null(options.unknown);
                else
                        assert_string_equal(options.unknown, cases[i].word);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_words),
                cmocka_unit_test(test_timeouts),
        };

        return cmocka_run_group_tests_name("pam-options", tests, NULL, NULL);
}
