/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/net/time-wait.h"

#include <string.h>
#include <sys/socket.h>

#include "lib/cleanup.h"

static socklen_t fill_address(const TcpSocket *socket, struct sockaddr_storage *ret) {
        struct sockaddr_in *v4 = (struct sockaddr_in *) ret;
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *) ret;

        *ret = (struct sockaddr_storage){ .ss_family = (sa_family_t) socket->family };
        if (socket->family == AF_INET6) {
                v6->sin6_port = htons(socket->port);
                v6->sin6_addr = socket->address;
                return sizeof(*v6);
        }
        v4->sin_port = htons(socket->port);
        memcpy(&v4->sin_addr, socket->address.s6_addr + 12, sizeof(v4->sin_addr));
        return sizeof(*v4);
}

bool time_wait_blocks(const TcpSocket *s) {
        struct sockaddr_storage address;
        socklen_t size = fill_address(s, &address);
        _cleanup_close_ int fd = -1;
        const int one = 1;

        fd = socket(s->family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0)
                return true;
        return bind(fd, (const struct sockaddr *) &address, size) < 0;
}
