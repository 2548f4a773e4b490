/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/net/diag-message.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"

#define ERRNO_MAX 4095 /* MAX_ERRNO of the kernel */

typedef struct Walk {
        DiagDump *dump;
        int error; /* of a callback */
        bool done;
} Walk;

static int walk_fail(Walk *walk, int error) {
        walk->error = error;
        return MNL_CB_ERROR;
}

static int list_add(TcpSocketList *list, const TcpSocket *socket) {
        TcpSocket *items;

        if ((list->n & (list->n - 1)) == 0) { /* full at each power of two, and at 0 */
                items = reallocarray(list->items, list->n > 0 ? list->n * 2 : 1, sizeof(*items));
                if (!items)
                        return -ENOMEM;
                list->items = items;
        }

        list->items[list->n++] = *socket;
        return 0;
}

static int read_attribute(const struct nlattr *attribute, TcpSocket *socket) {
        switch (mnl_attr_get_type(attribute)) {
        case INET_DIAG_CGROUP_ID:
                if (mnl_attr_validate(attribute, MNL_TYPE_U64) < 0)
                        return -EBADMSG;
                socket->cgroup = mnl_attr_get_u64(attribute);
                break;
        case INET_DIAG_SKV6ONLY:
                if (mnl_attr_validate(attribute, MNL_TYPE_U8) < 0)
                        return -EBADMSG;
                socket->v6only = mnl_attr_get_u8(attribute) != 0;
                break;
        }
        return 0;
}

/* The attributes must fill the message to its last byte. */
static int read_attributes(const char *payload, size_t size, TcpSocket *socket) {
        const struct nlattr *attribute = (const struct nlattr *) payload;
        const char *end = payload + size;

        for (; mnl_attr_ok(attribute, (int) (end - (const char *) attribute));
             attribute = mnl_attr_next(attribute)) {
                int r;

                r = read_attribute(attribute, socket);
                if (r < 0)
                        return r;
        }
        return (const char *) attribute >= end ? 0 : -EBADMSG;
}

static void read_address(const struct inet_diag_msg *message, struct in6_addr *ret) {
        if (message->idiag_family == AF_INET6)
                memcpy(ret, message->id.idiag_src, sizeof(*ret));
        else {
                *ret = (struct in6_addr){ .s6_addr[10] = 0xff, .s6_addr[11] = 0xff };
                memcpy(&ret->s6_addr[12], message->id.idiag_src, 4);
        }
}

static int on_socket(const struct nlmsghdr *header, void *userdata) {
        const struct inet_diag_msg *message = mnl_nlmsg_get_payload(header);
        Walk *walk = userdata;
        DiagDump *dump = walk->dump;
        size_t size = mnl_nlmsg_get_payload_len(header);
        TcpSocket socket;
        int r;

        if (header->nlmsg_type != SOCK_DIAG_BY_FAMILY || size < sizeof(*message))
                return walk_fail(walk, -EBADMSG);

        socket = (TcpSocket){
                .family = message->idiag_family,
                .state = message->idiag_state,
                .port = ntohs(message->id.idiag_sport),
                .peer_port = ntohs(message->id.idiag_dport),
                .uid = message->idiag_uid,
                .inode = message->idiag_inode,
        };
        if (socket.family != dump->family)
                return walk_fail(walk, -EBADMSG);

        read_address(message, &socket.address);
        r = read_attributes((const char *) (message + 1), size - sizeof(*message), &socket);
        if (r < 0)
                return walk_fail(walk, r);

        if ((dump->port != 0 && socket.port != dump->port) ||
            (dump->filter && !dump->filter(&socket, dump->userdata)))
                return MNL_CB_OK;
        if (dump->list->n >= dump->max)
                return walk_fail(walk, -E2BIG);
        r = list_add(dump->list, &socket);
        return r < 0 ? walk_fail(walk, r) : MNL_CB_OK;
}

/* The kernel's own number, or -EBADMSG for what is none. */
static int error_from_kernel(const struct nlmsghdr *header) {
        int32_t error;

        if (mnl_nlmsg_get_payload_len(header) < sizeof(error))
                return -EBADMSG;
        memcpy(&error, mnl_nlmsg_get_payload(header), sizeof(error));
        return error < 0 && error >= -ERRNO_MAX ? error : -EBADMSG;
}

static int on_error(const struct nlmsghdr *header, void *userdata) {
        return walk_fail(userdata, error_from_kernel(header));
}

/* A dump that failed half-way ends with this, too. */
static int on_done(const struct nlmsghdr *header, void *userdata) {
        Walk *walk = userdata;
        int32_t error = 0;

        if (mnl_nlmsg_get_payload_len(header) >= sizeof(error))
                memcpy(&error, mnl_nlmsg_get_payload(header), sizeof(error));
        if (error < 0)
                return walk_fail(walk, error_from_kernel(header));
        walk->done = true;
        return MNL_CB_STOP;
}

static int on_overrun(const struct nlmsghdr *header, void *userdata) {
        return walk_fail(userdata, -EINTR);
}

/* libmnl stops without a word at a message that is cut, takes lengths from 2^31 for negative, and a sequence
 * number or port id of 0 for anybody's. */
static bool messages_are_answers(const char *buffer, size_t size, uint32_t seq, uint32_t portid) {
        size_t at = 0;

        while (at < size) {
                const struct nlmsghdr *header = (const struct nlmsghdr *) (buffer + at);

                if (size - at < sizeof(*header) || header->nlmsg_len < sizeof(*header) ||
                    header->nlmsg_len > size - at || header->nlmsg_seq != seq || header->nlmsg_pid != portid)
                        return false;
                at += MNL_ALIGN((size_t) header->nlmsg_len);
        }
        return size > 0;
}

int diag_message_parse(const void *buffer, size_t size, uint32_t seq, uint32_t portid, DiagDump *dump) {
        static mnl_cb_t control[NLMSG_MIN_TYPE] = {
                [NLMSG_ERROR] = on_error,
                [NLMSG_DONE] = on_done,
                [NLMSG_OVERRUN] = on_overrun,
        };
        Walk walk = { .dump = dump };
        int r;

        if (size > INT32_MAX || !messages_are_answers(buffer, size, seq, portid))
                return -EBADMSG;

        r = mnl_cb_run2(buffer, size, seq, portid, on_socket, &walk, control, ELEMENTSOF(control));
        if (walk.error != 0)
                return walk.error;
        if (r < 0) /* what libmnl itself refuses */
                return errno == EINTR ? -EINTR : -EBADMSG;
        return walk.done ? 0 : 1;
}
