/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The marks of restarts: what is written is read, and nothing else. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/restart-mark.h"
#include "lib/cleanup.h"

static void test_round_trip(void **state) {
        RestartMark mark = { .job = UINT64_MAX, .was_up = true, .starting = true, .n_starts = 3 }, again;
        char text[RESTART_MARK_MAX];
        size_t size;

        memset(mark.unit, 'x', UNIT_NAME_MAX);
        strcpy(mark.unit + UNIT_NAME_MAX - strlen(".service"), ".service");
        size = restart_mark_encode(&mark, text);
        assert_true(size < RESTART_MARK_MAX);
        assert_int_equal(restart_mark_decode(text, size, &again), 0);
        assert_memory_equal(&mark, &again, sizeof(mark));
}

static void test_refused(void **state) {
        static const char *const bad[] = {
                "",
                "1",
                "1 17 1 0 0",
                "1 17 1 0 0 ",
                "1 17 1 0 0 \n",
                "1 17 1 0 0 a.service",
                "1 17 1 0 0 a.service\n\n",
                "1 17 1 0 0 a.service \n",
                "1 17 1 0 0  a.service\n",
                "1 17 1 0 0 a\n",
                "1 17 1 0 0 ../a.service\n",
                "1 17 1 0 0 a@.service\n",
                "2 17 1 0 0 a.service\n",
                "1 0 1 0 0 a.service\n",
                "1 -1 1 0 0 a.service\n",
                "1 017 1 0 0 a.service\n",
                "1 17 2 0 0 a.service\n",
                "1 17 1 -1 0 a.service\n",
                "1 17 1 0 10 a.service\n",
                "1 17 1 0 a.service\n",
                " 1 17 1 0 0 a.service\n",
                "1 18446744073709551616 1 0 0 a.service\n",
        };
        char long_one[2 * RESTART_MARK_MAX];
        RestartMark mark;

        assert_int_equal(restart_mark_decode("1 17 1 0 0 a.service\n", 21, &mark), 0);
        assert_int_equal(restart_mark_decode("1 17 1 0 0 a.service\n", 20, &mark), -EBADMSG);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                if (restart_mark_decode(bad[i], strlen(bad[i]), &mark) != -EBADMSG)
                        fail_msg("\"%s\" was taken", bad[i]);

        (void) snprintf(long_one, sizeof(long_one), "1 17 1 0 0 %0300d.service\n", 1);
        assert_int_equal(restart_mark_decode(long_one, strlen(long_one), &mark), -EBADMSG);
        memset(long_one, ' ', sizeof(long_one));
        assert_int_equal(restart_mark_decode(long_one, sizeof(long_one), &mark), -EBADMSG);
        assert_int_equal(restart_mark_decode("1 17 1 0 0 a.se\0ice\n", 21, &mark), -EBADMSG);
}

typedef struct Found {
        unsigned n;
        RestartMark last;
} Found;

static void on_mark(const RestartMark *mark, void *userdata) {
        Found *found = userdata;

        found->n++;
        found->last = *mark;
}

static void test_files(void **state) {
        RestartMark mark = { .job = 17, .was_up = true, .unit = "a.service" };
        char folder[] = "/tmp/cgmove-test-XXXXXX";
        _cleanup_close_ int dir = -1, fd = -1;
        struct rlimit before, none;
        Found found = {};

        assert_non_null(mkdtemp(folder));
        dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(dir >= 0);
        assert_int_equal(restart_mark_write(dir, &mark), 0);
        mark.n_starts = 1;
        assert_int_equal(restart_mark_write(dir, &mark), 0);

        /* what is no mark, or another's, goes */
        fd = openat(dir, "18", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_int_equal(write(fd, "1 17 1 0 0 a.service\n", 21), 21);
        assert_int_equal(symlinkat("17", dir, "19"), 0);
        assert_int_equal(mkfifoat(dir, "20", 0600), 0);
        assert_int_equal(restart_mark_each(dir, on_mark, &found), 0);
        assert_int_equal(found.n, 1);
        assert_memory_equal(&found.last, &mark, sizeof(mark));
        assert_int_equal(faccessat(dir, "18", F_OK, 0), -1);
        assert_int_equal(faccessat(dir, "19", F_OK, AT_SYMLINK_NOFOLLOW), -1);
        assert_int_equal(faccessat(dir, "20", F_OK, 0), -1);

        /* what cannot be read for the moment is not given up */
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
        none = (struct rlimit){ (rlim_t) fd + 2, before.rlim_max };
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
        assert_int_equal(restart_mark_each(dir, on_mark, &found), -EMFILE);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        assert_int_equal(faccessat(dir, "17", F_OK, 0), 0);

        restart_mark_remove(dir, 17);
        restart_mark_remove(dir, 17);
        assert_int_equal(restart_mark_each(dir, on_mark, &found), 0);
        assert_int_equal(found.n, 1);
        assert_int_equal(rmdir(folder), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_round_trip),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_files),
        };

        return cmocka_run_group_tests_name("restart-mark", tests, NULL, NULL);
}
