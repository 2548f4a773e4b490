/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Bytes of the target's own as messages to sd-bus: a connection within the process, made once. */

#include <stddef.h>
#include <systemd/sd-bus.h>

typedef struct RawBus {
        sd_bus *bus;   /* the end that receives */
        sd_bus *other; /* only for the handshake */
        int fd;        /* of the other end, to write to */
} RawBus;

/* Aborts if it cannot be made. */
void raw_bus_open(RawBus *ret);

/* Writes one message, with N_FDS descriptors, and reads it back. Returns 0 and the message, which the caller unrefs; or what sd-bus
 * ended the connection with, which is to be opened anew then. */
int raw_bus_pass(RawBus *raw, const void *bytes, size_t size, unsigned n_fds, sd_bus_message **ret);

void raw_bus_close(RawBus *raw);
