/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>

#include "lib/cleanup.h"
#include "tests/unit/diag-fixture.h"
#include "tools/net/diag-message.h"

typedef struct Answer {
        TcpSocketList list;
        DiagDump dump;
} Answer;

static int parse(const DiagDatagram *datagram, size_t size, Answer *ret) {
        *ret = (Answer){ .dump = { .family = AF_INET, .port = 80, .max = 4 } };
        ret->dump.list = &ret->list;
        return diag_message_parse(datagram->bytes, size, DIAG_SEQ, DIAG_PORTID, &ret->dump);
}

static void assert_parse(const DiagDatagram *datagram, int r, size_t n) {
        Answer answer;

        assert_int_equal(parse(datagram, datagram->size, &answer), r);
        assert_int_equal(answer.list.n, n);
        tcp_socket_list_done(&answer.list);
}

static void test_socket(void **state) {
        DiagDatagram datagram = { .size = 0 };
        struct nlmsghdr *header = diag_add_socket(&datagram, AF_INET, TCP_LISTEN, 80);
        Answer answer;

        mnl_attr_put_u8(header, INET_DIAG_SKV6ONLY, 1);
        mnl_attr_put_u64(header, INET_DIAG_CGROUP_ID, UINT64_C(0x100000007));
        mnl_attr_put_u32(header, 4000, 5); /* of a later kernel */
        diag_finish(&datagram, header);

        assert_int_equal(parse(&datagram, datagram.size, &answer), 1);
        assert_int_equal(answer.list.n, 1);
        assert_int_equal(answer.list.items[0].family, AF_INET);
        assert_int_equal(answer.list.items[0].state, TCP_LISTEN);
        assert_int_equal(answer.list.items[0].port, 80);
        assert_int_equal(answer.list.items[0].uid, 1000);
        assert_int_equal(answer.list.items[0].inode, 99);
        assert_true(answer.list.items[0].v6only);
        assert_true(answer.list.items[0].cgroup == UINT64_C(0x100000007));
        assert_true(IN6_IS_ADDR_V4MAPPED(&answer.list.items[0].address));
        assert_int_equal(answer.list.items[0].address.s6_addr[12], 127);
        tcp_socket_list_done(&answer.list);
}

static void test_without_attributes(void **state) {
        DiagDatagram datagram = { .size = 0 };
        Answer answer;

        diag_finish(&datagram, diag_add_socket(&datagram, AF_INET, TCP_TIME_WAIT, 80));
        diag_add_done(&datagram, 0);
        assert_int_equal(parse(&datagram, datagram.size, &answer), 0);
        assert_int_equal(answer.list.n, 1);
        assert_true(answer.list.items[0].cgroup == 0 && !answer.list.items[0].v6only);
        tcp_socket_list_done(&answer.list);
}

static void test_several_and_the_end(void **state) {
        DiagDatagram datagram = { .size = 0 };

        for (int i = 0; i < 3; i++)
                diag_finish(&datagram, diag_add_socket(&datagram, AF_INET, TCP_LISTEN, 80));
        assert_parse(&datagram, 1, 3);
        diag_add_done(&datagram, 0);
        diag_finish(&datagram,
                    diag_add_socket(&datagram, AF_INET, TCP_LISTEN, 80)); /* after the end: not read */
        assert_parse(&datagram, 0, 3);
}

static void test_end_alone(void **state) {
        DiagDatagram datagram = { .size = 0 };

        diag_finish(&datagram,
                    diag_add_header(&datagram, NLMSG_DONE, 0)); /* without the number, as old kernels do */
        assert_parse(&datagram, 0, 0);
}

static void test_too_many(void **state) {
        DiagDatagram datagram = { .size = 0 };

        for (int i = 0; i < 5; i++)
                diag_finish(&datagram, diag_add_socket(&datagram, AF_INET, TCP_LISTEN, 80));
        assert_parse(&datagram, -E2BIG, 4);
}

static bool is_of(const TcpSocket *socket, const void *userdata) {
        return socket->uid == *(const uid_t *) userdata;
}

static void test_filter(void **state) {
        uid_t uid = 1001;
        DiagDatagram datagram = { .size = 0 };
        Answer answer = { .dump = { .family = AF_INET, .port = 80, .filter = is_of, .userdata = &uid } };

        diag_finish(&datagram, diag_add_socket(&datagram, AF_INET, TCP_LISTEN, 80));
        answer.dump.list = &answer.list;
        assert_int_equal(diag_message_parse(datagram.bytes, datagram.size, DIAG_SEQ, DIAG_PORTID,
                                            &answer.dump),
                         1);
        uid = 1000; /* one more than dump.max now */
        assert_int_equal(diag_message_parse(datagram.bytes, datagram.size, DIAG_SEQ, DIAG_PORTID,
                                            &answer.dump),
                         -E2BIG);
}

/* Cut at every byte: nothing but the whole, and what ends between two messages, is taken. */
static void test_truncated(void **state) {
        DiagDatagram datagram = { .size = 0 };
        struct nlmsghdr *header = diag_add_socket(&datagram, AF_INET, TCP_LISTEN, 80);
        size_t first;

        mnl_attr_put_u64(header, INET_DIAG_CGROUP_ID, 1);
        diag_finish(&datagram, header);
        first = datagram.size;
        diag_add_done(&datagram, 0);

        for (size_t size = 0; size <= datagram.size; size++) {
                Answer answer;
                int r = parse(&datagram, size, &answer);

                if (r != (size == first ? 1 : size == datagram.size ? 0 : -EBADMSG))
                        fail_msg("%zu bytes of %zu: %d", size, datagram.size, r);
                tcp_socket_list_done(&answer.list);
        }
}

static void test_wrong_length(void **state) {
        static const uint32_t lengths[] = {
                0, 15, 16, 80, 87, 89, 4097, INT32_MAX, UINT32_C(0x80000010), UINT32_MAX
        };

        for (size_t i = 0; i < ELEMENTSOF(lengths); i++) {
                DiagDatagram datagram = { .size = 0 };
                struct nlmsghdr *header = diag_add_socket(&datagram, AF_INET, TCP_LISTEN, 80);

                diag_finish(&datagram, header);
                assert_int_equal(header->nlmsg_len, 88);
                header->nlmsg_len = lengths[i];
                assert_parse(&datagram, -EBADMSG, 0);
        }
}

static void test_wrong_attribute(void **state) {
        static const struct {
                uint16_t type, length; /* 12: the true one of a 64 bit number */
                int r;
        } cases[] = {
                { INET_DIAG_CGROUP_ID, 12, 1 },        { INET_DIAG_CGROUP_ID, 8, -EBADMSG },
                { INET_DIAG_CGROUP_ID, 13, -EBADMSG }, { INET_DIAG_CGROUP_ID, 3, -EBADMSG },
                { INET_DIAG_CGROUP_ID, 0, -EBADMSG },  { INET_DIAG_CGROUP_ID, 65535, -EBADMSG },
                { INET_DIAG_SKV6ONLY, 12, -EBADMSG },  { INET_DIAG_SKV6ONLY, 4, -EBADMSG },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                DiagDatagram datagram = { .size = 0 };
                struct nlmsghdr *header = diag_add_socket(&datagram, AF_INET, TCP_LISTEN, 80);
                struct nlattr *attribute = mnl_nlmsg_get_payload_tail(header);

                mnl_attr_put_u64(header, cases[i].type, 1);
                attribute->nla_len = cases[i].length;
                diag_finish(&datagram, header);
                assert_parse(&datagram, cases[i].r, cases[i].r > 0);
        }
}

static void test_another_answer(void **state) {
        DiagDatagram datagram = { .size = 0 };
        struct nlmsghdr *header = diag_add_socket(&datagram, AF_INET, TCP_LISTEN, 80);
        struct inet_diag_msg *message = mnl_nlmsg_get_payload(header);

        diag_finish(&datagram, header);
        assert_parse(&datagram, 1, 1);

        message->id.idiag_sport = htons(81); /* what the kernel did not filter */
        assert_parse(&datagram, 1, 0);
        message->id.idiag_sport = htons(80);

        message->idiag_family = AF_INET6;
        assert_parse(&datagram, -EBADMSG, 0);
        message->idiag_family = AF_INET;

        header->nlmsg_type = SOCK_DIAG_BY_FAMILY + 1;
        assert_parse(&datagram, -EBADMSG, 0);
        header->nlmsg_type = SOCK_DIAG_BY_FAMILY;

        header->nlmsg_seq = DIAG_SEQ + 1;
        assert_parse(&datagram, -EBADMSG, 0);
        header->nlmsg_seq = DIAG_SEQ;

        header->nlmsg_pid = DIAG_PORTID + 1;
        assert_parse(&datagram, -EBADMSG, 0);
}

static void test_interrupted(void **state) {
        DiagDatagram datagram = { .size = 0 };
        struct nlmsghdr *header = diag_add_socket(&datagram, AF_INET, TCP_LISTEN, 80);

        diag_finish(&datagram, header);
        header->nlmsg_flags |= NLM_F_DUMP_INTR;
        assert_parse(&datagram, -EINTR, 0);

        datagram = (DiagDatagram){ .size = 0 };
        diag_finish(&datagram, diag_add_header(&datagram, NLMSG_DONE, NLM_F_DUMP_INTR));
        assert_parse(&datagram, -EINTR, 0);

        datagram = (DiagDatagram){ .size = 0 };
        diag_finish(&datagram, diag_add_header(&datagram, NLMSG_OVERRUN, 0));
        assert_parse(&datagram, -EINTR, 0);
}

static void test_error(void **state) {
        static const struct {
                int32_t error;
                int r;
        } cases[] = {
                { -ENOENT, -ENOENT }, { -EPERM, -EPERM },      { 0, -EBADMSG },
                { ENOENT, -EBADMSG }, { INT32_MIN, -EBADMSG }, { -4096, -EBADMSG },
        };
        DiagDatagram datagram = { .size = 0 };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                datagram.size = 0;
                diag_add_error(&datagram, cases[i].error);
                assert_parse(&datagram, cases[i].r, 0);
        }

        datagram.size = 0;
        diag_finish(&datagram, diag_add_header(&datagram, NLMSG_ERROR, 0));
        assert_parse(&datagram, -EBADMSG, 0);

        datagram.size = 0;
        diag_add_done(&datagram, -ENOMEM); /* a dump that failed half-way */
        assert_parse(&datagram, -ENOMEM, 0);
}

/* --- the kernel's own ----------------------------------------------------------------------------- */

static uint16_t make_listener(int family, int *ret) {
        struct sockaddr_storage address = { .ss_family = (sa_family_t) family };
        socklen_t size = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
        int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

        if (fd < 0)
                skip();
        if (family == AF_INET6)
                assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)), 0);
        if (bind(fd, (struct sockaddr *) &address, size) < 0) /* a host without IPv6 */
                skip();
        assert_int_equal(listen(fd, 1), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *) &address, &size), 0);
        *ret = fd;
        return ntohs(((struct sockaddr_in *) &address)->sin_port); /* at the same place in both */
}

static void check_real(int family) {
        TcpSocketList list = { .items = NULL };
        _cleanup_close_ int fd = -1;
        uint16_t port = make_listener(family, &fd);
        uid_t other = getuid() + 1;
        TcpSocket found;

        if (socket_diag_get(TCP_STATE(TCP_LISTEN), port, &list) < 0)
                skip(); /* a kernel without socket diagnosis */
        assert_int_equal(list.n, 1);
        assert_int_equal(list.items[0].family, family);
        assert_int_equal(list.items[0].state, TCP_LISTEN);
        assert_int_equal(list.items[0].port, port);
        assert_int_equal(list.items[0].uid, getuid());
        assert_true(list.items[0].inode > 0);
        assert_true(list.items[0].v6only == (family == AF_INET6));
        tcp_socket_list_done(&list);

        assert_int_equal(socket_diag_get_if(TCP_STATE(TCP_LISTEN), port, is_of, &other, &list), 0);
        assert_int_equal(list.n, 0);
        tcp_socket_list_done(&list);

        assert_int_equal(socket_diag_find(TCP_STATE(TCP_LISTEN), port, &found), 1);
        assert_int_equal(found.port, port);
        assert_int_equal(socket_diag_find(TCP_STATE(TCP_ESTABLISHED), port, &found), 0);
        (void) close(TAKE_FD(fd));
        assert_int_equal(socket_diag_find(TCP_STATE(TCP_LISTEN), port, &found), 0);
}

static void test_real_v4(void **state) {
        check_real(AF_INET);
}

static void test_real_v6(void **state) {
        check_real(AF_INET6);
}

static void test_real_many(void **state) {
        TcpSocketList list = { .items = NULL };
        uint16_t ports[400]; /* more than one datagram's worth */
        size_t n_found = 0;
        TcpSocket found;
        int fds[400];

        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                ports[i] = make_listener(AF_INET, &fds[i]);
        if (socket_diag_get(TCP_STATE(TCP_LISTEN), 0, &list) < 0)
                skip();
        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                for (size_t j = 0; j < list.n; j++)
                        n_found += list.items[j].port == ports[i] && list.items[j].family == AF_INET;
        assert_int_equal(n_found, ELEMENTSOF(fds));
        assert_int_equal(socket_diag_find(TCP_STATE(TCP_LISTEN), 0, &found), 1);
        tcp_socket_list_done(&list);
        for (size_t i = 0; i < ELEMENTSOF(fds); i++) { /* and no other than that port's */
                assert_int_equal(socket_diag_get(TCP_STATE(TCP_LISTEN), ports[i], &list), 0);
                assert_int_equal(list.n, 1);
                assert_int_equal(list.items[0].port, ports[i]);
                tcp_socket_list_done(&list);
        }
        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                (void) close(fds[i]);
}

/* Bound and no more, beside others in the same state; kernels before 6.8 do not tell of it. */
static void test_real_bound(void **state) {
        struct sockaddr_in address = { .sin_family = AF_INET };
        TcpSocketList list = { .items = NULL };
        socklen_t size = sizeof(address);
        uint16_t port = 0;
        int fds[4];

        for (size_t i = 0; i < ELEMENTSOF(fds); i++) {
                fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
                address.sin_port = 0;
                assert_int_equal(bind(fds[i], (struct sockaddr *) &address, size), 0);
                assert_int_equal(getsockname(fds[i], (struct sockaddr *) &address, &size), 0);
                port = ntohs(address.sin_port);
        }
        if (socket_diag_get(TCP_STATE_BOUND, port, &list) < 0)
                skip();
        if (list.n > 0) {
                assert_int_equal(list.n, 1);
                assert_int_equal(list.items[0].port, port);
                assert_int_equal(list.items[0].state, TCP_CLOSE);
        }
        tcp_socket_list_done(&list);
        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                (void) close(fds[i]);
}

/* --- conflicts ------------------------------------------------------------------------------------ */

static TcpSocket bound_to(const char *address, bool v6only) {
        TcpSocket socket = { .family = strchr(address, ':') ? AF_INET6 : AF_INET, .v6only = v6only };
        struct in_addr v4;

        if (socket.family == AF_INET6) {
                assert_int_equal(inet_pton(AF_INET6, address, &socket.address), 1);
                return socket;
        }
        assert_int_equal(inet_pton(AF_INET, address, &v4), 1);
        socket.address.s6_addr[10] = socket.address.s6_addr[11] = 0xff;
        memcpy(socket.address.s6_addr + 12, &v4, sizeof(v4));
        return socket;
}

static void test_overlaps(void **state) {
        static const struct {
                const char *a, *b;
                bool a_v6only, b_v6only, expected;
        } cases[] = {
                { "127.0.0.1", "127.0.0.1", false, false, true },
                { "127.0.0.1", "127.0.0.2", false, false, false },
                { "127.0.0.1", "0.0.0.0", false, false, true },
                { "0.0.0.0", "0.0.0.0", false, false, true },
                { "::1", "::1", true, true, true },
                { "::1", "::2", true, true, false },
                { "::1", "::", false, true, true },
                { "::", "127.0.0.1", false, false, true },
                { "::", "127.0.0.1", true, false, false },
                { "::", "0.0.0.0", false, false, true },
                { "::", "0.0.0.0", true, false, false },
                { "::1", "127.0.0.1", false, false, false },
                { "::1", "0.0.0.0", false, false, false },
                { "::ffff:127.0.0.1", "127.0.0.1", false, false, true },
                { "::ffff:127.0.0.1", "127.0.0.2", false, false, false },
                { "::ffff:0.0.0.0", "127.0.0.2", false, false, true },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                TcpSocket a = bound_to(cases[i].a, cases[i].a_v6only),
                          b = bound_to(cases[i].b, cases[i].b_v6only);

                if (tcp_socket_overlaps(&a, &b) != cases[i].expected ||
                    tcp_socket_overlaps(&b, &a) != cases[i].expected)
                        fail_msg("%s, %s", cases[i].a, cases[i].b);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_socket),
                cmocka_unit_test(test_without_attributes),
                cmocka_unit_test(test_several_and_the_end),
                cmocka_unit_test(test_end_alone),
                cmocka_unit_test(test_too_many),
                cmocka_unit_test(test_filter),
                cmocka_unit_test(test_truncated),
                cmocka_unit_test(test_wrong_length),
                cmocka_unit_test(test_wrong_attribute),
                cmocka_unit_test(test_another_answer),
                cmocka_unit_test(test_interrupted),
                cmocka_unit_test(test_overlaps),
                cmocka_unit_test(test_error),
                cmocka_unit_test(test_real_v4),
                cmocka_unit_test(test_real_v6),
                cmocka_unit_test(test_real_many),
                cmocka_unit_test(test_real_bound),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
