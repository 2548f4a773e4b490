/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "daemon/rate.h"

#define SECOND UINT64_C(1000000)
#define START (100 * SECOND)

static int setup(void **state) {
        RateTable *table;

        assert_int_equal(rate_table_new(2, &table), 0);
        *state = table;
        return 0;
}

static int teardown(void **state) {
        rate_table_free(*state);
        return 0;
}

static void test_burst_and_refill(void **state) {
        RateTable *table = *state;
        uint64_t wait = 0;

        for (int i = 0; i < 30; i++)
                assert_true(rate_take(table, 1, 30, 60 * SECOND, START, &wait));
        assert_false(rate_take(table, 1, 30, 60 * SECOND, START, &wait));
        assert_int_equal(wait, 2 * SECOND);
        assert_false(rate_take(table, 1, 30, 60 * SECOND, START + 2 * SECOND - 1, &wait));
        assert_int_equal(wait, 1);
        assert_true(rate_take(table, 1, 30, 60 * SECOND, START + 2 * SECOND, &wait));
        assert_false(rate_take(table, 1, 30, 60 * SECOND, START + 2 * SECOND, &wait));

        /* full again, and not more than full */
        for (int i = 0; i < 30; i++)
                assert_true(rate_take(table, 1, 30, 60 * SECOND, START + 3600 * SECOND, &wait));
        assert_false(rate_take(table, 1, 30, 60 * SECOND, START + 3600 * SECOND, &wait));
}

static void test_never_more(void **state) {
        uint64_t wait, taken = 0;

        /* 7 in a minute is no whole number of microseconds each */
        for (uint64_t now = 0; now < 600 * SECOND; now += SECOND / 10)
                taken += rate_take(*state, 1, 7, 60 * SECOND, START + now, &wait);
        assert_in_range(taken, 75, 77);
}

static void test_keys(void **state) {
        uint64_t wait = 0;

        assert_true(rate_take(*state, 1, 1, SECOND, START, &wait));
        assert_true(rate_take(*state, 2, 1, SECOND, START + 1, &wait));
        assert_false(rate_take(*state, 1, 1, SECOND, START + 2, &wait));

        /* full: the key used longest ago is 2, and its bucket is not full */
        assert_false(rate_take(*state, 3, 1, SECOND, START + 3, &wait));
        assert_int_equal(wait, SECOND - 2);
        assert_true(rate_take(*state, 3, 1, SECOND, START + 1 + SECOND, &wait));
        assert_false(rate_take(*state, 3, 1, SECOND, START + 1 + SECOND, &wait));
        assert_true(rate_take(*state, 1, 1, SECOND, START + 1 + SECOND, &wait)); /* still known */
}

static void test_reload(void **state) {
        uint64_t wait = 0;

        /* from one a day to one a second: not a day's wait */
        assert_true(rate_take(*state, 1, 1, 86400 * SECOND, START, &wait));
        assert_false(rate_take(*state, 1, 1, SECOND, START, &wait));
        assert_int_equal(wait, SECOND);
        assert_true(rate_take(*state, 1, 1, SECOND, START + SECOND, &wait));
}

static void test_extremes(void **state) {
        RateTable *never = NULL;
        uint64_t wait = 0;

        assert_int_equal(rate_table_new(0, &never), -EINVAL);
        assert_null(rate_table_free(NULL));
        assert_false(rate_take(*state, 1, 0, SECOND, START, &wait));
        assert_true(wait == UINT64_MAX);
        for (int i = 0; i < 1000; i++)
                assert_true(rate_take(*state, 1, 1, 0, START, &wait));
        assert_true(rate_take(*state, 2, 1, UINT64_MAX, START, &wait));
        assert_false(rate_take(*state, 2, 1, UINT64_MAX, START, &wait));
        assert_true(wait > 0);
        for (int i = 0; i < 1000; i++)
                (void) rate_take(*state, 2, UINT32_MAX, 1, START, &wait);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_burst_and_refill, setup, teardown),
                cmocka_unit_test_setup_teardown(test_never_more, setup, teardown),
                cmocka_unit_test_setup_teardown(test_keys, setup, teardown),
                cmocka_unit_test_setup_teardown(test_reload, setup, teardown),
                cmocka_unit_test_setup_teardown(test_extremes, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
