/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A TCP port that a server wants to bind, with the local address if that is known: "8080", "127.0.0.1:8080",
 * "[::1]:8080". Pure. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "tools/net/socket-diag.h"

#define PORT_ADDRESS_TEXT_MAX (INET6_ADDRSTRLEN + sizeof("[]:65535"))

typedef struct PortAddress {
        uint16_t port;
        bool any;                /* the address is not known: any of this host */
        struct in6_addr address; /* IPv4 as a mapped address; zero with ANY */
} PortAddress;

/* -EINVAL for anything else, with *ret left alone. */
int port_address_parse(const char *text, PortAddress *ret);

/* Where SOCKET is bound; without the address if that is a link-local one, which means nothing without its
 * interface. */
PortAddress port_address_of(const TcpSocket *socket);

/* Whether an address says where SOCKET is bound: none does for one that takes all of IPv6 and leaves the port free for IPv4,
 * "[::]" being both. */
bool port_address_tells(const TcpSocket *socket);

/* Whether SOCKET, in whatever state, is on that port, and on an address that overlaps, see
 * tcp_socket_overlaps(). */
bool port_address_overlaps(const PortAddress *address, const TcpSocket *socket);

/* By port, then without an address, then by address: below, equal to or above 0. */
int port_address_compare(const PortAddress *a, const PortAddress *b);

/* As it is parsed. */
void port_address_text(const PortAddress *address, char text[static PORT_ADDRESS_TEXT_MAX]);
