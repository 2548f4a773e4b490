/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/nudge.h"

#define LINGER 60 /* seconds for which each socket has whoever closes it wait */
#define N_SOCKETS 8

/* A connected pair; OURS is full and lingers, THEIRS reads nothing. */
static void open_lingering(int *ret_ours, int *ret_theirs) {
        const struct linger linger = { .l_onoff = 1, .l_linger = LINGER };
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t size = sizeof(address);
        static const char bytes[65536];
        int server, ours;

        server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_return_code(bind(server, (struct sockaddr *) &address, size), errno);
        assert_return_code(listen(server, 1), errno);
        assert_return_code(getsockname(server, (struct sockaddr *) &address, &size), errno);
        ours = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(ours, (struct sockaddr *) &address, size) < 0) {
                assert_int_equal(errno, ENETUNREACH); /* a namespace with nothing up */
                (void) close(ours);
                (void) close(server);
                skip();
        }
        *ret_theirs = accept4(server, NULL, NULL, SOCK_CLOEXEC);
        assert_return_code(*ret_theirs, errno);
        (void) close(server);
        assert_return_code(setsockopt(ours, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), errno);
        while (send(ours, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
                ;
        *ret_ours = ours;
}

static void send_fds(int fd, const int *fds, size_t n) {
        _Alignas(struct cmsghdr) char control[CMSG_SPACE(N_SOCKETS * sizeof(int))] = { 0 };
        struct iovec iov = { .iov_base = (char[]){ 'x' }, .iov_len = 1 };
        struct msghdr message = { .msg_iov = &iov,
                                  .msg_iovlen = 1,
                                  .msg_control = control,
                                  .msg_controllen = CMSG_SPACE(n * sizeof(int)) };
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);

        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(n * sizeof(int));
        memcpy(CMSG_DATA(header), fds, n * sizeof(int));
        assert_int_equal(sendmsg(fd, &message, 0), 1);
}

/* A socket in whose queue such sockets wait, which nobody else has. */
static int open_queue(int *ret_theirs) {
        int pair[2], ours[N_SOCKETS];

        assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), errno);
        for (size_t i = 0; i < N_SOCKETS; i++)
                open_lingering(&ours[i], &ret_theirs[i]);
        send_fds(pair[1], ours, N_SOCKETS);
        for (size_t i = 0; i < N_SOCKETS; i++)
                (void) close(ours[i]);
        (void) close(pair[1]);
        return pair[0];
}

static time_t seconds(void) {
        struct timespec now;

        (void) clock_gettime(CLOCK_MONOTONIC, &now);
        return now.tv_sec;
}

static void test_close(void **state) {
        int theirs[N_SOCKETS], fd = open_queue(theirs);
        time_t begun = seconds();

        nudged_close(fd);
        assert_true(seconds() - begun < LINGER); /* of the N_SOCKETS times that */
        assert_int_equal(fcntl(fd, F_GETFD), -1);
        for (size_t i = 0; i < N_SOCKETS; i++)
                (void) close(theirs[i]);
}

/* There is no room for them in what receives. */
static void test_receive(void **state) {
        int theirs[N_SOCKETS], fd = open_queue(theirs);
        char byte;
        struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
        struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
        time_t begun = seconds();

        nudge_begin();
        assert_int_equal(recvmsg(fd, &message, 0), 1);
        nudge_end();
        assert_true(seconds() - begun < LINGER);
        assert_int_equal(message.msg_flags & MSG_CTRUNC, MSG_CTRUNC);
        (void) close(fd);
        for (size_t i = 0; i < N_SOCKETS; i++)
                (void) close(theirs[i]);
}

/* No signal comes any more. */
static void test_end(void **state) {
        struct timespec time = { .tv_sec = LINGER }; /* a shorter sleep can be over when we come to see the signal */

        errno = EBADMSG;
        nudge_begin();
        assert_int_equal(errno, EBADMSG);
        assert_int_equal(nanosleep(&time, NULL), -1);
        assert_int_equal(errno, EINTR);
        nudge_end();
        time = (struct timespec){ .tv_nsec = 20000000 };
        assert_int_equal(nanosleep(&time, NULL), 0);
        nudged_close(-1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_close),
                cmocka_unit_test(test_receive),
                cmocka_unit_test(test_end),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
