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
#include "tools/display.h"
#include "tools/top/view.h"

#define SECOND UINT64_C(1000000)
#define NOW (UINT64_C(1800000000) * SECOND)

static void add(Snapshot *snapshot, uint64_t id, const char *name, uint64_t cpu, uint64_t when) {
        Job job = {
                .id = id,
                .created = NOW - id * SECOND,
                .name = name,
                .command = "sleep 1000",
                .tasks = id,
                .memory_current = id * 1024,
                .cpu_usage = cpu,
        };

        assert_int_equal(snapshot_add(snapshot, &job, when), 0);
}

static void check_order(const Snapshot *snapshot, const char *expected) {
        char ids[64] = "";

        for (size_t i = 0; i < snapshot->n; i++)
                (void) snprintf(ids + strlen(ids), sizeof(ids) - strlen(ids), "%s%d", i > 0 ? " " : "",
                                (int) snapshot->jobs[i].job.id);
        assert_string_equal(ids, expected);
}

static void test_rate(void **state) {
        _cleanup_(snapshot_done) Snapshot before = { .n = 0 }, after = { .n = 0 };

        add(&before, 1, "", 10 * SECOND, 100 * SECOND);
        add(&before, 2, "", 10 * SECOND, 100 * SECOND);
        add(&before, 3, "", UINT64_MAX, 100 * SECOND);
        add(&before, 4, "", 10 * SECOND, 100 * SECOND);
        add(&before, 5, "", 10 * SECOND, 102 * SECOND);
        add(&after, 1, "", 11 * SECOND, 102 * SECOND);     /* half of a processor */
        add(&after, 2, "", 9 * SECOND, 102 * SECOND);      /* less than before: not the same count */
        add(&after, 3, "", 11 * SECOND, 102 * SECOND);     /* not known before */
        add(&after, 4, "", 10 * SECOND, 102 * SECOND);     /* nothing */
        add(&after, 5, "", 11 * SECOND, 102 * SECOND + 1); /* as good as the same moment */
        add(&after, 6, "", 11 * SECOND, 102 * SECOND);     /* new */
        snapshot_compare(&after, &before);
        assert_int_equal(after.jobs[0].cpu_rate, SECOND / 2);
        assert_true(after.jobs[1].cpu_rate == UINT64_MAX);
        assert_true(after.jobs[2].cpu_rate == UINT64_MAX);
        assert_int_equal(after.jobs[3].cpu_rate, 0);
        assert_true(after.jobs[4].cpu_rate == UINT64_MAX);
        assert_true(after.jobs[5].cpu_rate == UINT64_MAX);
        assert_int_equal(snapshot_sum(&after).cpu_rate, SECOND / 2);
        assert_int_equal(snapshot_sum(&after).tasks, 1 + 2 + 3 + 4 + 5 + 6);
}

static void test_sort(void **state) {
        _cleanup_(snapshot_done) Snapshot snapshot = { .n = 0 };

        add(&snapshot, 1, "web", 0, 0);
        add(&snapshot, 2, "", 0, 0);
        add(&snapshot, 3, "app", 0, 0);
        add(&snapshot, 4, "web", 0, 0);
        snapshot.jobs[0].cpu_rate = 5;
        snapshot.jobs[2].cpu_rate = 7;
        snapshot.jobs[3].cpu_rate = 5;
        snapshot.jobs[3].job.memory_current = UINT64_MAX;

        snapshot_sort(&snapshot, SORT_CPU, false);
        check_order(&snapshot, "3 1 4 2");
        snapshot_sort(&snapshot, SORT_CPU, true); /* what is not known stays last */
        check_order(&snapshot, "1 4 3 2");
        snapshot_sort(&snapshot, SORT_MEMORY, false);
        check_order(&snapshot, "3 2 1 4");
        snapshot_sort(&snapshot, SORT_TASKS, false);
        check_order(&snapshot, "4 3 2 1");
        snapshot_sort(&snapshot, SORT_AGE, false); /* the oldest first */
        check_order(&snapshot, "4 3 2 1");
        snapshot_sort(&snapshot, SORT_AGE, true);
        check_order(&snapshot, "1 2 3 4");
        snapshot_sort(&snapshot, SORT_NAME, false);
        check_order(&snapshot, "3 1 4 2");
        snapshot_sort(&snapshot, SORT_NAME, true);
        check_order(&snapshot, "1 4 3 2");
}

static void test_keys(void **state) {
        SortKey key = SORT_KEYS;

        assert_int_equal(sort_key_from_string("memory", &key), 0);
        assert_int_equal(key, SORT_MEMORY);
        assert_int_equal(sort_key_from_string("n", &key), 0);
        assert_int_equal(key, SORT_NAME);
        assert_int_equal(sort_key_from_string("", &key), -EINVAL);
        assert_int_equal(sort_key_from_string("mem", &key), -EINVAL);
        assert_int_equal(key, SORT_NAME);
}

static char *write_view(const View *view, Snapshot *snapshot) {
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        assert_non_null(f);
        assert_int_equal(view_write(f, view, snapshot), 0);
        assert_int_equal(fclose(f), 0);
        return text;
}

static size_t count_lines(const char *text) {
        size_t n = 0;

        for (; *text; text++)
                n += *text == '\n';
        return n;
}

static void test_view(void **state) {
        _cleanup_(snapshot_done) Snapshot snapshot = { .n = 0 };
        View view = { .key = SORT_TASKS, .now = NOW };
        _cleanup_free_ char *text = NULL;

        add(&snapshot, 1, "web", 0, 0);
        add(&snapshot, 2, "", 0, 0);
        snapshot.jobs[0].cpu_rate = SECOND * 5 / 4;
        snapshot.jobs[1].job.memory_current = UINT64_MAX;
        text = write_view(&view, &snapshot);
        /* after the clock, whose time zone is not known here */
        assert_string_equal(text + strlen("12:00:00"),
                            "  2 jobs, 3 tasks, 125.0 % CPU, 1 KiB memory, by tasks\n"
                            "JOB  NAME  CPU %  MEMORY  TASKS    AGE  COMMAND\n"
                            "  2  -         -       -      2  2.0 s  sleep 1000\n"
                            "  1  web   125.0   1 KiB      1  1.0 s  sleep 1000\n");
}

static void test_view_problem(void **state) {
        View view = { .keys = true, .problem = "It is away\x1b[2J.", .columns = 80, .rows = 24 };
        _cleanup_free_ char *text = write_view(&view, NULL), *keys = NULL;

        assert_string_equal(text, "cgmove top\nIt is away\\x1b[2J.\n\n");
        view.problem = NULL;
        keys = write_view(&view, NULL);
        assert_non_null(strstr(keys, "q quit"));
}

/* However small the window is, the picture is not larger; what there is no line for is counted. */
static void test_view_fits(void **state) {
        _cleanup_(snapshot_done) Snapshot snapshot = { .n_left_out = 0 };

        for (uint64_t id = 1; id <= 30; id++)
                add(&snapshot, id, "a-name-that-is-quite-long.and.then-some", 0, 0);
        for (size_t rows = 1; rows < 40; rows++)
                for (size_t columns = 1; columns < 120; columns += 7) {
                        View view = { .keys = true, .now = NOW, .rows = rows, .columns = columns };
                        _cleanup_free_ char *text = write_view(&view, &snapshot);
                        char *save = NULL;

                        assert_true(count_lines(text) <= rows);
                        for (char *line = strtok_r(text, "\n", &save); line;
                             line = strtok_r(NULL, "\n", &save))
                                assert_true(display_width(line) <= columns);
                }
        {
                View view = { .keys = true, .now = NOW, .rows = 10, .columns = 80 };
                _cleanup_free_ char *text = write_view(&view, &snapshot), *more = NULL;

                assert_int_equal(count_lines(text), 10);
                assert_non_null(strstr(text, "... and 25 more\n"));
                snapshot.n_left_out = 5;
                more = write_view(&view, &snapshot);
                assert_non_null(strstr(more, "... and 30 more\n"));
                assert_non_null(strstr(more, "35 jobs"));
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_rate),         cmocka_unit_test(test_sort),
                cmocka_unit_test(test_keys),         cmocka_unit_test(test_view),
                cmocka_unit_test(test_view_problem), cmocka_unit_test(test_view_fits),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
