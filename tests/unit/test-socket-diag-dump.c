/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Dumps as socket_diag_get() makes them, with an answerer in the kernel's place: recvmsg(2) and the sending of a request are the test's
 * own (the linker's --wrap), the sockets are real. Who may send to a netlink socket is the kernel's business, so that this is the one way
 * to have forged senders and lost messages at hand. What is in a datagram is the matter of test-socket-diag.c. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <netinet/tcp.h>

#include "lib/cleanup.h"
#include "tests/unit/diag-fixture.h"
#include "tools/net/socket-diag.h"

#define HONEST_PORT 80
#define FORGED_PORT 666
#define FOREVER 10000000

/* One return of recvmsg(2). */
typedef enum StepKind {
        STEP_FAIL,    /* with .error */
        STEP_SOCKETS, /* one, or .n, but no end of the dump */
        STEP_DONE,
        STEP_ERROR, /* NLMSG_ERROR with .error */
        STEP_EMPTY, /* a datagram of no bytes */
} StepKind;

typedef struct Step {
        StepKind kind;
        int error;
        unsigned n;
        uint16_t port;      /* 0: HONEST_PORT */
        uint32_t sender;    /* port id: 0, the kernel */
        sa_family_t family; /* of the sender's address, 0: AF_NETLINK */
        socklen_t size;     /* of it, 0: that of such an address */
        int flags;          /* of the message as received */
        int32_t seq_off;    /* from what was asked */
        int32_t portid_off;
        unsigned repeat; /* so often more */
} Step;

/* What the answerer does: STEPS once, then a socket and the end for each question. */
static struct {
        const Step *steps;
        size_t n_steps, at;
        unsigned n_repeated;
        bool socket_told; /* of the question asked last */

        uint32_t seq, portid;
        uint8_t asked_family;
        unsigned n_asked;   /* questions */
        unsigned n_dumps;   /* that began anew */
        unsigned n_receive; /* calls of recvmsg(2) */
} kernel;

ssize_t __wrap_mnl_socket_sendto(const struct mnl_socket *nl, const void *request, size_t size);
ssize_t __wrap_recvmsg(int fd, struct msghdr *message, int flags);

ssize_t __wrap_mnl_socket_sendto(const struct mnl_socket *nl, const void *request, size_t size) {
        const struct nlmsghdr *header = request;
        const struct inet_diag_req_v2 *question = mnl_nlmsg_get_payload(header);

        kernel.seq = header->nlmsg_seq;
        kernel.portid = mnl_socket_get_portid(nl);
        kernel.asked_family = question->sdiag_family;
        kernel.n_asked++;
        kernel.n_dumps += kernel.asked_family == AF_INET;
        kernel.socket_told = false;
        return (ssize_t) size;
}

static Step next_step(void) {
        Step step;

        if (kernel.at == kernel.n_steps) {
                step.kind = kernel.socket_told ? STEP_DONE : STEP_SOCKETS;
                kernel.socket_told = true;
                return (Step){ .kind = step.kind };
        }
        step = kernel.steps[kernel.at];
        if (kernel.n_repeated++ == step.repeat) {
                kernel.at++;
                kernel.n_repeated = 0;
        }
        return step;
}

static void make_datagram(const Step *step, DiagDatagram *ret) {
        unsigned n = step->n > 0 ? step->n : 1;
        struct nlmsghdr *header;

        if (step->kind == STEP_SOCKETS)
                for (unsigned i = 0; i < n; i++)
                        diag_finish(ret, diag_add_socket(ret, kernel.asked_family, TCP_LISTEN,
                                                         step->port > 0 ? step->port : HONEST_PORT));
        if (step->kind == STEP_DONE)
                diag_add_done(ret, 0);
        if (step->kind == STEP_ERROR)
                diag_add_error(ret, step->error);

        for (size_t at = 0; at < ret->size; at += MNL_ALIGN(header->nlmsg_len)) {
                header = (struct nlmsghdr *) (ret->bytes + at);
                header->nlmsg_seq = kernel.seq + (uint32_t) step->seq_off;
                header->nlmsg_pid = kernel.portid + (uint32_t) step->portid_off;
        }
}

ssize_t __wrap_recvmsg(int fd, struct msghdr *message, int flags) {
        Step step = next_step();
        DiagDatagram datagram = { .size = 0 };
        struct sockaddr_nl *sender = message->msg_name;

        kernel.n_receive++;
        if (step.kind == STEP_FAIL) {
                errno = step.error;
                return -1;
        }
        make_datagram(&step, &datagram);
        assert_true(datagram.size <= message->msg_iov[0].iov_len);
        assert_true(message->msg_namelen >= sizeof(*sender));
        memcpy(message->msg_iov[0].iov_base, datagram.bytes, datagram.size);
        *sender = (struct sockaddr_nl){
                .nl_family = step.family > 0 ? step.family : AF_NETLINK,
                .nl_pid = step.sender,
        };
        message->msg_namelen = step.size > 0 ? step.size : sizeof(*sender);
        message->msg_flags = step.flags;
        return (ssize_t) datagram.size;
}

static int dump(const Step *steps, size_t n_steps, TcpSocketList *ret) {
        memset(&kernel, 0, sizeof(kernel));
        kernel.steps = steps;
        kernel.n_steps = n_steps;
        return socket_diag_get(TCP_STATE(TCP_LISTEN), 0, ret);
}

/* An honest dump is one socket of each family. */
static void assert_honest(const TcpSocketList *list) {
        assert_int_equal(list->n, 2);
        assert_int_equal(list->items[0].family, AF_INET);
        assert_int_equal(list->items[1].family, AF_INET6);
        for (size_t i = 0; i < list->n; i++)
                assert_int_equal(list->items[i].port, HONEST_PORT);
}

/* After STEPS the dump is what it would be without them, begun N_DUMPS times. */
static void assert_survives(const Step *steps, size_t n_steps, unsigned n_dumps) {
        TcpSocketList list = { .items = NULL };

        assert_int_equal(dump(steps, n_steps, &list), 0);
        assert_int_equal(kernel.at, n_steps);
        assert_int_equal(kernel.n_dumps, n_dumps);
        assert_honest(&list);
        tcp_socket_list_done(&list);
}

/* STEPS end it with ERROR, and nothing is handed out. */
static void assert_fails(const Step *steps, size_t n_steps, int error) {
        TcpSocketList list = { .items = NULL };

        assert_int_equal(dump(steps, n_steps, &list), error);
        assert_null(list.items);
        assert_int_equal(list.n, 0);
}

static void test_honest(void **state) {
        assert_survives(NULL, 0, 1);
        assert_int_equal(kernel.n_asked, 2);
}

/* With all that can be guessed right: sequence number and port id. */
static void test_forged_sender(void **state) {
        static const Step sockets[] = {
                { .kind = STEP_SOCKETS, .port = FORGED_PORT, .sender = 4321, .n = 3, .repeat = 9 }
        };
        static const Step end[] = { { .kind = STEP_DONE, .sender = 1 } };
        static const Step error[] = { { .kind = STEP_ERROR, .error = -EPERM, .sender = UINT32_MAX } };
        static const Step garbage[] = { { .kind = STEP_EMPTY, .sender = 4321 } };
        static const Step cut[] = { { .kind = STEP_SOCKETS, .sender = 4321, .flags = MSG_TRUNC } };

        assert_survives(sockets, ELEMENTSOF(sockets), 1);
        assert_survives(end, ELEMENTSOF(end), 1);
        assert_survives(error, ELEMENTSOF(error), 1);
        assert_survives(garbage, ELEMENTSOF(garbage), 1);
        assert_survives(cut, ELEMENTSOF(cut), 1);
}

static void test_sender_without_address(void **state) {
        static const Step none[] = { { .kind = STEP_SOCKETS, .port = FORGED_PORT, .size = 2 } };
        static const Step large[] = {
                { .kind = STEP_SOCKETS, .port = FORGED_PORT, .size = sizeof(struct sockaddr_nl) + 1 }
        };
        static const Step other[] = { { .kind = STEP_SOCKETS, .port = FORGED_PORT, .family = AF_UNIX } };

        assert_survives(none, ELEMENTSOF(none), 1);
        assert_survives(large, ELEMENTSOF(large), 1);
        assert_survives(other, ELEMENTSOF(other), 1);
}

static void test_wrong_sequence(void **state) {
        static const int32_t offsets[] = { -1 /* none at all, to the first question */, 1, 1000, INT32_MIN };

        for (size_t i = 0; i < ELEMENTSOF(offsets); i++) {
                const Step sockets[] = {
                        { .kind = STEP_SOCKETS, .port = FORGED_PORT, .seq_off = offsets[i] }
                };
                const Step end[] = { { .kind = STEP_DONE, .seq_off = offsets[i] } };
                const Step error[] = { { .kind = STEP_ERROR, .error = -EPERM, .seq_off = offsets[i] } };

                assert_fails(sockets, ELEMENTSOF(sockets), -EBADMSG);
                assert_fails(end, ELEMENTSOF(end), -EBADMSG);
                assert_fails(error, ELEMENTSOF(error), -EBADMSG);
        }
}

static void test_wrong_port_id(void **state) {
        static const Step sockets[] = { { .kind = STEP_SOCKETS, .port = FORGED_PORT, .portid_off = 1 } };
        static const Step end[] = { { .kind = STEP_DONE, .portid_off = -1 } };

        assert_fails(sockets, ELEMENTSOF(sockets), -EBADMSG);
        assert_fails(end, ELEMENTSOF(end), -EBADMSG);
}

/* Something was lost, nobody knows what: all is thrown away, and asked again on another socket. */
static void test_overrun(void **state) {
        static const Step steps[] = {
                { .kind = STEP_SOCKETS, .port = FORGED_PORT }, { .kind = STEP_FAIL, .error = ENOBUFS },
                { .kind = STEP_SOCKETS, .port = FORGED_PORT }, { .kind = STEP_DONE },
                { .kind = STEP_FAIL, .error = ENOBUFS },
        };

        assert_survives(steps, ELEMENTSOF(steps), 3);
}

static void test_overruns_without_end(void **state) {
        static const Step steps[] = { { .kind = STEP_FAIL, .error = ENOBUFS, .repeat = FOREVER } };

        assert_fails(steps, ELEMENTSOF(steps), -EAGAIN);
        assert_int_equal(kernel.n_dumps, 16);
}

static void test_signal(void **state) {
        static const Step steps[] = { { .kind = STEP_FAIL, .error = EINTR, .repeat = 99 } };

        assert_survives(steps, ELEMENTSOF(steps), 1);
}

/* What there is looks whole: only the kernel's mark tells that there was more. */
static void test_truncated(void **state) {
        static const Step first[] = { { .kind = STEP_SOCKETS, .flags = MSG_TRUNC } };
        static const Step end[] = { { .kind = STEP_SOCKETS }, { .kind = STEP_DONE, .flags = MSG_TRUNC } };

        assert_fails(first, ELEMENTSOF(first), -EBADMSG);
        assert_fails(end, ELEMENTSOF(end), -EBADMSG);
}

static void test_error(void **state) {
        static const Step at_once[] = { { .kind = STEP_ERROR, .error = -EPERM } };
        static const Step half_way[] = { { .kind = STEP_SOCKETS, .n = 5 },
                                         { .kind = STEP_ERROR, .error = -ENOENT } };
        static const Step acknowledged[] = { { .kind = STEP_ERROR,
                                               .error = 0 } }; /* nobody asked for that */

        assert_fails(at_once, ELEMENTSOF(at_once), -EPERM);
        assert_fails(half_way, ELEMENTSOF(half_way), -ENOENT);
        assert_fails(acknowledged, ELEMENTSOF(acknowledged), -EBADMSG);
}

/* The reader goes on until the end is told, and what breaks off is no answer. */
static void test_without_end(void **state) {
        static const Step later[] = { { .kind = STEP_SOCKETS, .repeat = 99 }, { .kind = STEP_DONE } };
        static const Step broken[] = { { .kind = STEP_SOCKETS, .n = 9 },
                                       { .kind = STEP_FAIL, .error = ENOTCONN } };
        static const Step silent[] = { { .kind = STEP_SOCKETS, .n = 9 }, { .kind = STEP_EMPTY } };
        TcpSocketList list = { .items = NULL };

        assert_int_equal(dump(later, ELEMENTSOF(later), &list), 0);
        assert_int_equal(list.n, 101);
        tcp_socket_list_done(&list);
        assert_fails(broken, ELEMENTSOF(broken), -ENOTCONN);
        assert_fails(silent, ELEMENTSOF(silent), -EBADMSG);
}

/* More and more sockets, and no end of them: there is a limit. */
static void test_endless(void **state) {
        static const Step steps[] = { { .kind = STEP_SOCKETS, .n = 40, .repeat = FOREVER } };
        TcpSocket found;

        assert_fails(steps, ELEMENTSOF(steps), -E2BIG);
        assert_true(kernel.n_receive <= TCP_SOCKETS_MAX / 40 + 1);

        memset(&kernel, 0, sizeof(kernel));
        kernel.steps = steps;
        kernel.n_steps = ELEMENTSOF(steps);
        assert_int_equal(socket_diag_find(TCP_STATE(TCP_LISTEN), 0, &found), 1);
        assert_int_equal(kernel.n_receive, 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_honest),
                cmocka_unit_test(test_forged_sender),
                cmocka_unit_test(test_sender_without_address),
                cmocka_unit_test(test_wrong_sequence),
                cmocka_unit_test(test_wrong_port_id),
                cmocka_unit_test(test_overrun),
                cmocka_unit_test(test_overruns_without_end),
                cmocka_unit_test(test_signal),
                cmocka_unit_test(test_truncated),
                cmocka_unit_test(test_error),
                cmocka_unit_test(test_without_end),
                cmocka_unit_test(test_endless),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
