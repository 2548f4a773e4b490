/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "tools/net/socket-diag.h"

/* An IPv6 socket can be bound to an IPv4 address, too. */
static bool is_v4(const TcpSocket *socket) {
        return socket->family == AF_INET || IN6_IS_ADDR_V4MAPPED(&socket->address);
}

static bool is_any(const TcpSocket *socket) {
        static const struct in6_addr any_v4 = { .s6_addr = { [10] = 0xff, [11] = 0xff } };

        return IN6_IS_ADDR_UNSPECIFIED(&socket->address) ||
               memcmp(&socket->address, &any_v4, sizeof(any_v4)) == 0;
}

bool tcp_socket_overlaps(const TcpSocket *a, const TcpSocket *b) {
        const TcpSocket *v6 = is_v4(a) ? b : a;

        if (is_v4(a) != is_v4(b)) /* only one that listens on all addresses takes those of IPv4 as well */
                return is_any(v6) && !v6->v6only;
        return is_any(a) || is_any(b) || memcmp(&a->address, &b->address, sizeof(a->address)) == 0;
}
