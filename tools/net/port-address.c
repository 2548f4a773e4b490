/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/net/port-address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tools/arguments.h"

/* The N characters at TEXT, with brackets around IPv6. */
static int parse_address(const char *text, size_t n, struct in6_addr *ret) {
        char copy[sizeof("::ffff:") + INET6_ADDRSTRLEN];
        bool v6 = n >= 2 && text[0] == '[' && text[n - 1] == ']';

        if (v6) {
                text++;
                n -= 2;
        }
        if (n >= INET6_ADDRSTRLEN)
                return -EINVAL;
        (void) snprintf(copy, sizeof(copy), "%s%.*s", v6 ? "" : "::ffff:", (int) n, text);
        if (!v6 && memchr(text, ':', n))
                return -EINVAL;
        return inet_pton(AF_INET6, copy, ret) == 1 && (v6 || memchr(text, '.', n)) ? 0 : -EINVAL;
}

int port_address_parse(const char *text, PortAddress *ret) {
        const char *colon = strrchr(text, ':');
        PortAddress address = { .any = !colon };

        if (argument_port(colon ? colon + 1 : text, &address.port) < 0)
                return -EINVAL;
        if (colon && parse_address(text, (size_t) (colon - text), &address.address) < 0)
                return -EINVAL;

        *ret = address;
        return 0;
}

PortAddress port_address_of(const TcpSocket *socket) {
        if (IN6_IS_ADDR_LINKLOCAL(&socket->address))
                return (PortAddress){ .port = socket->port, .any = true };

        return (PortAddress){ .port = socket->port, .address = socket->address };
}

bool port_address_tells(const TcpSocket *socket) {
        return !socket->v6only || !IN6_IS_ADDR_UNSPECIFIED(&socket->address);
}

bool port_address_overlaps(const PortAddress *address, const TcpSocket *socket) {
        const TcpSocket wanted = { .family = AF_INET6, .port = address->port, .address = address->address };

        return socket->port == address->port && (address->any || tcp_socket_overlaps(&wanted, socket));
}

int port_address_compare(const PortAddress *a, const PortAddress *b) {
        if (a->port != b->port)
                return a->port < b->port ? -1 : 1;
        if (a->any != b->any)
                return a->any ? -1 : 1;

        return memcmp(&a->address, &b->address, sizeof(a->address));
}

void port_address_text(const PortAddress *address, char text[static PORT_ADDRESS_TEXT_MAX]) {
        char host[INET6_ADDRSTRLEN] = "";
        bool v4 = IN6_IS_ADDR_V4MAPPED(&address->address);

        if (address->any) {
                (void) snprintf(text, PORT_ADDRESS_TEXT_MAX, "%u", address->port);
                return;
        }
        (void) inet_ntop(v4 ? AF_INET : AF_INET6, &address->address.s6_addr[v4 ? 12 : 0], host,
                         sizeof(host));
        (void) snprintf(text, PORT_ADDRESS_TEXT_MAX, v4 ? "%s:%u" : "[%s]:%u", host, address->port);
}
