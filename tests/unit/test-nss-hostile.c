/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Snapshots that the module does not believe. */

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

/* --- what it does not believe ---------------------------------------- */

static void check_refused(const char *what) {
        gid_t *groups = calloc(1, sizeof(gid_t));
        enum nss_status status[4];
        long n = 0, size = 1;
        struct group group;
        char buffer[256];
        int error = 0;

        status[0] = _nss_cgmove_getgrnam_r("cgmove-allowed", &group, buffer, sizeof(buffer), &error);
        assert_int_equal(error, ENOENT);
        status[1] = _nss_cgmove_getgrgid_r(NSS_FIXTURE_GID, &group, buffer, sizeof(buffer), &error);
        assert_int_equal(error, ENOENT);
        (void) _nss_cgmove_setgrent(0);
        status[2] = _nss_cgmove_getgrent_r(&group, buffer, sizeof(buffer), &error);
        status[3] = nss_fixture_init_groups("alice", 1000, &n, &size, &groups, 0, &error);
        for (size_t i = 0; i < ELEMENTSOF(status); i++)
                if (status[i] != NSS_STATUS_UNAVAIL && status[i] != NSS_STATUS_NOTFOUND)
                        fail_msg("%s: %zu answers %d", what, i, (int) status[i]);
        assert_int_equal(n, 0);
        free(groups);
}

static void test_no_snapshot(void **state) {
        struct group group;
        char buffer[256];
        int error;

        (void) unlink(nss_fixture_snapshot);
        check_refused("none");
        assert_int_equal(_nss_cgmove_getgrnam_r("cgmove-allowed", &group, buffer, sizeof(buffer), &error),
                         NSS_STATUS_NOTFOUND);
}

static void test_files_that_are_none(void **state) {
        nss_fixture_write_members("alice\n");
        nss_fixture_owner = geteuid() + 1;
        check_refused("another owner");
        nss_fixture_owner = geteuid();
        assert_int_equal(chmod(nss_fixture_snapshot, 0664), 0);
        check_refused("writable by a group");
        assert_int_equal(chmod(nss_fixture_snapshot, 0646), 0);
        check_refused("writable by others");
        (void) unlink(nss_fixture_snapshot);

        assert_int_equal(mkdir(nss_fixture_snapshot, 0755), 0);
        check_refused("a directory");
        assert_int_equal(rmdir(nss_fixture_snapshot), 0);
        assert_int_equal(mkfifo(nss_fixture_snapshot, 0644), 0);
        check_refused("a FIFO");
        assert_int_equal(unlink(nss_fixture_snapshot), 0);
        assert_int_equal(symlink("/etc/passwd", nss_fixture_snapshot), 0);
        check_refused("a link");
        assert_int_equal(unlink(nss_fixture_snapshot), 0);
        assert_int_equal(symlink("allowed", nss_fixture_snapshot), 0);
        check_refused("a link to itself");
        assert_int_equal(unlink(nss_fixture_snapshot), 0);

        nss_fixture_write_members("alice\n");
        assert_int_equal(truncate(nss_fixture_snapshot, ALLOWED_SIZE_MAX + 1), 0);
        check_refused("a large one");
        assert_int_equal(truncate(nss_fixture_snapshot, (off_t) 1 << 40), 0);
        check_refused("a huge one");
}

static void test_cut_at_every_byte(void **state) {
        _cleanup_free_ char *text = NULL;
        const char *names = "alice\nbob\ncarol\n";
        size_t size;

        assert_int_equal(allowed_encode(NSS_FIXTURE_GID, names, strlen(names), &text, &size), 0);
        for (size_t n = 0; n < size; n++) {
                nss_fixture_write(text, n);
                check_refused("cut");
        }
        for (size_t n = 0; n < size; n++) {
                nss_fixture_write(text + n + 1, size - n - 1);
                check_refused("beginning later");
        }
        nss_fixture_write(text, size);
        assert_int_equal(chmod(nss_fixture_snapshot, 0644), 0);
}

/* Whatever one byte is changed to: refused, or good and consistent. */
static void test_every_byte_changed(void **state) {
        _cleanup_free_ char *text = NULL;
        const char *names = "alice\nbob\n";
        size_t size, n_good = 0;

        assert_int_equal(allowed_encode(NSS_FIXTURE_GID, names, strlen(names), &text, &size), 0);
        for (size_t i = 0; i < size; i++) {
                char was = text[i];

                for (int c = 0; c < 256; c++) {
                        struct group group;
                        char buffer[256];
                        int error;

                        text[i] = (char) c;
                        nss_fixture_write(text, size);
                        if (_nss_cgmove_getgrnam_r("cgmove-allowed", &group, buffer, sizeof(buffer),
                                                   &error) != NSS_STATUS_SUCCESS)
                                continue;
                        n_good++;
                        assert_true(allowed_gid_is_valid(group.gr_gid));
                        assert_int_equal(strlen(group.gr_mem[0]), 5);
                        assert_int_equal(strlen(group.gr_mem[1]), 3);
                        assert_null(group.gr_mem[2]);
                        assert_true(strcmp(group.gr_mem[0], group.gr_mem[1]) < 0);
                        for (size_t m = 0; m < 2; m++)
                                assert_null(strpbrk(group.gr_mem[m], ":,/\n\t\x1b"));
                }
                text[i] = was;
        }
        assert_true(n_good > size); /* each byte's own value, and other letters */
}

static void test_texts_that_are_none(void **state) {
        static const char *const texts[] = {
                "",
                "\n",
                "cgmove-allowed 2 77000 1 6\nalice\nend\n",
                "cgmove-allowed 1 077000 1 6\nalice\nend\n",
                "cgmove-allowed 1 77000 01 6\nalice\nend\n",
                "cgmove-allowed 1 77000 1 6 \nalice\nend\n",
                "cgmove-allowed 1  77000 1 6\nalice\nend\n",
                "cgmove-allowed 1 -77000 1 6\nalice\nend\n",
                "cgmove-allowed 1 77000 1 7\nalice\nend\n",
                "cgmove-allowed 1 77000 2 6\nalice\nend\n",
                "cgmove-allowed 1 77000 0 6\nalice\nend\n",
                "cgmove-allowed 1 77000 1 6\nalice\nend\nend\n",
                "cgmove-allowed 1 77000 1 6\nalice\nend",
                "cgmove-allowed 1 77000 1 6\nalice\nEND\n",
                "cgmove-allowed 1 0 1 6\nalice\nend\n",
                "cgmove-allowed 1 27 1 6\nalice\nend\n",
                "cgmove-allowed 1 65534 1 6\nalice\nend\n",
                "cgmove-allowed 1 4294967295 1 6\nalice\nend\n",
                "cgmove-allowed 1 4294967296 1 6\nalice\nend\n",
                "cgmove-allowed 1 18446744073709628616 1 6\nalice\nend\n",
                "cgmove-allowed 1 77000 4294967295 4294967295\nalice\nend\n",
                "cgmove-allowed 1 77000 2 10\nbob\nalice\nend\n",
                "cgmove-allowed 1 77000 2 12\nalice\nalice\nend\n",
                "cgmove-allowed 1 77000 2 6\n\nfour\nend\n",
                "cgmove-allowed 1 77000 1 6\nal:ce\nend\n",
                "cgmove-allowed 1 77000 1 6\nal,ce\nend\n",
                "cgmove-allowed 1 77000 1 6\n-lice\nend\n",
                "cgmove-allowed 1 77000 1 6\n lice\nend\n",
        };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                nss_fixture_write(texts[i], strlen(texts[i]));
                check_refused(texts[i]);
        }
        nss_fixture_write("cgmove-allowed 1 77000 1 6\nal\0ce\nend\n", 37);
        check_refused("an end mark in a name");
}

static void test_leaves_no_descriptor(void **state) {
        int before = open("/dev/null", O_RDONLY | O_CLOEXEC), after;

        (void) close(before);
        test_texts_that_are_none(state);
        after = open("/dev/null", O_RDONLY | O_CLOEXEC);
        (void) close(after);
        assert_int_equal(after, before);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_no_snapshot),         cmocka_unit_test(test_files_that_are_none),
                cmocka_unit_test(test_cut_at_every_byte),   cmocka_unit_test(test_every_byte_changed),
                cmocka_unit_test(test_texts_that_are_none), cmocka_unit_test(test_leaves_no_descriptor),
        };

        return cmocka_run_group_tests(tests, nss_fixture_set_up, nss_fixture_tear_down);
}
