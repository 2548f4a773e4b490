/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The ports of a unit, here of this process; and a descriptor that is never let go. */

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/cleanup.h"
#include "lib/proc.h"
#include "tools/adopt/ports.h"

static bool hangs;

int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *size);
int __real_getsockopt(int fd, int level, int name, void *value, socklen_t *size);

/* In the place of close(2) of a file whose file system does not answer. */
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *size) {
        while (hangs && level == SOL_SOCKET && name == SO_REUSEADDR)
                (void) pause();
        return __real_getsockopt(fd, level, name, value, size);
}

static int listen_somewhere(bool reuse) {
        const struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), value = reuse;

        assert_true(fd >= 0);
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, sizeof(value)), 0);
        assert_int_equal(bind(fd, (const struct sockaddr *) &address, sizeof(address)), 0);
        assert_int_equal(listen(fd, 1), 0);
        return fd;
}

/* Where sockets cannot be listed, there is nothing to be tried. */
static void find(DropIn *ret) {
        _cleanup_free_ char *group = NULL;
        _cleanup_close_ int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
        bool deleted;

        assert_int_equal(proc_get_cgroup(proc, getpid(), &group, &deleted), 0);
        *ret = (DropIn){ .n_ports = 7 };
        if (unit_ports_find(strcmp(group, "/") == 0 ? "" : group, getpid(), ret) < 0)
                skip();
}

static void test_found(void **state) {
        _cleanup_close_ int fd = listen_somewhere(true);
        DropIn found;

        assert_true(fd >= 0);
        find(&found);
        assert_true(found.n_ports > 0);
}

static void test_reuse(void **state) {
        _cleanup_close_ int fd = listen_somewhere(false);
        DropIn found;

        assert_true(fd >= 0);
        find(&found);
        assert_false(found.reuse);
}

static void test_hangs(void **state) {
        _cleanup_close_ int fd = listen_somewhere(false);
        DropIn found;

        assert_true(fd >= 0);
        if (geteuid() != 0)
                skip(); /* his own descriptors */
        hangs = true;
        find(&found);
        hangs = false;
        assert_true(found.n_ports > 0);
        assert_true(found.reuse); /* it cannot be told */
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_found),
                cmocka_unit_test(test_reuse),
                cmocka_unit_test(test_hangs),
        };

        (void) alarm(120);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
