/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "lib/cleanup.h"
#include "lib/pattern.h"

static void test_match(void **state) {
        static const struct {
                const char *pattern;
                const char *string;
                bool narrow; /* pattern_match() */
                bool any;    /* pattern_match_any() */
        } cases[] = {
                { "", "", true, true },
                { "", "a", false, false },
                { "a", "", false, false },
                { "a", "a", true, true },
                { "a", "b", false, false },
                { "a", "ab", false, false },
                { "*", "", true, true },
                { "*", "abc", true, true },
                { "**", "abc", true, true },
                { "*", "a@b", false, true },
                { "*", "a/b", false, true },
                { "*@*", "a@b", true, true },
                { "*@*", "a@b@c", false, true },
                { "?", "", false, false },
                { "?", "a", true, true },
                { "?", "@", false, true },
                { "?", "/", false, true },
                { "?", "ab", false, false },
                { "?*", "a", true, true },
                { "?*", "", false, false },
                { "a*.service", "a.service", true, true },
                { "a*.service", "abc.service", true, true },
                { "a*.service", "a@b.service", false, true },
                { "a@*.service", "a@b.service", true, true },
                { "a*.service", "xa.service", false, false },
                { "a*.service", "a.servicex", false, false },
                { "x.service", "xx.service", false, false },
                { "*b*b", "abab", true, true },
                { "*ab", "aab", true, true },
                { "[a]", "a", false, false },
                { "[a]", "[a]", true, true },
                { "\\*", "*", false, false },
                { "\\*", "\\x", true, true },
                { "*/restart.sh", "/home/a/restart.sh", false, true },
                { "systemctl --user * gw*", "systemctl --user -q restart gw.service", true, true },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                if (pattern_match(cases[i].pattern, cases[i].string) != cases[i].narrow ||
                    pattern_match_any(cases[i].pattern, cases[i].string) != cases[i].any)
                        fail_msg("\"%s\" on \"%s\"", cases[i].pattern, cases[i].string);
}

/* What the header says, word by word. */
static bool match_slowly(const char *p, const char *s, bool crosses) {
        bool takes = *s && (crosses || (*s != '@' && *s != '/'));

        if (*p == '\0')
                return *s == '\0';
        if (*p == '*')
                return match_slowly(p + 1, s, crosses) || (takes && match_slowly(p, s + 1, crosses));
        if (*p == '?')
                return takes && match_slowly(p + 1, s + 1, crosses);
        return *p == *s && match_slowly(p + 1, s + 1, crosses);
}

/* The N-th word over ALPHABET, the empty one first. */
static void word_make(unsigned n, const char *alphabet, char *to) {
        unsigned base = (unsigned) strlen(alphabet);

        for (; n > 0; n = (n - 1) / base)
                *to++ = alphabet[(n - 1) % base];
        *to = '\0';
}

/* All patterns and strings of up to five characters. */
static void test_against_definition(void **state) {
        const unsigned n_patterns = 1 + 4 + 16 + 64 + 256 + 1024, n_strings = 1 + 2 + 4 + 8 + 16 + 32 + 64;
        char pattern[16], string[16];

        for (unsigned i = 0; i < n_patterns; i++) {
                word_make(i, "a@*?", pattern);
                for (unsigned j = 0; j < n_strings; j++) {
                        word_make(j, "a@", string);
                        if (pattern_match(pattern, string) != match_slowly(pattern, string, false) ||
                            pattern_match_any(pattern, string) != match_slowly(pattern, string, true))
                                fail_msg("\"%s\" on \"%s\"", pattern, string);
                }
        }
}

static void test_covers(void **state) {
        static const struct {
                const char *pattern;
                const char *other;
                bool covers;
        } cases[] = {
                { "session", "session", true },
                { "session", "job", false },
                { "user:*", "user:a.service", true },
                { "user:*", "user:*.service", true },
                { "user:*", "user:a?b*.service", true },
                { "user:*", "user:a@b.service", false },
                { "user:*", "system:*", false },
                { "user:*.service", "user:*", false },
                { "user:a*", "user:*a", false },
                { "user:a.service", "user:?.service", false },
                { "user:?.service", "user:a.service", true },
                { "user:?.service", "user:?.service", true },
                { "user:?.service", "user:*.service", false },
                { "user:??.service", "user:?.service", false },
                { "user:*@*.service", "user:a@*.service", true },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                if (pattern_covers(cases[i].pattern, cases[i].other) != cases[i].covers)
                        fail_msg("\"%s\" and \"%s\"", cases[i].pattern, cases[i].other);
}

static void test_hostile_is_not_exponential(void **state) {
        char pattern[513], string[4097];
        clock_t start = clock();

        for (size_t i = 0; i < sizeof(pattern) - 1; i++)
                pattern[i] = i % 2 ? 'a' : '*';
        pattern[sizeof(pattern) - 2] = 'b';
        pattern[sizeof(pattern) - 1] = '\0';
        memset(string, 'a', sizeof(string) - 1);
        string[sizeof(string) - 1] = '\0';

        assert_false(pattern_match(pattern, string));
        assert_false(pattern_match_any(pattern, string));
        assert_true(clock() - start < 5 * CLOCKS_PER_SEC);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_match),
                cmocka_unit_test(test_against_definition),
                cmocka_unit_test(test_covers),
                cmocka_unit_test(test_hostile_is_not_exponential),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
