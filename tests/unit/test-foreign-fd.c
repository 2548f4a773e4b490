/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Descriptors whose file system does not answer when they are closed: close(2) is the linker's --wrap, which waits behind the real one. */

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/foreign-fd.h"

#define ALICE 1000
#define BOB 1001
#define N 3

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t answered = PTHREAD_COND_INITIALIZER;
static bool hangs;

int __real_close(int fd);
int __wrap_close(int fd);

int __wrap_close(int fd) {
        int r = __real_close(fd);

        (void) pthread_mutex_lock(&mutex);
        while (hangs)
                (void) pthread_cond_wait(&answered, &mutex);
        (void) pthread_mutex_unlock(&mutex);
        return r;
}

static void set_hangs(bool value) {
        (void) pthread_mutex_lock(&mutex);
        hangs = value;
        (void) pthread_cond_broadcast(&answered);
        (void) pthread_mutex_unlock(&mutex);
}

static void await_end(void) {
        for (int i = 0; i < 6000 && foreign_fds_closing() > 0; i++)
                (void) usleep(10000);
        assert_int_equal(foreign_fds_closing(), 0);
}

static void close_some(uid_t uid) {
        int fds[N];

        for (int i = 0; i < N; i++) {
                fds[i] = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
                assert_true(fds[i] >= 0);
        }
        foreign_fds_close(uid, fds, N);
        for (int i = 0; i < N; i++) /* whether it hangs or not */
                assert_int_equal(fcntl(fds[i], F_GETFD), -1);
}

static void test_at_once(void **state) {
        assert_true(foreign_fds_may_come(ALICE));
        close_some(ALICE);
        await_end();
        assert_true(foreign_fds_may_come(ALICE));
        foreign_fds_close(ALICE, NULL, 0);
}

static void test_hanging(void **state) {
        set_hangs(true);
        close_some(ALICE);
        assert_int_equal(foreign_fds_closing(), N);
        assert_false(foreign_fds_may_come(ALICE));
        assert_true(foreign_fds_may_come(BOB));
        assert_true(foreign_fds_may_come(0));
        close_some(0);
        assert_int_equal(foreign_fds_closing(), 2 * N);
        assert_true(foreign_fds_may_come(0)); /* always */
        set_hangs(false);
        await_end();
        assert_true(foreign_fds_may_come(ALICE));
}

/* However many users there are, some room is left for root. */
static void test_no_room(void **state) {
        unsigned n = 0;

        set_hangs(true);
        for (uid_t uid = ALICE; foreign_fds_may_come(uid); uid++, n++)
                for (int i = 0; i < FOREIGN_FDS_ONCE_MAX / N; i++)
                        close_some(uid);
        assert_true(n > 1 && n < FOREIGN_FDS_CLOSING_MAX / (FOREIGN_FDS_ONCE_MAX - N));
        assert_true(foreign_fds_may_come(0));
        set_hangs(false);
        await_end();
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_at_once),
                cmocka_unit_test(test_hanging),
                cmocka_unit_test(test_no_room),
        };

        return cmocka_run_group_tests_name("foreign-fd", tests, NULL, NULL);
}
