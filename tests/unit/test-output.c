/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/cleanup.h"
#include "tools/output.h"

/* What output_json() writes on the standard output for {"text": TEXT}. */
static void print_json(const char *text, char *line, size_t size) {
        _cleanup_fclose_ FILE *f = tmpfile();
        _cleanup_close_ int saved = -1;
        size_t n;

        assert_non_null(f);
        (void) fflush(stdout);
        saved = dup(STDOUT_FILENO);
        assert_true(saved >= 0 && dup2(fileno(f), STDOUT_FILENO) >= 0);
        assert_int_equal(output_json(json_pack("{s:o}", "text", output_json_text(text))), 0);
        assert_true(dup2(saved, STDOUT_FILENO) >= 0);
        rewind(f);
        n = fread(line, 1, size - 1, f);
        line[n] = 0;
}

static void test_json_is_ascii(void **state) {
        static const struct {
                const char *text, *json;
        } cases[] = {
                { "plain", "plain" },
                { "a\x1b[31m", "a\\u001B[31m" },
                { "\xc2\x9b;31m", "\\u009B;31m" }, /* CSI as one character, of C1 */
                { "x\xe2\x80\xaey", "x\\u202Ey" }, /* from right to left */
                { "\xf0\x9f\x98\x80", "\\uD83D\\uDE00" },
        };
        char line[128], expected[128];

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                print_json(cases[i].text, line, sizeof(line));
                (void) snprintf(expected, sizeof(expected), "{\"schema\": %d, \"text\": \"%s\"}\n",
                                OUTPUT_SCHEMA, cases[i].json);
                assert_string_equal(line, expected);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_json_is_ascii),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
