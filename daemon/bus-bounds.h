/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How much a peer who may be hostile can make sd-bus take in for one message. sd-bus has no limits of its
 * own that would do: it makes room for 128 MiB because a header says so, and keeps any number of descriptors
 * for a message that is never whole. So it is driven from here, step by step, and never by
 * sd_bus_attach_event(). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

#include "daemon/fd-gate.h"
#include "daemon/kernel.h"

typedef struct BusBounds {
        sd_bus *bus;
        const Kernel *kernel;
        size_t bytes_max;
        uint64_t n_received; /* bytes since the last whole message */
        FdGate gate;
        uint64_t address_space; /* bytes, before the bus read on */
        bool is_whole;          /* a message was taken from the bus */
        bool is_too_large;      /* that one */
} BusBounds;

/* Bounds BUS, before it is started; both stay the caller's. A filter is added that must come before all
 * others, since what is too large is for no handler. Returns 0 or a negative errno. */
int bus_bounds_init(BusBounds *bounds, sd_bus *bus, const Kernel *kernel, size_t bytes_max);

/* sd_bus_start(). */
int bus_bounds_start(BusBounds *bounds);

/* sd_bus_process(), which reads at most one message, and what it returns; -EMSGSIZE if that message, or what
 * is announced or sent of it, is larger than allowed; -EBADFD if descriptors came that no call takes, see
 * fd-gate.h. Then the bus must be closed. */
int bus_bounds_step(BusBounds *bounds);

/* Some of a message is here that is not whole, or no message ever was. */
bool bus_bounds_message_has_begun(const BusBounds *bounds);
