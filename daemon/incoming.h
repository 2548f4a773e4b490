/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What sd-bus gets to read of one connection. It reads by recvmsg(2), and has no limits that would do for a hostile peer: it makes
 * room for whatever a header announces, takes any number of descriptors in, and of a message that it finds malformed, which it drops
 * without a word, it loses the descriptors and their list for good (libsystemd 252 and 257).
 *
 * So this program has a recvmsg() of its own, which libsystemd finds before the C library's. While sd-bus works on a connection it
 * hands over the bytes of one message at a time, keeps the descriptors back until their message is there whole and known to be one
 * that takes them, and shows the end of the stream instead of what sd-bus must not see. In the place of what is no pidfd it hands over
 * a harmless descriptor (see foreign-fd.h). On all other sockets of this program no descriptor is taken. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/call-head.h"
#include "lib/protocol.h"

typedef struct Incoming Incoming;

struct Incoming {
        int fd;              /* of the connection; not ours */
        uid_t uid;           /* whose descriptors are taken; UID_NONE: nobody's */
        size_t size_max;     /* bytes of a message */
        int error;           /* why no more is read: -EMSGSIZE, -EMFILE, -EBUSY, -EBADMSG; 0 */
        bool hold;           /* nothing is read for now */
        bool is_ready;       /* messages come; until then it is lines of the authentication */
        uint64_t n;          /* bytes of the message that has begun; of lines, all */
        uint64_t head_size;  /* of that message, once they are known; else 0 */
        uint64_t whole_size;
        uint8_t head[CALL_HEAD_MAX]; /* its first bytes */
        int fds[CGMOVE_PROCESSES_MAX]; /* that came with it, and are held back; ours */
        unsigned n_fds;
        Incoming *outer; /* whose handler works on this one */
};

void incoming_init(Incoming *incoming, int fd, uid_t uid, size_t size_max);
void incoming_done(Incoming *incoming);

/* Between these, sd-bus works on the connection; a handler that it calls may do the same with another one. IS_READY: the peer is
 * authenticated. */
void incoming_begin(Incoming *incoming, bool is_ready);
void incoming_end(Incoming *incoming);

/* Whether a whole message was handed over. If sd-bus does not deliver it, then it was malformed. */
bool incoming_is_whole(const Incoming *incoming);
/* It was delivered: the next may come. */
void incoming_next(Incoming *incoming);
