/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Results that are too old go, also of users who end no job any more. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "daemon/job-store-age.h"
#include "daemon/uptime.h"
#include "lib/protocol.h"
#include "tests/unit/store-fixture.h"

static void test_age(void **state) {
        StoreFixture *f = *state;

        assert_int_equal(store_put(f, 1000, 1, 5 * STORE_DAY), 0);
        assert_int_equal(store_put(f, 1000, 2, 3 * STORE_DAY), 0);
        assert_int_equal(store_put(f, 1000, 3, 6 * STORE_DAY), 0);
        assert_int_equal(store_put(f, 1000, 4, STORE_DAY - 60 * USEC_PER_SEC), 0);
        assert_true(store_has(f, 1000, 3));

        f->settings.results_age = 4 * STORE_DAY;
        assert_int_equal(store_put(f, 1000, 5, 0), 0);
        assert_false(store_has(f, 1000, 1));
        assert_true(store_has(f, 1000, 2));
        assert_false(store_has(f, 1000, 3));

        store_reopen(f);
        f->settings.results_age = 1; /* never below a day */
        assert_int_equal(store_put(f, 1000, 6, 0), 0);
        assert_false(store_has(f, 1000, 2));
        assert_true(store_has(f, 1000, 4));

        f->settings.results_age = LIMIT_NONE;
        assert_int_equal(store_put(f, 1000, 7, f->now - 1), 0);
        assert_true(store_has(f, 1000, 7));
}

/* One that ended a month ago by the clock that is set, and at UP by the other. */
static void put_of_a_month_ago(StoreFixture *f, uint64_t id, uint64_t up) {
        _cleanup_(job_record_freep) JobRecord *record = NULL;

        assert_int_equal(job_record_new(&(JobRecord){ .id = id,
                                                      .uid = 1000,
                                                      .created = 1,
                                                      .ended = f->now - 30 * STORE_DAY,
                                                      .up = up,
                                                      .result = CGMOVE_RESULT_DONE },
                                        &record),
                         0);
        assert_int_equal(job_store_put(f->store, record, &f->settings), 0);
}

/* By the clock that nobody sets, what is young is known. */
static void test_clock_set_forward(void **state) {
        uint64_t now = uptime_now();
        StoreFixture *f = *state;

        put_of_a_month_ago(f, 1, now);
        put_of_a_month_ago(f, 2, 0); /* not known: of an earlier boot, say */
        put_of_a_month_ago(f, 3, now);
        put_of_a_month_ago(f, 4, 2 * now); /* nonsense */
        for (int i = 0; i < 2; i++) {
                assert_int_equal(store_put(f, 1000, 5, 0), 0);
                for (uint64_t id = 1; id <= 5; id++)
                        assert_int_equal(store_has(f, 1000, id), id != 2 && id != 4);
                assert_int_equal(job_store_prune(f->store, 1000, &f->settings), 0);
                assert_true(store_has(f, 1000, 1));
                store_reopen(f);
        }

        /* nor do they seem to be the oldest then */
        f->settings.results_max = 3;
        assert_int_equal(store_put(f, 1000, 6, STORE_DAY), 0);
        assert_int_equal(store_put(f, 1000, 7, STORE_DAY), 0);
        assert_false(store_has(f, 1000, 6));
        assert_true(store_has(f, 1000, 1));
        assert_true(store_has(f, 1000, 3));
}

/* Users who end no job any more, some of them known from before. */
static void test_age_of_idle_users(void **state) {
        _cleanup_(job_store_age_freep) JobStoreAge *age = NULL;
        StoreFixture *f = *state;
        sd_event *event = NULL;

        for (uid_t uid = 1000; uid < 1070; uid++) {
                assert_int_equal(store_put(f, uid, 1, 5 * STORE_DAY), 0);
                assert_int_equal(store_put(f, uid, 2, 3 * STORE_DAY), 0);
        }
        store_write_file(f, "no-user", "");
        store_write_file(f, "1500", "");
        f->settings.results_age = 4 * STORE_DAY;
        f->settings.results_max = 100;

        assert_true(sd_event_new(&event) >= 0);
        assert_int_equal(job_store_age_new(event, f->store, &f->settings, 0, &age), 0);
        assert_true(store_has(f, 1000, 1));
        for (int i = 0; i < 500 && store_has(f, 1069, 1); i++)
                assert_true(sd_event_run(event, 100000) >= 0);
        for (uid_t uid = 1000; uid < 1070; uid++) {
                assert_false(store_has(f, uid, 1));
                assert_true(store_has(f, uid, 2));
        }

        age = job_store_age_free(age);
        sd_event_unref(event);
}

static void test_first_user(void **state) {
        StoreFixture *f = *state;
        uid_t uid;

        assert_int_equal(job_store_first_user(f->store, 0, &uid), -ENOENT);
        assert_int_equal(store_put(f, 0, 1, 0), 0);
        assert_int_equal(store_put(f, 4294967294, 2, 0), 0);
        assert_int_equal(store_put(f, 1000, 3, 0), 0);
        assert_int_equal(job_store_first_user(f->store, 0, &uid), 0);
        assert_int_equal(uid, 0);
        assert_int_equal(job_store_first_user(f->store, 1, &uid), 0);
        assert_int_equal(uid, 1000);
        assert_int_equal(job_store_first_user(f->store, 1001, &uid), 0);
        assert_int_equal(uid, 4294967294);
        assert_int_equal(job_store_first_user(f->store, UID_NONE, &uid), -ENOENT);
        assert_int_equal(job_store_prune(f->store, 1001, &f->settings), -ENOENT);
        assert_int_equal(job_store_prune(f->store, 1000, &f->settings), 0);
        assert_true(store_has(f, 1000, 3));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                STORE_TEST(test_age),
                STORE_TEST(test_clock_set_forward),
                STORE_TEST(test_age_of_idle_users),
                STORE_TEST(test_first_user),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
