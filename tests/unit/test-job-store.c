/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/job-store-file.h"
#include "daemon/job-store.h"
#include "lib/protocol.h"
#include "tests/unit/store-fixture.h"

typedef struct Seen {
        uint64_t ids[512];
        size_t n;
        int stop_at;
} Seen;

static int see(const JobRecord *record, void *userdata) {
        Seen *seen = userdata;

        seen->ids[seen->n++] = record->id;
        return (int) seen->n == seen->stop_at ? 42 : 0;
}

/* --- results ----------------------------------------------------------------------------------- */

static void test_put_get(void **state) {
        StoreFixture *f = *state;
        struct stat st;

        assert_false(store_has(f, 1000, 17));
        assert_int_equal(store_put(f, 1000, 17, 0), 0);
        assert_true(store_has(f, 1000, 17));
        assert_false(store_has(f, 1000, 18));
        assert_false(store_has(f, 1001, 17));
        assert_int_equal(store_put(f, 1000, 17, 0), 0); /* again */

        assert_int_equal(fstatat(f->dir_fd, "1000", &st, AT_SYMLINK_NOFOLLOW), 0);
        assert_int_equal(st.st_mode, S_IFDIR | 0700);
        assert_int_equal(fstatat(f->dir_fd, "1000/17.json", &st, AT_SYMLINK_NOFOLLOW), 0);
        assert_int_equal(st.st_mode, S_IFREG | 0600);
        assert_int_equal(st.st_mtim.tv_sec, f->now / USEC_PER_SEC);

        store_reopen(f);
        assert_true(store_has(f, 1000, 17));
}

static void test_not_ended(void **state) {
        StoreFixture *f = *state;

        assert_int_equal(job_store_put(f->store,
                                       &(JobRecord){ .id = 1,
                                                     .name = "",
                                                     .source = "",
                                                     .section = "",
                                                     .command = "",
                                                     .log = "" },
                                       &f->settings),
                         -EINVAL);
}

static void test_each(void **state) {
        static const uint64_t ids[] = { 5, 3, 9, 1000, 10, 100 }, sorted[] = { 3, 5, 9, 10, 100, 1000 };
        StoreFixture *f = *state;

        for (size_t i = 0; i < ELEMENTSOF(ids); i++)
                assert_int_equal(store_put(f, 1000, ids[i], 0), 0);
        assert_int_equal(store_put(f, 1001, 7, 0), 0);

        for (int i = 0; i < 2; i++) {
                Seen seen = { 0 }, some = { .stop_at = 2 };

                assert_int_equal(job_store_each(f->store, 1000, see, &seen), 0);
                assert_int_equal(seen.n, ELEMENTSOF(sorted));
                assert_memory_equal(seen.ids, sorted, sizeof(sorted));
                assert_int_equal(job_store_each(f->store, 1000, see, &some), 42);
                assert_int_equal(some.n, 2);
                store_reopen(f);
        }
        assert_int_equal(job_store_each(f->store, 1002, see, NULL), 0);
}

static void test_damaged(void **state) {
        StoreFixture *f = *state;
        JobRecord *never = NULL;
        Seen seen = { 0 };
        char large[JOB_RECORD_SIZE_MAX + 2];

        memset(large, ' ', sizeof(large));
        large[sizeof(large) - 1] = '\0';
        assert_int_equal(store_put(f, 1000, 1, 0), 0);
        store_write_file(f, "1000/2.json", "");
        store_write_file(f, "1000/3.json", "{}");
        store_write_file(f, "1000/4.json", large);
        assert_int_equal(linkat(f->dir_fd, "1000/1.json", f->dir_fd, "1000/5.json", 0),
                         0); /* another's id */
        assert_int_equal(symlinkat("1.json", f->dir_fd, "1000/6.json"), 0);
        assert_int_equal(mkfifoat(f->dir_fd, "1000/7.json", 0600), 0);
        assert_int_equal(mkdirat(f->dir_fd, "1000/8.json", 0700), 0);
        store_write_file(f, "1000/9.json", "{\"version\":2}");
        store_write_file(f, "1000/010.json", "{}");
        store_write_file(f, "1000/.11.json.tmp", "{}");

        for (uint64_t id = 2; id < 9; id++)
                assert_int_equal(job_store_get(f->store, 1000, id, &never), -EBADMSG);
        assert_int_equal(job_store_get(f->store, 1000, 9, &never), -EPROTONOSUPPORT);
        assert_int_equal(job_store_get(f->store, 1000, 10, &never), -ENOENT);
        store_reopen(f);
        assert_int_equal(job_store_each(f->store, 1000, see, &seen), 0);
        assert_int_equal(seen.n, 1);
}

static void test_other_users_file(void **state) {
        StoreFixture *f = *state;
        JobRecord *never = NULL;

        assert_int_equal(store_put(f, 1000, 1, 0), 0);
        assert_int_equal(store_put(f, 1001, 2, 0), 0);
        assert_int_equal(linkat(f->dir_fd, "1000/1.json", f->dir_fd, "1001/1.json", 0), 0);
        assert_int_equal(job_store_get(f->store, 1001, 1, &never), -EBADMSG);
}

static void test_folder_is_link(void **state) {
        StoreFixture *f = *state;
        JobRecord *never = NULL;

        assert_int_equal(store_put(f, 1000, 1, 0), 0);
        assert_int_equal(symlinkat("1000", f->dir_fd, "1001"), 0);
        assert_true(store_put(f, 1001, 2, 0) < 0);
        assert_true(job_store_get(f->store, 1001, 1, &never) < 0);
        assert_true(store_has(f, 1000, 1));
}

static void test_find(void **state) {
        StoreFixture *f = *state;
        _cleanup_(job_record_freep) JobRecord *record = NULL;
        JobRecord *never = NULL;

        assert_int_equal(store_put(f, 1000, 1, 0), 0);
        assert_int_equal(store_put(f, 1001, 2, 0), 0);
        assert_int_equal(mkdirat(f->dir_fd, "01", 0700), 0);
        store_write_file(f, "1002", "a file");
        assert_int_equal(job_store_find(f->store, 2, &record), 0);
        assert_int_equal(record->uid, 1001);
        assert_int_equal(job_store_find(f->store, 3, &never), -ENOENT);
}

static void test_number(void **state) {
        StoreFixture *f = *state;

        f->settings.results_max = 3;
        for (uint64_t id = 10; id < 20; id++)
                assert_int_equal(store_put(f, 1000, id, 0), 0);
        for (uint64_t id = 10; id < 20; id++)
                assert_int_equal(store_has(f, 1000, id), id >= 17);

        /* another user's are not touched; what is found at a start counts */
        store_reopen(f);
        assert_int_equal(store_put(f, 1001, 1, 0), 0);
        assert_true(store_has(f, 1000, 17));
        assert_int_equal(store_put(f, 1000, 20, 0), 0);
        assert_false(store_has(f, 1000, 17));
        assert_true(store_has(f, 1000, 18));

        f->settings.results_max = 1; /* a reload */
        assert_int_equal(store_put(f, 1000, 21, 0), 0);
        assert_false(store_has(f, 1000, 20));
        assert_true(store_has(f, 1000, 21));
}

/* The result of a job that ran for long, while many later ones ended. */
static void test_first_ended_go_first(void **state) {
        StoreFixture *f = *state;

        f->settings.results_max = 3;
        for (uint64_t id = 2; id < 10; id++)
                assert_int_equal(store_put(f, 1000, id, (100 - id) * USEC_PER_SEC), 0);
        for (int i = 0; i < 2; i++) { /* and what is found at a start */
                assert_int_equal(store_put(f, 1000, 1, 10 * USEC_PER_SEC), 0);
                assert_true(store_has(f, 1000, 1));
                assert_false(store_has(f, 1000, 7));
                assert_true(store_has(f, 1000, 8));
                assert_true(store_has(f, 1000, 9));
                store_reopen(f);
        }
        assert_int_equal(store_put(f, 1000, 10, 5 * USEC_PER_SEC), 0);
        assert_int_equal(store_put(f, 1000, 11, 0), 0);
        assert_true(store_has(f, 1000, 1));
        assert_false(store_has(f, 1000, 9));
        assert_int_equal(store_put(f, 1000, 12, 0), 0);
        assert_false(store_has(f, 1000, 1));
        assert_true(store_has(f, 1000, 10));

        /* one that could not be kept before: it ended first, and is not dropped in the moment it is there */
        assert_int_equal(store_put(f, 1000, 5, 50 * USEC_PER_SEC), 0);
        assert_true(store_has(f, 1000, 5));
        assert_int_equal(store_put(f, 1000, 13, 0), 0);
        assert_false(store_has(f, 1000, 5));
}

/* Those that ended before the clock was put back are not for ever the newest. */
static void test_clock_put_back(void **state) {
        StoreFixture *f = *state;

        f->settings.results_max = 3;
        for (int i = 0; i < 2; i++) {
                uint64_t first = i == 0 ? 1 : 11;

                for (uint64_t id = first; id < first + 3; id++)
                        assert_int_equal(store_put(f, 1000, id, (uint64_t) -STORE_DAY), 0);
                if (i == 1)
                        store_reopen(f);
                assert_int_equal(store_put(f, 1000, first + 3, 0), 0);
                assert_int_equal(store_put(f, 1000, first + 4, 0), 0);
                assert_true(store_has(f, 1000, first + 4));
                assert_true(store_has(f, 1000, first + 3));
                assert_true(store_has(f, 1000, first + 2));
        }
}

static void test_many(void **state) {
        StoreFixture *f = *state;
        Seen seen = { 0 };

        for (uint64_t id = 1; id <= 1000; id++)
                assert_int_equal(store_put(f, 1000, id, 0), 0);
        assert_int_equal(job_store_each(f->store, 1000, see, &seen), 0);
        assert_int_equal(seen.n, 100);
        assert_int_equal(seen.ids[0], 901);
}

static void test_many_users(void **state) {
        StoreFixture *f = *state;

        f->settings.results_max = 2;
        for (uint64_t id = 1; id <= 3; id++)
                for (uid_t uid = 1000; uid < 1100; uid++)
                        assert_int_equal(store_put(f, uid, id, 0), 0);
        for (uid_t uid = 1000; uid < 1100; uid++) {
                assert_false(store_has(f, uid, 1));
                assert_true(store_has(f, uid, 2));
        }
}

static void test_nothing_left(void **state) {
        struct rlimit limit, none;
        StoreFixture *f = *state;
        void (*handler)(int);

        /* a disk that is full, as far as a file's size can stand for it */
        assert_int_equal(store_put(f, 1000, 1, 0), 0);
        assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
        none = (struct rlimit){ 10, limit.rlim_max };
        handler = signal(SIGXFSZ, SIG_IGN);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
        assert_int_equal(store_put(f, 1000, 2, 0), -EFBIG);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        (void) signal(SIGXFSZ, handler);

        assert_false(store_has(f, 1000, 2));
        assert_int_equal(faccessat(f->dir_fd, "1000/.2.json.tmp", F_OK, 0), -1);
        assert_int_equal(store_put(f, 1000, 2, 0), 0);
}

static void test_leftover(void **state) {
        StoreFixture *f = *state;

        assert_int_equal(store_put(f, 1000, 1, 0), 0);
        store_write_file(f, "1000/.2.json.tmp", "cut off by a cra");
        assert_int_equal(store_put(f, 1000, 2, 0), 0);
        assert_true(store_has(f, 1000, 2));
        assert_int_equal(symlinkat("1.json", f->dir_fd, "1000/.3.json.tmp"), 0);
        assert_int_equal(store_put(f, 1000, 3, 0), 0);
        assert_true(store_has(f, 1000, 1));
}

/* --- names ------------------------------------------------------------------------------------- */

static void test_names(void **state) {
        static const char *const bad[] = {
                "",
                ".json",
                "0.json",
                "01.json",
                "-1.json",
                "+1.json",
                " 1.json",
                "1",
                "1.jso",
                "1.json ",
                "1.json.tmp",
                ".1.json",
                "a.json",
                "9223372036854775808.json",
                "18446744073709551617.json",
        };
        uint64_t id = 0;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_int_equal(store_result_id(bad[i], &id), -EINVAL);
        assert_int_equal(store_result_id("9223372036854775807.json", &id), 0);
        assert_true(id == INT64_MAX);
}

/* --- ids --------------------------------------------------------------------------------------- */

static uint64_t take(StoreFixture *f) {
        uint64_t id = 0;

        assert_int_equal(job_store_take_id(f->store, &id), 0);
        return id;
}

static void test_ids(void **state) {
        StoreFixture *f = *state;
        uint64_t last = 0;

        assert_int_equal(take(f), 1);
        assert_int_equal(take(f), 2);
        for (uint64_t id = 3; id < 1000; id++)
                assert_int_equal(take(f), id);

        for (int i = 0; i < 5; i++) { /* crashes */
                uint64_t id;

                store_reopen(f);
                id = take(f);
                assert_true(id > 999 && id > last);
                last = id;
        }
}

/* What is in next-id, as the number that it is. */
static uint64_t reserved_up_to(const StoreFixture *f) {
        char text[STORE_NAME_MAX] = "";
        size_t size;

        assert_int_equal(store_file_read(f->dir_fd, "next-id", text, sizeof(text) - 1, &size), 0);
        return strtoull(text, NULL, 10);
}

/* Nobody waits for the disk when a block is used up. */
static void test_ids_ahead(void **state) {
        StoreFixture *f = *state;

        for (uint64_t id = 1; id < STORE_BLOCK / 2; id++)
                assert_int_equal(take(f), id);
        assert_int_equal(reserved_up_to(f), 1 + STORE_BLOCK);
        assert_int_equal(take(f), STORE_BLOCK / 2);
        for (int i = 0; i < 3000 && reserved_up_to(f) == 1 + STORE_BLOCK; i++)
                (void) usleep(10000);
        assert_int_equal(reserved_up_to(f), 1 + 2 * STORE_BLOCK);
        for (uint64_t id = STORE_BLOCK / 2 + 1; id <= STORE_BLOCK + 1; id++)
                assert_int_equal(take(f), id);

        /* what was reserved is no good if there are jobs with such ids */
        job_store_set_floor(f->store, 100000);
        assert_int_equal(take(f), 100001);
        store_reopen(f);
        assert_true(take(f) > 100001);
}

/* What could not be reserved ahead is when it is needed, if it can be then. */
static void test_ids_not_ahead(void **state) {
        StoreFixture *f = *state;
        uint64_t id = 0;

        assert_int_equal(take(f), 1);
        assert_int_equal(mkdirat(f->dir_fd, ".next-id.tmp", 0700), 0); /* cannot be written */
        for (id = 2; id <= STORE_BLOCK; id++)
                assert_int_equal(take(f), id);
        assert_true(job_store_take_id(f->store, &id) < 0);
        assert_int_equal(unlinkat(f->dir_fd, ".next-id.tmp", AT_REMOVEDIR), 0);
        assert_int_equal(take(f), STORE_BLOCK + 1);
}

static void test_ids_reserved_first(void **state) {
        StoreFixture *f = *state;
        uint64_t id = 0;

        assert_int_equal(mkdirat(f->dir_fd, ".next-id.tmp", 0700), 0); /* cannot be written */
        assert_true(job_store_take_id(f->store, &id) < 0);
        assert_int_equal(id, 0);
        assert_int_equal(unlinkat(f->dir_fd, ".next-id.tmp", AT_REMOVEDIR), 0);
        assert_int_equal(take(f), 1);
}

static void test_ids_rebuilt(void **state) {
        static const char *const damaged[] = { "",     "x",     "12",     "0\n",
                                               "-5\n", "007\n", "5\n5\n", "99999999999999999999999\n" };
        StoreFixture *f = *state;

        assert_int_equal(store_put(f, 1000, 700, 0), 0);
        assert_int_equal(store_put(f, 1001, 300, 0), 0);
        for (size_t i = 0; i < ELEMENTSOF(damaged); i++) {
                store_write_file(f, "next-id", damaged[i]);
                store_reopen(f);
                assert_in_range(take(f), 701, 2000);
        }
        assert_int_equal(unlinkat(f->dir_fd, "next-id", 0), 0);
        store_reopen(f);
        job_store_set_floor(f->store, 5000);
        assert_in_range(take(f), 5001, 7000);
}

static void test_ids_floor(void **state) {
        StoreFixture *f = *state;

        assert_int_equal(take(f), 1);
        job_store_set_floor(f->store, 100); /* within the block */
        assert_true(take(f) > 100);
        job_store_set_floor(f->store, 50);
        assert_true(take(f) > 100);
        job_store_set_floor(f->store, 100000);
        assert_int_equal(take(f), 100001);
        job_store_set_floor(f->store, UINT64_MAX);
        assert_int_equal(job_store_take_id(f->store, &(uint64_t){ 0 }), -EOVERFLOW);
}

static void test_ids_link(void **state) {
        StoreFixture *f = *state;
        struct stat st;

        store_write_file(f, "elsewhere", "5\n");
        assert_int_equal(symlinkat("elsewhere", f->dir_fd, "next-id"), 0);
        assert_int_equal(take(f), 1);
        assert_int_equal(fstatat(f->dir_fd, "next-id", &st, AT_SYMLINK_NOFOLLOW), 0);
        assert_int_equal(st.st_mode, S_IFREG | 0600);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                STORE_TEST(test_put_get),
                STORE_TEST(test_not_ended),
                STORE_TEST(test_each),
                STORE_TEST(test_damaged),
                STORE_TEST(test_other_users_file),
                STORE_TEST(test_folder_is_link),
                STORE_TEST(test_find),
                STORE_TEST(test_number),
                STORE_TEST(test_first_ended_go_first),
                STORE_TEST(test_clock_put_back),
                STORE_TEST(test_many),
                STORE_TEST(test_many_users),
                STORE_TEST(test_nothing_left),
                STORE_TEST(test_leftover),
                cmocka_unit_test(test_names),
                STORE_TEST(test_ids),
                STORE_TEST(test_ids_ahead),
                STORE_TEST(test_ids_not_ahead),
                STORE_TEST(test_ids_reserved_first),
                STORE_TEST(test_ids_rebuilt),
                STORE_TEST(test_ids_floor),
                STORE_TEST(test_ids_link),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
