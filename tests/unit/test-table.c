/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/cleanup.h"
#include "tools/display.h"
#include "tools/table.h"

#define ELLIPSIS "\xe2\x80\xa6"
#define LONG "abcdefghijklmnopqrstuvwxyz"

/* JOB (a number), NAME, STATE, COMMAND, with two rows. */
static Table *make_table(const char *name, const char *command) {
        static const char *const headings[] = { "JOB", "NAME", "STATE", "COMMAND", NULL };
        const char *const first[] = { "7", name, "running", command, NULL };
        const char *const second[] = { "1234", "-", "failed", "true", NULL };
        Table *table = NULL;

        assert_int_equal(table_new(headings, &table), 0);
        table_set_kind(table, 0, TABLE_NUMBER);
        table_set_kind(table, 2, TABLE_STATE);
        assert_int_equal(table_add(table, first), 0);
        assert_int_equal(table_add(table, second), 0);
        return table;
}

static char *write_table(const Table *table, size_t width, bool colour, size_t rows_max) {
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        assert_non_null(f);
        table_write(f, table, width, colour, rows_max);
        assert_int_equal(fclose(f), 0);
        return text;
}

static void check_table(const char *name, const char *command, size_t width, const char *expected) {
        _cleanup_(table_freep) Table *table = make_table(name, command);
        _cleanup_free_ char *text = write_table(table, width, false, SIZE_MAX);

        assert_string_equal(text, expected);
}

static void test_aligned(void **state) {
        check_table("web", "sleep 1", 0,
                    " JOB  NAME  STATE    COMMAND\n"
                    "   7  web   running  sleep 1\n"
                    "1234  -     failed   true\n");
        /* wide characters take two columns */
        check_table("\xe6\xbc\xa2\xe5\xad\x97", "sleep 1", 0,
                    " JOB  NAME  STATE    COMMAND\n"
                    "   7  \xe6\xbc\xa2\xe5\xad\x97  running  sleep 1\n"
                    "1234  -     failed   true\n");
        /* what would command a terminal is shown */
        check_table("web", "a\x1b[31m\nb", 0,
                    " JOB  NAME  STATE    COMMAND\n"
                    "   7  web   running  a\\x1b[31m\\nb\n"
                    "1234  -     failed   true\n");
}

static void test_shortened(void **state) {
        /* nothing where it fits to the column */
        check_table("web", LONG, 47,
                    " JOB  NAME  STATE    COMMAND\n"
                    "   7  web   running  " LONG "\n"
                    "1234  -     failed   true\n");
        /* the widest */
        check_table("web", LONG, 37,
                    " JOB  NAME  STATE    COMMAND\n"
                    "   7  web   running  abcdefghijklmno" ELLIPSIS "\n"
                    "1234  -     failed   true\n");
        /* both alike, and neither number nor state */
        check_table(LONG, LONG, 38,
                    " JOB  NAME         STATE    COMMAND\n"
                    "   7  abcdefghij" ELLIPSIS "  running  abcdefghi" ELLIPSIS "\n"
                    "1234  -            failed   true\n");
}

static void test_edge(void **state) {
        /* no columns that say nothing: the rest is cut */
        check_table(LONG, LONG, 20,
                    " JOB  NAME      STA" ELLIPSIS "\n"
                    "   7  abcdefg" ELLIPSIS "  run" ELLIPSIS "\n"
                    "1234  -         fai" ELLIPSIS "\n");
        check_table(LONG, LONG, 6, " JOB\n   7\n1234\n");
        check_table(LONG, LONG, 1, ELLIPSIS "\n7\n" ELLIPSIS "\n");
}

/* Whatever is in it, and however wide the terminal is, nothing sticks out. */
static void test_never_wider(void **state) {
        static const char *const texts[] = { "",
                                             "x",
                                             LONG LONG LONG,
                                             "\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97 \xe6\xbc\xa2",
                                             "\xff\xfe\x1b\x9b",
                                             "e\xcc\x81\xcc\x81\xcc\x81" };

        for (size_t i = 0; i < ELEMENTSOF(texts) * ELEMENTSOF(texts); i++) {
                _cleanup_(table_freep) Table *table =
                                make_table(texts[i % ELEMENTSOF(texts)], texts[i / ELEMENTSOF(texts)]);

                for (size_t width = 1; width < 120; width++) {
                        _cleanup_free_ char *text = write_table(table, width, false, SIZE_MAX);
                        char *save = NULL;

                        for (char *line = strtok_r(text, "\n", &save); line;
                             line = strtok_r(NULL, "\n", &save))
                                assert_true(display_width(line) <= width);
                }
        }
}

static void test_colour(void **state) {
        _cleanup_(table_freep) Table *table = make_table("web", "sleep 1");
        _cleanup_free_ char *text = write_table(table, 0, true, SIZE_MAX),
                            *plain = write_table(table, 0, false, SIZE_MAX);

        assert_non_null(strstr(text, "\x1b[32mrunning\x1b[0m  sleep"));
        assert_non_null(strstr(text, "\x1b[31mfailed\x1b[0m   true"));
        assert_null(strchr(plain, '\x1b'));
}

static void test_rows(void **state) {
        _cleanup_(table_freep) Table *table = make_table("web", "sleep 1");
        _cleanup_free_ char *one = write_table(table, 0, false, 1), *none = write_table(table, 0, false, 0);

        assert_string_equal(one, " JOB  NAME  STATE    COMMAND\n   7  web   running  sleep 1\n");
        assert_string_equal(none, " JOB  NAME  STATE    COMMAND\n");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_aligned), cmocka_unit_test(test_shortened),
                cmocka_unit_test(test_edge),    cmocka_unit_test(test_never_wider),
                cmocka_unit_test(test_colour),  cmocka_unit_test(test_rows),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
