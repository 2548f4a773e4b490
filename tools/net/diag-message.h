/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The kernel's answer to a dump request of socket diagnosis, as bytes: sock_diag(7), linux/inet_diag.h. */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "tools/net/socket-diag.h"

/* What was asked, and what has come in so far. */
typedef struct DiagDump {
        int family;                 /* AF_INET or AF_INET6 */
        uint16_t port;              /* 0: any */
        size_t max;                 /* sockets in LIST at most */
        tcp_socket_filter_t filter; /* NULL: all are wanted */
        const void *userdata;
        TcpSocketList *list;
} DiagDump;

/* Adds the sockets of one datagram to dump->list. BUFFER is aligned as struct nlmsghdr is; SEQ and PORTID
 * are those of the request. Returns 1 if there is more to come, 0 at the end of the dump; -EINTR if the
 * kernel says that the dump was interrupted; -EBADMSG for what is no answer to that request; -E2BIG for more
 * sockets than dump->max; -ENOMEM; the error the kernel answered with. The list keeps what it has in all
 * cases. Pure. */
int diag_message_parse(const void *buffer, size_t size, uint32_t seq, uint32_t portid, DiagDump *dump);
