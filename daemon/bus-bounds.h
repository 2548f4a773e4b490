/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A D-Bus connection whose peer may be hostile: sd-bus is driven from here, one message a step, and gets to read what
 * incoming.h lets through; never by sd_bus_attach_event(). */

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-bus.h>

#include "daemon/incoming.h"

typedef struct BusBounds {
        sd_bus *bus;
        Incoming incoming;
        bool has_spoken; /* a whole message has come: a first one is not waited for for ever */
        bool is_whole;   /* one came in this step */
} BusBounds;

/* Bounds BUS, which has its descriptor already, before it is started; messages may have BYTES_MAX bytes, and descriptors if UID is their
 * sender's (UID_NONE: none may). Both stay the caller's, and the bus must end before bus_bounds_done(). No filter may be added later,
 * since sd-bus asks the last one first. Returns 0 or a negative errno. */
int bus_bounds_init(BusBounds *bounds, sd_bus *bus, uid_t uid, size_t bytes_max);
void bus_bounds_done(BusBounds *bounds);

/* sd_bus_start(), which reads what has come already. */
int bus_bounds_start(BusBounds *bounds);

/* sd_bus_process(), which reads at most one message, and what it returns; -EMSGSIZE if that message is, or says it is, too large;
 * -EMFILE if too many descriptors came with it; -EBUSY if none is taken of its sender now, or ever (foreign-fd.h); -EBADMSG if it is
 * malformed, or descriptors came that no call takes. Then the bus must be closed. */
int bus_bounds_step(BusBounds *bounds);

/* While HOLD, a step sends what waits to be sent, and reads nothing. */
void bus_bounds_hold(BusBounds *bounds, bool hold);

/* Why nothing more is read, as above, or 0; to tell it from an error of our own. */
int bus_bounds_get_error(const BusBounds *bounds);

/* Some of a message is here that is not whole, or no message ever was. */
bool bus_bounds_message_has_begun(const BusBounds *bounds);
