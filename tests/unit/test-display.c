/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/cleanup.h"
#include "tools/display.h"

static void check_escape(const char *text, size_t length, bool keep_lines, const char *expected) {
        _cleanup_free_ char *escaped = display_escape(text, length, keep_lines);

        assert_non_null(escaped);
        assert_string_equal(escaped, expected);
}

static void test_escape(void **state) {
        check_escape("plain", 5, false, "plain");
        check_escape("", 0, false, "");
        check_escape("a\nb\tc\r", 6, false, "a\\nb\\tc\\r");
        check_escape("a\nb\tc\r", 6, true, "a\nb\tc\\r");
        check_escape("\x1b[31m", 5, true, "\\x1b[31m");
        check_escape("a\0b", 3, true, "a\\x00b");
        check_escape("\x7f", 1, true, "\\x7f");
        check_escape("\xc2\x9b", 2, true, "\\x9b");         /* C1: a control sequence introducer in UTF-8 */
        check_escape("\x9b", 1, true, "\\x9b");             /* and alone */
        check_escape("\xc3\xa9", 2, true, "\xc3\xa9");      /* é */
        check_escape("\xc3", 1, true, "\\xc3");             /* cut off */
        check_escape("\xe2\x80\xae", 3, true, "\\u{202e}"); /* right-to-left override */
        check_escape("\xc0\x80", 2, true, "\\xc0\\x80");    /* overlong */
        check_escape("\xed\xa0\x80", 3, true, "\\xed\\xa0\\x80"); /* surrogate */
        check_escape("\xf4\x90\x80\x80", 4, true, "\\xf4\\x90\\x80\\x80");
        check_escape("\xf0\x9f\x98\x80", 4, true, "\xf0\x9f\x98\x80");
}

static void test_incomplete(void **state) {
        static const char *const whole[] = { "", "a", "\xc3\xa9", "\xe2\x80\xa6", "\xf0\x9f\x98\x80" };

        for (size_t i = 0; i < ELEMENTSOF(whole); i++) {
                char text[8] = "x";
                size_t size = strlen(whole[i]);

                memcpy(text + 1, whole[i], size);
                assert_int_equal(display_utf8_incomplete(text, 1 + size), 0);
                for (size_t cut = 1; cut < size; cut++) {
                        assert_int_equal(display_utf8_incomplete(text, 1 + cut), cut);
                        assert_int_equal(display_utf8_incomplete(text + 1, cut), cut);
                }
        }
        /* what cannot become a character is not waited for */
        assert_int_equal(display_utf8_incomplete("\xa9", 1), 0);
        assert_int_equal(display_utf8_incomplete("\x80\x80\x80\x80", 4), 0);
        assert_int_equal(display_utf8_incomplete("\xc3\xa9\xa9", 3), 0);
        assert_int_equal(display_utf8_incomplete("\xc0", 1), 0);
        assert_int_equal(display_utf8_incomplete("\xf5", 1), 0);
        assert_int_equal(display_utf8_incomplete("\xff\x80", 2), 0);
}

static void test_arguments(void **state) {
        char *words[] = { (char *) "sh", (char *) "-c", (char *) "a\nb", (char *) "\xff", NULL },
             *none[] = { NULL };
        char *multi[] = { (char *) "aaa\xc3\xa9", NULL };
        char buffer[64], small[6];

        display_arguments(words, buffer, sizeof(buffer));
        assert_string_equal(buffer, "sh -c a?b ?");
        display_arguments(none, buffer, sizeof(buffer));
        assert_string_equal(buffer, "");
        display_arguments(words, small, sizeof(small));
        assert_string_equal(small, "sh -c");
        display_arguments(multi, small, 5);
        assert_string_equal(small, "aaa"); /* no half characters */
}

static void check_span(uint64_t usec, const char *expected) {
        char text[32];

        display_span(usec, text, sizeof(text));
        assert_string_equal(text, expected);
}

static void test_span(void **state) {
        check_span(0, "0 ms");
        check_span(850000, "850 ms");
        check_span(1234567, "1.2 s");
        check_span(59999999, "59 s");
        check_span(UINT64_C(303) * 1000000, "5 min 3 s");
        check_span(UINT64_C(22800) * 1000000, "6 h 20 min");
        check_span(UINT64_C(273600) * 1000000, "3 d 4 h");
}

static void check_bytes(uint64_t bytes, const char *expected) {
        char text[32];

        display_bytes(bytes, text, sizeof(text));
        assert_string_equal(text, expected);
}

static void test_bytes(void **state) {
        check_bytes(0, "0 B");
        check_bytes(1023, "1023 B");
        check_bytes(1024, "1 KiB");
        check_bytes(1536, "1.5 KiB");
        check_bytes(UINT64_C(3) << 30, "3 GiB");
        check_bytes(UINT64_MAX, "15.9 EiB");
}

static void test_width(void **state) {
        assert_int_equal(display_width("abc"), 3);
        assert_int_equal(display_width("\xc3\xa9t\xc3\xa9"), 3);
        assert_int_equal(display_width(""), 0);
        assert_int_equal(display_width("\xe6\xbc\xa2\xe5\xad\x97"), 4); /* two ideographs */
        assert_int_equal(display_width("\xf0\x9f\x98\x80"), 2);         /* an emoji */
        assert_int_equal(display_width("e\xcc\x81"), 1);                /* a combining accent */
        assert_int_equal(display_width("\xee\x80\x80"), 1);             /* private use: nobody knows */
}

static void check_shorten(const char *text, size_t width, const char *expected) {
        _cleanup_free_ char *shortened = display_shorten(text, width);

        assert_non_null(shortened);
        assert_string_equal(shortened, expected);
        assert_true(display_width(shortened) <= width);
}

static void test_shorten(void **state) {
        check_shorten("abcdef", 6, "abcdef");
        check_shorten("abcdef", 5, "abcd\xe2\x80\xa6");
        check_shorten("abcdef", 1, "\xe2\x80\xa6");
        check_shorten("abcdef", 0, "");
        check_shorten("", 0, "");
        /* half of a wide character is none */
        check_shorten("\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2", 4, "\xe6\xbc\xa2\xe2\x80\xa6");
        check_shorten("\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2", 5, "\xe6\xbc\xa2\xe5\xad\x97\xe2\x80\xa6");
        /* what combines stays with its character */
        check_shorten("e\xcc\x81xyz", 2, "e\xcc\x81\xe2\x80\xa6");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_escape),    cmocka_unit_test(test_incomplete),
                cmocka_unit_test(test_arguments), cmocka_unit_test(test_span),
                cmocka_unit_test(test_bytes),     cmocka_unit_test(test_width),
                cmocka_unit_test(test_shorten),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
