/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/cleanup.h"
#include "tools/wrap.h"

static void check_wrap(const char *text, size_t indent, size_t width, const char *expected) {
        _cleanup_free_ char *printed = NULL;
        size_t size;
        FILE *f = open_memstream(&printed, &size);

        assert_non_null(f);
        wrap_print(f, text, indent, width);
        assert_int_equal(fclose(f), 0);
        assert_string_equal(printed, expected);
}

static void test_wrap(void **state) {
        check_wrap("one two", 4, 0, "one two\n");
        check_wrap("", 4, 40, "\n");
        check_wrap("123456789 123456789 1234", 4, 28, "123456789 123456789 1234\n");
        check_wrap("123456789 123456789 12345", 4, 28, "123456789 123456789\n    12345\n");
        check_wrap("123456789 123456789    12345", 0, 24, "123456789 123456789\n12345\n");
        check_wrap("1 2 ", 0, 24, "1 2 \n");
}

static void test_long_word(void **state) {
        /* it would not fit anywhere, so it stays where it is, whole */
        check_wrap("see /a/path/that/is/longer/than/a/line now", 2, 30,
                   "see /a/path/that/is/longer/than/a/line\n  now\n");
}

static void test_wide_and_escaped(void **state) {
        check_wrap("\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2 "
                   "\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2 1234567",
                   0, 24,
                   "\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2 "
                   "\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2\xe6\xbc\xa2\n1234567\n");
        check_wrap("a\x1b[2J\nb", 0, 24, "a\\x1b[2J\\nb\n");
}

static void test_narrow(void **state) {
        check_wrap("123456789 123456789 123456789", 20, 30, "123456789 123456789 123456789\n");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_wrap),
                cmocka_unit_test(test_long_word),
                cmocka_unit_test(test_wide_and_escaped),
                cmocka_unit_test(test_narrow),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
