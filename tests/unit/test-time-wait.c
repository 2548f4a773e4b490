/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/cleanup.h"
#include "tools/net/socket-diag.h"
#include "tools/net/time-wait.h"

/* A listener on a port of the kernel's choice; false where the protocol is not there. */
static bool listen_on_loopback(int family, bool reuse, int *ret_fd, struct sockaddr_storage *address, socklen_t *size) {
        int value = reuse;

        *address = (struct sockaddr_storage) { .ss_family = (sa_family_t) family };
        if (family == AF_INET6) {
                ((struct sockaddr_in6 *) address)->sin6_addr = in6addr_loopback;
                *size = sizeof(struct sockaddr_in6);
        } else {
                ((struct sockaddr_in *) address)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
                *size = sizeof(struct sockaddr_in);
        }
        *ret_fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (*ret_fd < 0 || bind(*ret_fd, (struct sockaddr *) address, *size) < 0)
                return false;
        /* only now: the kernel's choice shall be a port that nothing else is on */
        assert_int_equal(setsockopt(*ret_fd, SOL_SOCKET, SO_REUSEADDR, &value, sizeof(value)), 0);
        assert_int_equal(listen(*ret_fd, 1), 0);
        assert_int_equal(getsockname(*ret_fd, (struct sockaddr *) address, size), 0);
        return true;
}

/* A connection that its server has closed first: what is left of it is the server's. */
static bool leave_time_wait(int family, bool reuse, TcpSocket *ret) {
        _cleanup_close_ int listener = -1, client = -1, server = -1;
        TcpSocketList list = { .n = 0 };
        struct sockaddr_storage address;
        socklen_t size;
        char byte;

        if (!listen_on_loopback(family, reuse, &listener, &address, &size))
                return false;
        client = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(client, (struct sockaddr *) &address, size) < 0) {
                assert_int_equal(errno, ENETUNREACH); /* a namespace with nothing up */
                return false;
        }
        server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        assert_true(server >= 0);
        assert_int_equal(close(server), 0);
        assert_int_equal(read(client, &byte, 1), 0);
        assert_int_equal(close(client), 0);
        assert_int_equal(close(listener), 0);
        listener = client = server = -1;

        if (socket_diag_get(TCP_STATE(TCP_TIME_WAIT), ntohs(((struct sockaddr_in *) &address)->sin_port), &list) < 0)
                return false; /* no diagnosis here */
        assert_int_equal(list.n, 1);
        *ret = list.items[0];
        tcp_socket_list_done(&list);
        return true;
}

static void check(int family, bool reuse) {
        TcpSocket socket;

        if (!leave_time_wait(family, reuse, &socket))
                skip();
        assert_int_equal(time_wait_blocks(&socket), !reuse);
}

static void test_without_reuse_it_blocks(void **state) {
        (void) state;
        check(AF_INET, false);
}

static void test_with_reuse_it_does_not(void **state) {
        (void) state;
        check(AF_INET, true);
}

static void test_ipv6_without_reuse_it_blocks(void **state) {
        (void) state;
        check(AF_INET6, false);
}

static void test_ipv6_with_reuse_it_does_not(void **state) {
        (void) state;
        check(AF_INET6, true);
}

/* What cannot be tried counts as in the way. */
static void test_what_cannot_be_tried(void **state) {
        TcpSocket socket = { .family = -1, .state = TCP_TIME_WAIT, .port = 1 };

        (void) state;
        assert_true(time_wait_blocks(&socket));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_without_reuse_it_blocks),      cmocka_unit_test(test_with_reuse_it_does_not),
                cmocka_unit_test(test_ipv6_without_reuse_it_blocks), cmocka_unit_test(test_ipv6_with_reuse_it_does_not),
                cmocka_unit_test(test_what_cannot_be_tried),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
