/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/allowed-file.h"
#include "lib/allowed-snapshot.h"
#include "lib/cleanup.h"

static char folder[] = "/tmp/test-allowed-XXXXXX";
static char path[64];

static int set_up(void **state) {
        if (!mkdtemp(folder))
                return -1;
        (void) snprintf(path, sizeof(path), "%s/allowed", folder);
        return 0;
}

static int tear_down(void **state) {
        (void) unlink(path);
        return rmdir(folder); /* nothing else was left in it */
}

static void check_text(const char *expected) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        char text[256];
        struct stat st;
        ssize_t n;

        assert_true(fd >= 0);
        n = read(fd, text, sizeof(text));
        assert_int_equal(n, (ssize_t) strlen(expected));
        assert_memory_equal(text, expected, (size_t) n);
        assert_int_equal(fstat(fd, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0644);
}

static void test_replaced_as_a_whole(void **state) {
        _cleanup_close_ int old = -1;
        mode_t mask = umask(0077);
        char text[64];

        assert_int_equal(allowed_file_write(folder, 77000, "alice\nbob\n", 10), 0);
        check_text("cgmove-allowed 1 77000 2 10\nalice\nbob\nend\n");
        old = open(path, O_RDONLY | O_CLOEXEC);
        assert_int_equal(allowed_file_write(folder, 77001, "", 0), 0);
        check_text("cgmove-allowed 1 77001 0 0\nend\n");
        /* whoever has the old one open reads on in that */
        assert_int_equal(read(old, text, sizeof(text)), 42);
        umask(mask);
}

static void test_one_that_was_left(void **state) {
        char left[80];
        int fd;

        (void) snprintf(left, sizeof(left), "%s/.allowed.new", folder);
        fd = open(left, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        (void) close(fd);
        assert_int_equal(allowed_file_write(folder, 77000, "alice\n", 6), 0);
        check_text("cgmove-allowed 1 77000 1 6\nalice\nend\n");
        assert_int_equal(access(left, F_OK), -1);
}

/* An older one does not outlive what should have replaced it. */
static void test_failure_leaves_none(void **state) {
        static const char *const bad[] = { "bob\nalice\n", "alice\nalice\n", "alice", "al:ice\n", "\n" };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                assert_int_equal(allowed_file_write(folder, 77000, "alice\n", 6), 0);
                assert_int_equal(allowed_file_write(folder, 77000, bad[i], strlen(bad[i])), -EINVAL);
                assert_int_equal(access(path, F_OK), -1);
        }
        assert_int_equal(allowed_file_write(folder, 0, "alice\n", 6), -EINVAL);
        assert_int_equal(allowed_file_write(folder, 77000, "alice\n", 6), 0);
        assert_int_equal(allowed_file_write(folder, 77000, NULL, 0), 0);
        assert_int_equal(access(path, F_OK), -1);
        assert_int_equal(allowed_file_write(folder, 77000, NULL, 0), 0);
        assert_int_equal(allowed_file_write("/nowhere/at/all", 77000, "", 0), -ENOENT);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_replaced_as_a_whole),
                cmocka_unit_test(test_one_that_was_left),
                cmocka_unit_test(test_failure_leaves_none),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
