/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <arpa/inet.h>
#include <string.h>

#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>

#include "tests/unit/diag-fixture.h"

struct nlmsghdr *diag_add_header(DiagDatagram *datagram, uint16_t type, uint16_t flags) {
        struct nlmsghdr *header = mnl_nlmsg_put_header(datagram->bytes + datagram->size);

        header->nlmsg_type = type;
        header->nlmsg_flags = flags | NLM_F_MULTI;
        header->nlmsg_seq = DIAG_SEQ;
        header->nlmsg_pid = DIAG_PORTID;
        return header;
}

void diag_finish(DiagDatagram *datagram, const struct nlmsghdr *header) {
        datagram->size += MNL_ALIGN(header->nlmsg_len);
}

struct nlmsghdr *diag_add_socket(DiagDatagram *datagram, uint8_t family, uint8_t state, uint16_t port) {
        struct nlmsghdr *header = diag_add_header(datagram, SOCK_DIAG_BY_FAMILY, 0);
        struct inet_diag_msg *message = mnl_nlmsg_put_extra_header(header, sizeof(*message));

        message->idiag_family = family;
        message->idiag_state = state;
        message->id.idiag_sport = htons(port);
        message->id.idiag_src[0] = htonl(0x7f000001);
        message->idiag_uid = 1000;
        message->idiag_inode = 99;
        return header;
}

void diag_add_done(DiagDatagram *datagram, int32_t error) {
        struct nlmsghdr *header = diag_add_header(datagram, NLMSG_DONE, 0);

        memcpy(mnl_nlmsg_put_extra_header(header, sizeof(error)), &error, sizeof(error));
        diag_finish(datagram, header);
}

void diag_add_error(DiagDatagram *datagram, int32_t error) {
        struct nlmsghdr *header = diag_add_header(datagram, NLMSG_ERROR, 0);
        struct nlmsgerr *payload = mnl_nlmsg_put_extra_header(header, sizeof(*payload));

        payload->error = error;
        diag_finish(datagram, header);
}
