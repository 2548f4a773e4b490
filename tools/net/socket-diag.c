/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/net/socket-diag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/cleanup.h"
#include "tools/net/diag-message.h"

#define DIAG_BUFFER_SIZE 32768 /* the kernel makes no larger datagrams for a dump */
#define DIAG_ATTEMPTS 16

void tcp_socket_list_done(TcpSocketList *list) {
        free(list->items);
        *list = (TcpSocketList){ .items = NULL };
}

static void socket_closep(struct mnl_socket **nl) {
        if (*nl)
                (void) mnl_socket_close(*nl);
}

/* Has the kernel send nothing but sockets on PORT: "at least PORT, and at most PORT", each with the number
 * in the operation after it; a "no" leads beyond the end, which means no. (The port in the request itself
 * would do, if the kernel looked at it for sockets that are just bound.) */
static void put_port_filter(struct nlmsghdr *header, uint16_t port) {
        const struct inet_diag_bc_op code[] = {
                { .code = INET_DIAG_BC_S_GE, .yes = 2 * sizeof(code[0]), .no = 5 * sizeof(code[0]) },
                { .no = port },
                { .code = INET_DIAG_BC_S_LE, .yes = 2 * sizeof(code[0]), .no = 3 * sizeof(code[0]) },
                { .no = port },
        };

        mnl_attr_put(header, INET_DIAG_REQ_BYTECODE, sizeof(code), code);
}

static int send_request(struct mnl_socket *nl, uint32_t states, uint32_t seq, const DiagDump *dump) {
        _Alignas(struct nlmsghdr) char buffer[256] = "";
        struct inet_diag_req_v2 *request;
        struct nlmsghdr *header;

        header = mnl_nlmsg_put_header(buffer);
        header->nlmsg_type = SOCK_DIAG_BY_FAMILY;
        header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
        header->nlmsg_seq = seq;
        request = mnl_nlmsg_put_extra_header(header, sizeof(*request));
        request->sdiag_family = (uint8_t) dump->family;
        request->sdiag_protocol = IPPROTO_TCP;
        request->idiag_states = states;
        if (dump->port != 0)
                put_port_filter(header, dump->port);

        return mnl_socket_sendto(nl, header, header->nlmsg_len) < 0 ? -errno : 0;
}

/* One datagram of the kernel; anyone else's are dropped. Returns its length, or a negative errno. */
static ssize_t receive(struct mnl_socket *nl, char *buffer, size_t size) {
        for (;;) {
                struct sockaddr_nl sender = { .nl_family = AF_UNSPEC };
                struct iovec iov = { .iov_base = buffer, .iov_len = size };
                struct msghdr message = {
                        .msg_name = &sender,
                        .msg_namelen = sizeof(sender),
                        .msg_iov = &iov,
                        .msg_iovlen = 1,
                };
                ssize_t n;

                n = recvmsg(mnl_socket_get_fd(nl), &message, MSG_CMSG_CLOEXEC);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return errno == ENOBUFS ? -EINTR : -errno; /* something was lost */
                if (message.msg_namelen != sizeof(sender) || sender.nl_family != AF_NETLINK ||
                    sender.nl_pid != 0)
                        continue;
                return message.msg_flags & MSG_TRUNC ? -EBADMSG : n;
        }
}

static int dump_family(struct mnl_socket *nl, uint32_t states, uint32_t seq, char *buffer, DiagDump *dump) {
        int r;

        r = send_request(nl, states, seq, dump);
        if (r < 0)
                return r;
        do {
                ssize_t n = receive(nl, buffer, DIAG_BUFFER_SIZE);

                if (n < 0)
                        return (int) n;
                r = diag_message_parse(buffer, (size_t) n, seq, mnl_socket_get_portid(nl), dump);
        } while (r > 0);
        return r;
}

/* A new socket for each attempt: what is left of an interrupted dump goes with the old one. */
static int dump_once(uint32_t states, char *buffer, DiagDump *dump) {
        static const int families[] = { AF_INET, AF_INET6 };
        _cleanup_(socket_closep) struct mnl_socket *nl = NULL;

        nl = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
        if (!nl || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0)
                return -errno;

        for (size_t i = 0; i < ELEMENTSOF(families); i++) {
                int r;

                dump->family = families[i];
                r = dump_family(nl, states, (uint32_t) i + 1, buffer, dump);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int dump_all(uint32_t states, DiagDump *dump) {
        _cleanup_free_ char *buffer = NULL;
        int r = -EINTR;

        buffer = malloc(DIAG_BUFFER_SIZE);
        if (!buffer)
                return -ENOMEM;
        for (unsigned i = 0; r == -EINTR && i < DIAG_ATTEMPTS; i++) {
                tcp_socket_list_done(dump->list);
                r = dump_once(states, buffer, dump);
        }
        return r == -EINTR ? -EAGAIN : r;
}

int socket_diag_get_if(uint32_t states, uint16_t port, tcp_socket_filter_t filter, const void *userdata,
                       TcpSocketList *ret) {
        _cleanup_(tcp_socket_list_done) TcpSocketList list = { .items = NULL };
        DiagDump dump = {
                .port = port,
                .max = TCP_SOCKETS_MAX,
                .filter = filter,
                .userdata = userdata,
                .list = &list,
        };
        int r;

        r = dump_all(states, &dump);
        if (r < 0)
                return r;
        *ret = list;
        list = (TcpSocketList){ .items = NULL };
        return 0;
}

int socket_diag_get(uint32_t states, uint16_t port, TcpSocketList *ret) {
        return socket_diag_get_if(states, port, NULL, NULL, ret);
}

int socket_diag_find_if(uint32_t states, uint16_t port, tcp_socket_filter_t filter, const void *userdata,
                        TcpSocket *ret) {
        _cleanup_(tcp_socket_list_done) TcpSocketList list = { .items = NULL };
        DiagDump dump = { .port = port, .max = 1, .filter = filter, .userdata = userdata, .list = &list };
        int r;

        r = dump_all(states, &dump);
        if (r < 0 && r != -E2BIG) /* more than one is as good */
                return r;
        if (list.n == 0)
                return 0;
        *ret = list.items[0];
        return 1;
}

int socket_diag_find(uint32_t states, uint16_t port, TcpSocket *ret) {
        return socket_diag_find_if(states, port, NULL, NULL, ret);
}
