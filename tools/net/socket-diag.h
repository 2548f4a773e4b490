/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* TCP sockets of this network namespace, IPv4 and IPv6, as the kernel's socket diagnosis tells them:
 * sock_diag(7), linux/inet_diag.h. Needs no privilege. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Sets of states, see enum in netinet/tcp.h. */
#define TCP_STATE(state) (UINT32_C(1) << (state))

/* To ask for sockets that are bound and neither listen nor connect; they come with the state TCP_CLOSE.
 * Kernels before 6.8 (commit 91051f003948) do not tell of them. */
#define TCP_STATE_BOUND TCP_STATE(13)

typedef struct TcpSocket {
        int family;              /* AF_INET or AF_INET6 */
        uint8_t state;           /* TCP_LISTEN, TCP_TIME_WAIT, ... */
        bool v6only;             /* an IPv6 socket that leaves the port free for IPv4; if not connected */
        uint16_t port;           /* local, host byte order */
        uint16_t peer_port;      /* 0 while listening */
        struct in6_addr address; /* local; IPv4 as a mapped address */
        uint32_t uid;            /* of who made it; means nothing (0) where inode is 0 */
        uint64_t inode;          /* as in /proc/PID/fd; 0: no process has it any more */
        uint64_t cgroup;         /* inode number of the cgroup it was made in; 0: not known (before 5.7) */
} TcpSocket;

typedef struct TcpSocketList {
        TcpSocket *items;
        size_t n;
} TcpSocketList;

void tcp_socket_list_done(TcpSocketList *list);

/* Whether one of two sockets on the same port keeps the other from it: the same address, or all of them, see
 * the conflicts in inet_csk_bind_conflict() and ipv6_rcv_saddr_equal() of the kernel. Pure. */
bool tcp_socket_overlaps(const TcpSocket *a, const TcpSocket *b);

/* The sockets in one of STATES, with local port PORT or with any (0). A dump that the kernel says was
 * interrupted (NLM_F_DUMP_INTR) is thrown away and made again, a bounded number of times. Returns 0; -EAGAIN
 * if it was interrupted each time; -ENOMEM; what socket(2) and recvmsg(2) return; -EBADMSG for what is no
 * answer to the question; -E2BIG for more sockets than TCP_SOCKETS_MAX. */
#define TCP_SOCKETS_MAX (1024 * 1024)
int socket_diag_get(uint32_t states, uint16_t port, TcpSocketList *ret);

/* The same, only of those that FILTER is true for: what others have, however many, is not kept. */
typedef bool (*tcp_socket_filter_t)(const TcpSocket *socket, const void *userdata);
int socket_diag_get_if(uint32_t states, uint16_t port, tcp_socket_filter_t filter, const void *userdata,
                       TcpSocketList *ret);

/* Whether there is one, without reading about all: 1 and one of them; 0; what socket_diag_get() returns. */
int socket_diag_find(uint32_t states, uint16_t port, TcpSocket *ret);

/* The same, only of those that FILTER is true for. */
int socket_diag_find_if(uint32_t states, uint16_t port, tcp_socket_filter_t filter, const void *userdata,
                        TcpSocket *ret);
