/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The module's entry points, on a snapshot of the test's. */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/cleanup.h"
#include "nss-pam/nss-entry.h"
#include "nss-pam/nss-file.h"
#include "nss-pam/nss-place.h"
#include "tests/unit/nss-fixture.h"

#define THREADS 8

/* --- what it answers ---------------------------------------- */

static void check_group(const struct group *group, const char *const *members) {
        size_t n = 0;

        assert_string_equal(group->gr_name, "cgmove-allowed");
        assert_string_equal(group->gr_passwd, "!*");
        assert_int_equal(group->gr_gid, NSS_FIXTURE_GID);
        for (; members[n]; n++)
                assert_string_equal(group->gr_mem[n], members[n]);
        assert_null(group->gr_mem[n]);
}

static const char *const three[] = { "alice", "bob", "carol", NULL };
static const char *const nobody[] = { NULL };

static void test_by_name_and_by_number(void **state) {
        struct group group;
        char buffer[256];
        int error = 0;

        nss_fixture_write_members("alice\nbob\ncarol\n");
        errno = 42;
        assert_int_equal(_nss_cgmove_getgrnam_r("cgmove-allowed", &group, buffer, sizeof(buffer), &error),
                         NSS_STATUS_SUCCESS);
        check_group(&group, three);
        assert_int_equal(_nss_cgmove_getgrgid_r(NSS_FIXTURE_GID, &group, buffer, sizeof(buffer), &error),
                         NSS_STATUS_SUCCESS);
        check_group(&group, three);
        assert_int_equal(errno, 42);
        assert_int_equal(error, 0);

        nss_fixture_write_members("");
        assert_int_equal(_nss_cgmove_getgrnam_r("cgmove-allowed", &group, buffer, sizeof(buffer), &error),
                         NSS_STATUS_SUCCESS);
        check_group(&group, nobody);
}

static void test_no_other(void **state) {
        static const char *const names[] = {
                "", "root", "cgmove-allowe", "cgmove-allowed2", "CGMOVE-ALLOWED", "alice", "sudo", "77000"
        };
        static const gid_t gids[] = { 0,
                                      1,
                                      27,
                                      1000,
                                      59999,
                                      65534,
                                      65535,
                                      NSS_FIXTURE_GID - 1,
                                      NSS_FIXTURE_GID + 1,
                                      GID_NONE,
                                      GID_NONE - 1 };
        struct group group = { .gr_gid = 5 };
        char buffer[256];
        int error;

        nss_fixture_write_members("alice\n");
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                assert_int_equal(_nss_cgmove_getgrnam_r(names[i], &group, buffer, sizeof(buffer), &error),
                                 NSS_STATUS_NOTFOUND);
                assert_int_equal(error, ENOENT);
        }
        for (size_t i = 0; i < ELEMENTSOF(gids); i++)
                assert_int_equal(_nss_cgmove_getgrgid_r(gids[i], &group, buffer, sizeof(buffer), &error),
                                 NSS_STATUS_NOTFOUND);
        assert_int_equal(group.gr_gid, 5);
}

static void test_enumeration(void **state) {
        struct group group;
        char buffer[256];
        int error = 0;

        nss_fixture_write_members("alice\nbob\ncarol\n");
        for (int i = 0; i < 3; i++) {
                assert_int_equal(_nss_cgmove_setgrent(i), NSS_STATUS_SUCCESS);
                assert_int_equal(_nss_cgmove_getgrent_r(&group, buffer, 10, &error), NSS_STATUS_TRYAGAIN);
                assert_int_equal(error, ERANGE);
                assert_int_equal(_nss_cgmove_getgrent_r(&group, buffer, sizeof(buffer), &error),
                                 NSS_STATUS_SUCCESS);
                check_group(&group, three);
                assert_int_equal(_nss_cgmove_getgrent_r(&group, buffer, sizeof(buffer), &error),
                                 NSS_STATUS_NOTFOUND);
                assert_int_equal(_nss_cgmove_getgrent_r(&group, buffer, sizeof(buffer), &error),
                                 NSS_STATUS_NOTFOUND);
                assert_int_equal(_nss_cgmove_endgrent(), NSS_STATUS_SUCCESS);
        }
}

/* Each size that is too small, at each alignment, says so and writes nothing beyond; the first that is not
 * has room for all. */
static void test_every_buffer_size(void **state) {
        static const char *const lists[] = { "", "a\n", "alice\nbob\ncarol\n" };
        const size_t room = 512;

        for (size_t list = 0; list < ELEMENTSOF(lists); list++) {
                nss_fixture_write_members(lists[list]);
                for (size_t offset = 0; offset < sizeof(char *); offset++) {
                        enum nss_status status = NSS_STATUS_TRYAGAIN;
                        struct group group;
                        size_t size;
                        int error;

                        for (size = 0; size < room && status == NSS_STATUS_TRYAGAIN; size++) {
                                /* of this size exactly, so that the sanitizer sees a byte too many */
                                char *buffer = malloc(offset + size + 1);

                                assert_non_null(buffer);
                                error = 0;
                                buffer[offset + size] = 77;
                                status = _nss_cgmove_getgrnam_r("cgmove-allowed", &group, buffer + offset,
                                                                size, &error);
                                assert_int_equal(error, status == NSS_STATUS_TRYAGAIN ? ERANGE : 0);
                                assert_int_equal(buffer[offset + size], 77);
                                if (status == NSS_STATUS_SUCCESS)
                                        check_group(&group,
                                                    list == 0   ? nobody
                                                    : list == 2 ? three
                                                                : (const char *const[]){ "a", NULL });
                                free(buffer);
                        }
                        assert_int_equal(status, NSS_STATUS_SUCCESS);
                        assert_true(size < 100);
                }
        }
}

static void test_many_members(void **state) {
        const size_t n = ALLOWED_MEMBERS_MAX;
        _cleanup_free_ char *names = malloc(n * 8 + 1), *buffer = malloc(2 * 1024 * 1024), *text = NULL;
        struct group group;
        size_t size;
        int error;

        for (size_t i = 0; i < n; i++)
                (void) snprintf(names + i * 8, 9, "u%06zu\n", i);
        nss_fixture_write_members(names);
        assert_int_equal(_nss_cgmove_getgrnam_r("cgmove-allowed", &group, buffer, 1024, &error),
                         NSS_STATUS_TRYAGAIN);
        assert_int_equal(error, ERANGE);
        assert_int_equal(_nss_cgmove_getgrnam_r("cgmove-allowed", &group, buffer, 2 * 1024 * 1024, &error),
                         NSS_STATUS_SUCCESS);
        assert_string_equal(group.gr_mem[0], "u000000");
        assert_string_equal(group.gr_mem[n - 1], "u065535");
        assert_null(group.gr_mem[n]);
        /* and not one more */
        assert_int_equal(allowed_encode(NSS_FIXTURE_GID, "", 0, &text, &size), 0);
        names = realloc(names, n * 8 + 9);
        strcpy(names + n * 8, "v\n");
        assert_int_equal(allowed_encode(NSS_FIXTURE_GID, names, n * 8 + 2, &text, &size), -EINVAL);
}

/* --- the groups of a user ---------------------------------------- */

static void test_groups_of_members_only(void **state) {
        static const char *const others[] = { "", "root", "alic", "alice2", "alice\nbob", "end", "dave" };
        gid_t *groups = calloc(1, sizeof(gid_t));
        long n = 1, size = 1;
        int error;

        nss_fixture_write_members("alice\nbob\ncarol\n");
        groups[0] = 1000;
        for (size_t i = 0; i < ELEMENTSOF(others); i++) {
                assert_int_equal(nss_fixture_init_groups(others[i], 1000, &n, &size, &groups, 0, &error),
                                 NSS_STATUS_NOTFOUND);
                assert_int_equal(n, 1);
        }

        assert_int_equal(nss_fixture_init_groups("carol", 1000, &n, &size, &groups, 0, &error),
                         NSS_STATUS_SUCCESS);
        assert_int_equal(n, 2);
        assert_int_equal(groups[1], NSS_FIXTURE_GID);
        assert_true(size >= 2);
        /* once only, and not if it is the primary one, which libc has put there */
        assert_int_equal(nss_fixture_init_groups("carol", 1000, &n, &size, &groups, 0, &error),
                         NSS_STATUS_SUCCESS);
        assert_int_equal(n, 2);
        n = 1;
        assert_int_equal(nss_fixture_init_groups("carol", NSS_FIXTURE_GID, &n, &size, &groups, 0, &error),
                         NSS_STATUS_SUCCESS);
        assert_int_equal(n, 1);
        free(groups);
}

static void test_limit_of_groups(void **state) {
        gid_t *groups = calloc(2, sizeof(gid_t));
        long n = 2, size = 2;
        int error;

        nss_fixture_write_members("alice\n");
        assert_int_equal(nss_fixture_init_groups("alice", 1000, &n, &size, &groups, 2, &error),
                         NSS_STATUS_SUCCESS);
        assert_int_equal(n, 2);
        assert_int_equal(size, 2);
        assert_int_equal(nss_fixture_init_groups("alice", 1000, &n, &size, &groups, 3, &error),
                         NSS_STATUS_SUCCESS);
        assert_int_equal(n, 3);
        assert_int_equal(size, 3);
        free(groups);

        groups = NULL;
        n = size = 0;
        assert_int_equal(nss_fixture_init_groups("alice", 1000, &n, &size, &groups, -1, &error),
                         NSS_STATUS_SUCCESS);
        assert_int_equal(n, 1);
        free(groups);
}

/* --- in programs of all kinds ---------------------------------------- */

static void test_no_descriptors(void **state) {
        struct rlimit saved, none;
        struct group group;
        char buffer[256];
        int error;

        nss_fixture_write_members("alice\n");
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &saved), 0);
        none = (struct rlimit){ .rlim_cur = 0, .rlim_max = saved.rlim_max };
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
        assert_int_equal(_nss_cgmove_getgrnam_r("cgmove-allowed", &group, buffer, sizeof(buffer), &error),
                         NSS_STATUS_TRYAGAIN);
        assert_int_equal(error, EMFILE);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &saved), 0);
}

static void test_leaves_no_descriptor(void **state) {
        int before = open("/dev/null", O_RDONLY | O_CLOEXEC), after;

        (void) close(before);
        test_by_name_and_by_number(state);
        test_every_buffer_size(state);
        after = open("/dev/null", O_RDONLY | O_CLOEXEC);
        (void) close(after);
        assert_int_equal(after, before);
}

/* The file is replaced all the time: each answer is one of both as a whole. */
static void *look(void *userdata) {
        size_t *n_good = userdata;

        for (int i = 0; i < 500; i++) {
                struct group group;
                char buffer[256];
                int error;

                if (_nss_cgmove_getgrnam_r("cgmove-allowed", &group, buffer, sizeof(buffer), &error) !=
                    NSS_STATUS_SUCCESS)
                        continue;
                if (strcmp(group.gr_mem[0], "alice") == 0
                                    ? !group.gr_mem[1] && group.gr_gid == NSS_FIXTURE_GID
                                    : strcmp(group.gr_mem[1], "dora") == 0 && !group.gr_mem[2])
                        (*n_good)++;
        }
        return NULL;
}

static void replace(const char *names) {
        _cleanup_free_ char *text = NULL;
        char other[80];
        size_t size;
        int fd;

        assert_int_equal(allowed_encode(NSS_FIXTURE_GID, names, strlen(names), &text, &size), 0);
        (void) snprintf(other, sizeof(other), "%s.new", nss_fixture_snapshot);
        fd = open(other, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, size), (ssize_t) size);
        (void) close(fd);
        assert_int_equal(rename(other, nss_fixture_snapshot), 0);
}

static void test_threads(void **state) {
        size_t n_good[THREADS] = { 0 };
        pthread_t threads[THREADS];

        nss_fixture_write_members("alice\n");
        for (size_t i = 0; i < THREADS; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, look, &n_good[i]), 0);
        for (int i = 0; i < 200; i++)
                replace(i % 2 ? "alice\n" : "carol\ndora\n");
        for (size_t i = 0; i < THREADS; i++) {
                assert_int_equal(pthread_join(threads[i], NULL), 0);
                assert_int_equal(n_good[i], 500);
        }
}

/* A child of a process whose other threads are in the module all the time. */
static void test_fork_beside_threads(void **state) {
        size_t n_good[THREADS] = { 0 };
        pthread_t threads[THREADS];

        nss_fixture_write_members("alice\n");
        for (size_t i = 0; i < THREADS; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, look, &n_good[i]), 0);
        for (int i = 0; i < 20; i++) {
                int status;
                pid_t pid = fork();

                assert_true(pid >= 0);
                if (pid == 0) {
                        struct group group;
                        char buffer[256];
                        int error;

                        alarm(30);
                        (void) _nss_cgmove_setgrent(0);
                        _exit(_nss_cgmove_getgrent_r(&group, buffer, sizeof(buffer), &error) ==
                                                              NSS_STATUS_SUCCESS
                                              ? 0
                                              : 1);
                }
                assert_int_equal(waitpid(pid, &status, 0), pid);
                assert_int_equal(status, 0);
        }
        for (size_t i = 0; i < THREADS; i++)
                assert_int_equal(pthread_join(threads[i], NULL), 0);
}

/* --- the shared object ---------------------------------------- */

static void test_shared_object(void **state) {
        static const char *const entries[] = { "_nss_cgmove_getgrnam_r", "_nss_cgmove_getgrgid_r",
                                               "_nss_cgmove_setgrent",   "_nss_cgmove_endgrent",
                                               "_nss_cgmove_getgrent_r", "_nss_cgmove_initgroups_dyn" };
        static const char *const hidden[] = { "allowed_body_feed", "nss_file_open", "nss_place_path",
                                              "_nss_cgmove_getpwnam_r", "_nss_cgmove_getspnam_r" };
        void *module;

        module = dlopen("nss-pam/libnss_cgmove.so.2", RTLD_NOW | RTLD_LOCAL);
        if (!module)
                fail_msg("%s", dlerror());
        for (size_t i = 0; i < ELEMENTSOF(entries); i++)
                assert_non_null(dlsym(module, entries[i]));
        for (size_t i = 0; i < ELEMENTSOF(hidden); i++)
                assert_null(dlsym(module, hidden[i]));
        assert_int_equal(dlclose(module), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_by_name_and_by_number), cmocka_unit_test(test_no_other),
                cmocka_unit_test(test_enumeration),           cmocka_unit_test(test_every_buffer_size),
                cmocka_unit_test(test_many_members),          cmocka_unit_test(test_groups_of_members_only),
                cmocka_unit_test(test_limit_of_groups),       cmocka_unit_test(test_no_descriptors),
                cmocka_unit_test(test_leaves_no_descriptor),  cmocka_unit_test(test_threads),
                cmocka_unit_test(test_fork_beside_threads),   cmocka_unit_test(test_shared_object),
        };

        return cmocka_run_group_tests(tests, nss_fixture_set_up, nss_fixture_tear_down);
}
