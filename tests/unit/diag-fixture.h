/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Answers of socket diagnosis, made by hand: datagrams of netlink messages. */

#include <stddef.h>
#include <stdint.h>

#include <linux/netlink.h>

/* Of the request that they answer, unless the test changes it. */
#define DIAG_SEQ 7
#define DIAG_PORTID 4321

typedef struct DiagDatagram {
        _Alignas(struct nlmsghdr) char bytes[4096];
        size_t size;
} DiagDatagram;

/* A message of a dump at the end of DATAGRAM; it is part of it, with what was put behind it, after diag_finish(). */
struct nlmsghdr *diag_add_header(DiagDatagram *datagram, uint16_t type, uint16_t flags);
void diag_finish(DiagDatagram *datagram, const struct nlmsghdr *header);

/* One that tells of a socket on 127.0.0.1, of user 1000; to be finished. */
struct nlmsghdr *diag_add_socket(DiagDatagram *datagram, uint8_t family, uint8_t state, uint16_t port);

/* Whole ones: the end of a dump, with the kernel's 0 or negative errno, and an error. */
void diag_add_done(DiagDatagram *datagram, int32_t error);
void diag_add_error(DiagDatagram *datagram, int32_t error);
