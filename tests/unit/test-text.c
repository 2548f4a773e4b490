/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/cleanup.h"
#include "lib/text.h"

static void test_plain(void **state) {
        static const struct {
                const char *text;
                bool plain;
        } table[] = {
                { "", true },
                { "systemctl --user restart x.service", true },
                { "na\xc3\xafve \xe2\x82\xac \xf0\x9f\x98\x80", true },
                { "\xc2\xa0", true },
                { "a\tb", false },
                { "a\nb", false },
                { "\x1b[31m", false },
                { "\x7f", false },
                { "\xc2\x9b", false }, /* C1: CSI */
                { "\xe2\x80\xae", false }, /* from right to left */
                { "\xe2\x81\xa6", false },
                { "\xe2\x80\xa8", false }, /* line separator */
                { "\xe2\x80\xa7\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa", true }, /* their neighbours */
                { "\xff", false },
                { "\x80", false },
                { "\xc3", false },             /* cut */
                { "\xe2\x82", false },         /* cut */
                { "\xc0\xaf", false },         /* overlong */
                { "\xe0\x80\xaf", false },     /* overlong */
                { "\xf0\x80\x80\xaf", false }, /* overlong */
                { "\xed\xa0\x80", false },     /* surrogate */
                { "\xf4\x90\x80\x80", false }, /* above U+10FFFF */
                { "\xf5\x80\x80\x80", false },
                { "\xf4\x8f\xbf\xbf", true },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                assert_int_equal(text_is_plain(table[i].text), table[i].plain);
}

static void test_copy(void **state) {
        static const struct {
                const char *text, *copy;
        } table[] = {
                { "", "" },
                { "abc", "abc" },
                { "abcdefg", "abcdefg" },
                { "abcdefgh", "abcdefg" },
                { "abcdef\xc3\xaf", "abcdef" }, /* does not fit as a whole */
                { "abcde\xc3\xaf", "abcde\xc3\xaf" },
                { "a\x1b[31m", "a?[31m" },
                { "\xff\xfe\xfd", "???" },
                { "\xe2\x82", "??" },
        };
        char to[8];

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                assert_int_equal(text_copy_plain(to, sizeof(to), table[i].text), strlen(table[i].copy));
                assert_string_equal(to, table[i].copy);
        }
        assert_int_equal(text_copy_plain(to, 1, "abc"), 0);
        assert_string_equal(to, "");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_plain),
                cmocka_unit_test(test_copy),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
