/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>

#include "daemon/job-store-age.h"
#include "daemon/job-store-file.h"
#include "daemon/job-store.h"
#include "lib/protocol.h"
#include "lib/values.h"

#define DAY (UINT64_C(86400) * USEC_PER_SEC)

typedef struct Fixture {
        char path[64];
        int dir_fd;
        JobStore *store;
        Settings settings;
        uint64_t now;
} Fixture;

static int setup(void **state) {
        Fixture *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        strcpy(f->path, "/tmp/cgmove-test-XXXXXX");
        assert_non_null(mkdtemp(f->path));
        f->dir_fd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(f->dir_fd >= 0);
        assert_int_equal(job_store_new(f->dir_fd, &f->store), 0);
        f->settings = (Settings){ .results_max = 100, .results_age = 7 * DAY };
        f->now = (uint64_t) time(NULL) * USEC_PER_SEC;
        *state = f;
        return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        return remove(path);
}

static int teardown(void **state) {
        Fixture *f = *state;

        job_store_free(f->store);
        closep(&f->dir_fd);
        assert_int_equal(nftw(f->path, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
        free(f);
        return 0;
}

/* As after a restart of the daemon. */
static void reopen(Fixture *f) {
        job_store_free(f->store);
        f->store = NULL;
        assert_int_equal(job_store_new(f->dir_fd, &f->store), 0);
}

static int put(Fixture *f, uid_t uid, uint64_t id, uint64_t age) {
        _cleanup_(job_record_freep) JobRecord *record = NULL;

        assert_int_equal(job_record_new(
                                         &(JobRecord){
                                                         .id = id,
                                                         .uid = uid,
                                                         .created = 1,
                                                         .ended = f->now - age,
                                                         .result = CGMOVE_RESULT_DONE,
                                                         .name = "x",
                                         },
                                         &record),
                         0);
        return job_store_put(f->store, record, &f->settings);
}

static bool has(Fixture *f, uid_t uid, uint64_t id) {
        _cleanup_(job_record_freep) JobRecord *record = NULL;
        int r;

        r = job_store_get(f->store, uid, id, &record);
        assert_true(r == 0 || r == -ENOENT);
        assert_true(r < 0 || (record->id == id && record->uid == uid));
        return r == 0;
}

static void write_file(Fixture *f, const char *name, const char *text) {
        int fd = openat(f->dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        closep(&fd);
}

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
        Fixture *f = *state;
        struct stat st;

        assert_false(has(f, 1000, 17));
        assert_int_equal(put(f, 1000, 17, 0), 0);
        assert_true(has(f, 1000, 17));
        assert_false(has(f, 1000, 18));
        assert_false(has(f, 1001, 17));
        assert_int_equal(put(f, 1000, 17, 0), 0); /* again */

        assert_int_equal(fstatat(f->dir_fd, "1000", &st, AT_SYMLINK_NOFOLLOW), 0);
        assert_int_equal(st.st_mode, S_IFDIR | 0700);
        assert_int_equal(fstatat(f->dir_fd, "1000/17.json", &st, AT_SYMLINK_NOFOLLOW), 0);
        assert_int_equal(st.st_mode, S_IFREG | 0600);
        assert_int_equal(st.st_mtim.tv_sec, f->now / USEC_PER_SEC);

        reopen(f);
        assert_true(has(f, 1000, 17));
}

static void test_not_ended(void **state) {
        Fixture *f = *state;

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
        Fixture *f = *state;

        for (size_t i = 0; i < ELEMENTSOF(ids); i++)
                assert_int_equal(put(f, 1000, ids[i], 0), 0);
        assert_int_equal(put(f, 1001, 7, 0), 0);

        for (int i = 0; i < 2; i++) {
                Seen seen = { 0 }, some = { .stop_at = 2 };

                assert_int_equal(job_store_each(f->store, 1000, see, &seen), 0);
                assert_int_equal(seen.n, ELEMENTSOF(sorted));
                assert_memory_equal(seen.ids, sorted, sizeof(sorted));
                assert_int_equal(job_store_each(f->store, 1000, see, &some), 42);
                assert_int_equal(some.n, 2);
                reopen(f);
        }
        assert_int_equal(job_store_each(f->store, 1002, see, NULL), 0);
}

static void test_damaged(void **state) {
        Fixture *f = *state;
        JobRecord *never = NULL;
        Seen seen = { 0 };
        char large[JOB_RECORD_SIZE_MAX + 2];

        memset(large, ' ', sizeof(large));
        large[sizeof(large) - 1] = '\0';
        assert_int_equal(put(f, 1000, 1, 0), 0);
        write_file(f, "1000/2.json", "");
        write_file(f, "1000/3.json", "{}");
        write_file(f, "1000/4.json", large);
        assert_int_equal(linkat(f->dir_fd, "1000/1.json", f->dir_fd, "1000/5.json", 0),
                         0); /* another's id */
        assert_int_equal(symlinkat("1.json", f->dir_fd, "1000/6.json"), 0);
        assert_int_equal(mkfifoat(f->dir_fd, "1000/7.json", 0600), 0);
        assert_int_equal(mkdirat(f->dir_fd, "1000/8.json", 0700), 0);
        write_file(f, "1000/9.json", "{\"version\":2}");
        write_file(f, "1000/010.json", "{}");
        write_file(f, "1000/.11.json.tmp", "{}");

        for (uint64_t id = 2; id < 9; id++)
                assert_int_equal(job_store_get(f->store, 1000, id, &never), -EBADMSG);
        assert_int_equal(job_store_get(f->store, 1000, 9, &never), -EPROTONOSUPPORT);
        assert_int_equal(job_store_get(f->store, 1000, 10, &never), -ENOENT);
        reopen(f);
        assert_int_equal(job_store_each(f->store, 1000, see, &seen), 0);
        assert_int_equal(seen.n, 1);
}

static void test_other_users_file(void **state) {
        Fixture *f = *state;
        JobRecord *never = NULL;

        assert_int_equal(put(f, 1000, 1, 0), 0);
        assert_int_equal(put(f, 1001, 2, 0), 0);
        assert_int_equal(linkat(f->dir_fd, "1000/1.json", f->dir_fd, "1001/1.json", 0), 0);
        assert_int_equal(job_store_get(f->store, 1001, 1, &never), -EBADMSG);
}

static void test_folder_is_link(void **state) {
        Fixture *f = *state;
        JobRecord *never = NULL;

        assert_int_equal(put(f, 1000, 1, 0), 0);
        assert_int_equal(symlinkat("1000", f->dir_fd, "1001"), 0);
        assert_true(put(f, 1001, 2, 0) < 0);
        assert_true(job_store_get(f->store, 1001, 1, &never) < 0);
        assert_true(has(f, 1000, 1));
}

static void test_find(void **state) {
        Fixture *f = *state;
        _cleanup_(job_record_freep) JobRecord *record = NULL;
        JobRecord *never = NULL;

        assert_int_equal(put(f, 1000, 1, 0), 0);
        assert_int_equal(put(f, 1001, 2, 0), 0);
        assert_int_equal(mkdirat(f->dir_fd, "01", 0700), 0);
        write_file(f, "1002", "a file");
        assert_int_equal(job_store_find(f->store, 2, &record), 0);
        assert_int_equal(record->uid, 1001);
        assert_int_equal(job_store_find(f->store, 3, &never), -ENOENT);
}

static void test_number(void **state) {
        Fixture *f = *state;

        f->settings.results_max = 3;
        for (uint64_t id = 10; id < 20; id++)
                assert_int_equal(put(f, 1000, id, 0), 0);
        for (uint64_t id = 10; id < 20; id++)
                assert_int_equal(has(f, 1000, id), id >= 17);

        /* another user's are not touched; what is found at a start counts */
        reopen(f);
        assert_int_equal(put(f, 1001, 1, 0), 0);
        assert_true(has(f, 1000, 17));
        assert_int_equal(put(f, 1000, 20, 0), 0);
        assert_false(has(f, 1000, 17));
        assert_true(has(f, 1000, 18));

        f->settings.results_max = 1; /* a reload */
        assert_int_equal(put(f, 1000, 21, 0), 0);
        assert_false(has(f, 1000, 20));
        assert_true(has(f, 1000, 21));
}

static void test_many(void **state) {
        Fixture *f = *state;
        Seen seen = { 0 };

        for (uint64_t id = 1; id <= 1000; id++)
                assert_int_equal(put(f, 1000, id, 0), 0);
        assert_int_equal(job_store_each(f->store, 1000, see, &seen), 0);
        assert_int_equal(seen.n, 100);
        assert_int_equal(seen.ids[0], 901);
}

static void test_many_users(void **state) {
        Fixture *f = *state;

        f->settings.results_max = 2;
        for (uint64_t id = 1; id <= 3; id++)
                for (uid_t uid = 1000; uid < 1100; uid++)
                        assert_int_equal(put(f, uid, id, 0), 0);
        for (uid_t uid = 1000; uid < 1100; uid++) {
                assert_false(has(f, uid, 1));
                assert_true(has(f, uid, 2));
        }
}

static void test_age(void **state) {
        Fixture *f = *state;

        assert_int_equal(put(f, 1000, 1, 5 * DAY), 0);
        assert_int_equal(put(f, 1000, 2, 3 * DAY), 0);
        assert_int_equal(put(f, 1000, 3, 6 * DAY), 0);
        assert_int_equal(put(f, 1000, 4, DAY - 60 * USEC_PER_SEC), 0);
        assert_true(has(f, 1000, 3));

        f->settings.results_age = 4 * DAY;
        assert_int_equal(put(f, 1000, 5, 0), 0);
        assert_false(has(f, 1000, 1));
        assert_true(has(f, 1000, 2));
        assert_false(has(f, 1000, 3));

        reopen(f);
        f->settings.results_age = 1; /* never below a day */
        assert_int_equal(put(f, 1000, 6, 0), 0);
        assert_false(has(f, 1000, 2));
        assert_true(has(f, 1000, 4));

        f->settings.results_age = LIMIT_NONE;
        assert_int_equal(put(f, 1000, 7, f->now - 1), 0);
        assert_true(has(f, 1000, 7));
}

/* Users who end no job any more, some of them known from before. */
static void test_age_of_idle_users(void **state) {
        _cleanup_(job_store_age_freep) JobStoreAge *age = NULL;
        Fixture *f = *state;
        sd_event *event = NULL;

        for (uid_t uid = 1000; uid < 1070; uid++) {
                assert_int_equal(put(f, uid, 1, 5 * DAY), 0);
                assert_int_equal(put(f, uid, 2, 3 * DAY), 0);
        }
        write_file(f, "no-user", "");
        write_file(f, "1500", "");
        f->settings.results_age = 4 * DAY;
        f->settings.results_max = 100;

        assert_true(sd_event_new(&event) >= 0);
        assert_int_equal(job_store_age_new(event, f->store, &f->settings, 0, &age), 0);
        assert_true(has(f, 1000, 1));
        for (int i = 0; i < 500 && has(f, 1069, 1); i++)
                assert_true(sd_event_run(event, 100000) >= 0);
        for (uid_t uid = 1000; uid < 1070; uid++) {
                assert_false(has(f, uid, 1));
                assert_true(has(f, uid, 2));
        }

        age = job_store_age_free(age);
        sd_event_unref(event);
}

static void test_first_user(void **state) {
        Fixture *f = *state;
        uid_t uid;

        assert_int_equal(job_store_first_user(f->store, 0, &uid), -ENOENT);
        assert_int_equal(put(f, 0, 1, 0), 0);
        assert_int_equal(put(f, 4294967294, 2, 0), 0);
        assert_int_equal(put(f, 1000, 3, 0), 0);
        assert_int_equal(job_store_first_user(f->store, 0, &uid), 0);
        assert_int_equal(uid, 0);
        assert_int_equal(job_store_first_user(f->store, 1, &uid), 0);
        assert_int_equal(uid, 1000);
        assert_int_equal(job_store_first_user(f->store, 1001, &uid), 0);
        assert_int_equal(uid, 4294967294);
        assert_int_equal(job_store_first_user(f->store, UID_NONE, &uid), -ENOENT);
        assert_int_equal(job_store_prune(f->store, 1001, &f->settings), -ENOENT);
        assert_int_equal(job_store_prune(f->store, 1000, &f->settings), 0);
        assert_true(has(f, 1000, 3));
}

static void test_nothing_left(void **state) {
        struct rlimit limit, none;
        Fixture *f = *state;
        void (*handler)(int);

        /* a disk that is full, as far as a file's size can stand for it */
        assert_int_equal(put(f, 1000, 1, 0), 0);
        assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
        none = (struct rlimit){ 10, limit.rlim_max };
        handler = signal(SIGXFSZ, SIG_IGN);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
        assert_int_equal(put(f, 1000, 2, 0), -EFBIG);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        (void) signal(SIGXFSZ, handler);

        assert_false(has(f, 1000, 2));
        assert_int_equal(faccessat(f->dir_fd, "1000/.2.json.tmp", F_OK, 0), -1);
        assert_int_equal(put(f, 1000, 2, 0), 0);
}

static void test_leftover(void **state) {
        Fixture *f = *state;

        assert_int_equal(put(f, 1000, 1, 0), 0);
        write_file(f, "1000/.2.json.tmp", "cut off by a cra");
        assert_int_equal(put(f, 1000, 2, 0), 0);
        assert_true(has(f, 1000, 2));
        assert_int_equal(symlinkat("1.json", f->dir_fd, "1000/.3.json.tmp"), 0);
        assert_int_equal(put(f, 1000, 3, 0), 0);
        assert_true(has(f, 1000, 1));
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

static uint64_t take(Fixture *f) {
        uint64_t id = 0;

        assert_int_equal(job_store_take_id(f->store, &id), 0);
        return id;
}

static void test_ids(void **state) {
        Fixture *f = *state;
        uint64_t last = 0;

        assert_int_equal(take(f), 1);
        assert_int_equal(take(f), 2);
        for (uint64_t id = 3; id < 1000; id++)
                assert_int_equal(take(f), id);

        for (int i = 0; i < 5; i++) { /* crashes */
                uint64_t id;

                reopen(f);
                id = take(f);
                assert_true(id > 999 && id > last);
                last = id;
        }
}

static void test_ids_reserved_first(void **state) {
        Fixture *f = *state;
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
        Fixture *f = *state;

        assert_int_equal(put(f, 1000, 700, 0), 0);
        assert_int_equal(put(f, 1001, 300, 0), 0);
        for (size_t i = 0; i < ELEMENTSOF(damaged); i++) {
                write_file(f, "next-id", damaged[i]);
                reopen(f);
                assert_in_range(take(f), 701, 2000);
        }
        assert_int_equal(unlinkat(f->dir_fd, "next-id", 0), 0);
        reopen(f);
        job_store_set_floor(f->store, 5000);
        assert_in_range(take(f), 5001, 7000);
}

static void test_ids_floor(void **state) {
        Fixture *f = *state;

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
        Fixture *f = *state;
        struct stat st;

        write_file(f, "elsewhere", "5\n");
        assert_int_equal(symlinkat("elsewhere", f->dir_fd, "next-id"), 0);
        assert_int_equal(take(f), 1);
        assert_int_equal(fstatat(f->dir_fd, "next-id", &st, AT_SYMLINK_NOFOLLOW), 0);
        assert_int_equal(st.st_mode, S_IFREG | 0600);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_put_get),
                TEST(test_not_ended),
                TEST(test_each),
                TEST(test_damaged),
                TEST(test_other_users_file),
                TEST(test_folder_is_link),
                TEST(test_find),
                TEST(test_number),
                TEST(test_many),
                TEST(test_many_users),
                TEST(test_age),
                TEST(test_age_of_idle_users),
                TEST(test_first_user),
                TEST(test_nothing_left),
                TEST(test_leftover),
                cmocka_unit_test(test_names),
                TEST(test_ids),
                TEST(test_ids_reserved_first),
                TEST(test_ids_rebuilt),
                TEST(test_ids_floor),
                TEST(test_ids_link),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
