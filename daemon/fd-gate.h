/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Descriptors of a peer: they reach sd-bus only with a call that takes some, and whose head is good to the
 * last byte.
 *
 * sd-bus forgets the descriptors of a message that it finds invalid, without closing them or giving back the
 * room for their list (bus_socket_make_message(), in 252 as in 257), and takes in any number with any part of
 * a message: a peer could use up all descriptor numbers, and memory without end. So the recvmsg(2) that
 * libsystemd calls is the one of fd-gate.c. It looks at the head of the message that descriptors come with,
 * and if that is not as it must be, they are closed and the call fails with ECONNRESET. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FD_GATE_START_SIZE 16 /* bytes of fixed form, in front of the header fields */
#define FD_GATE_HEAD_MAX 512  /* bytes of start and fields, of a call with descriptors */

typedef struct FdGate {
        bool at_start; /* what is read next is the beginning of a message */
        bool refused;  /* descriptors */
        size_t n_matched; /* bytes of the end of the authentication; all: it is behind us */
} FdGate;

/* What is received from now on goes through GATE, until the next call, and in parts of 64 KiB at most; NULL:
 * as it comes. */
void fd_gate_watch(FdGate *gate);

/* Whether the SIZE bytes of HEAD, from the first byte of the message to the last of its header fields, are
 * those of a call of Move or Check with N_FDS descriptors; see the D-Bus specification, "Message Format".
 * Stricter than need be: what sd-bus and others have no reason to send is not good. Pure. */
bool fd_gate_head_is_good(const uint8_t *head, size_t size, size_t n_fds);
