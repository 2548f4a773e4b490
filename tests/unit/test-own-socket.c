/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/own-socket.h"
#include "lib/cleanup.h"

static char parent[] = "/tmp/test-own-socket-XXXXXX";
static char folder[64], path[80];

static int set_up(void **state) {
        if (!mkdtemp(parent))
                return -1;
        (void) snprintf(folder, sizeof(folder), "%s/run", parent);
        (void) snprintf(path, sizeof(path), "%s/private", folder);
        return 0;
}

static int tear_down(void **state) {
        (void) unlink(path);
        return rmdir(folder) < 0 || rmdir(parent) < 0 ? -1 : 0; /* nothing else was left in it */
}

static mode_t mode_of(const char *of) {
        struct stat st;

        assert_int_equal(stat(of, &st), 0);
        return st.st_mode & 07777;
}

static int connect_to(void) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        return connect(fd, (const struct sockaddr *) &address, sizeof(address)) < 0 ? -errno : 0;
}

/* The modes are those of cgmoved.socket, whatever the umask. */
static void test_made(void **state) {
        _cleanup_close_ int fd = -1;
        mode_t mask = umask(0077);

        assert_int_equal(own_socket_open(folder, "private", &fd), 0);
        assert_int_equal(umask(mask), 0077);
        assert_int_equal(mode_of(folder), 0755);
        assert_int_equal(mode_of(path), 0666);
        assert_int_equal(connect_to(), 0);
}

static void test_one_that_was_left(void **state) {
        _cleanup_close_ int fd = -1;

        assert_int_equal(connect_to(), -ECONNREFUSED);
        assert_int_equal(own_socket_open(folder, "private", &fd), 0);
        assert_int_equal(connect_to(), 0);
}

static void test_one_that_is_served(void **state) {
        _cleanup_close_ int first = -1;
        int second = -1;

        assert_int_equal(own_socket_open(folder, "private", &first), 0);
        assert_int_equal(own_socket_open(folder, "private", &second), -EADDRINUSE);
        assert_int_equal(second, -1);
        assert_int_equal(connect_to(), 0);
}

static void test_too_long(void **state) {
        char name[120];
        int fd = -1;

        memset(name, 'x', sizeof(name) - 1);
        name[sizeof(name) - 1] = '\0';
        assert_int_equal(own_socket_open(folder, name, &fd), -ENAMETOOLONG);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_made),
                cmocka_unit_test(test_one_that_was_left),
                cmocka_unit_test(test_one_that_is_served),
                cmocka_unit_test(test_too_long),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
