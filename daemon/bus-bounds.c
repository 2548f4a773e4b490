/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/bus-bounds.h"

#include <errno.h>

#include "lib/cleanup.h"

static int on_message(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
        BusBounds *bounds = userdata;

        incoming_next(&bounds->incoming);
        bounds->has_spoken = true;
        bounds->is_whole = true;
        return 0;
}

int bus_bounds_init(BusBounds *bounds, sd_bus *bus, uid_t uid, size_t bytes_max) {
        *bounds = (BusBounds){ .bus = bus };
        incoming_init(&bounds->incoming, sd_bus_get_fd(bus), uid, bytes_max);
        return sd_bus_add_filter(bus, NULL, on_message, bounds);
}

void bus_bounds_done(BusBounds *bounds) {
        incoming_done(&bounds->incoming);
}

int bus_bounds_start(BusBounds *bounds) {
        int r;

        incoming_begin(&bounds->incoming, false);
        r = sd_bus_start(bounds->bus);
        incoming_end(&bounds->incoming);
        return r;
}

int bus_bounds_step(BusBounds *bounds) {
        _cleanup_(sd_bus_unrefp) sd_bus *bus = sd_bus_ref(bounds->bus); /* a handler may let it go */
        Incoming *incoming = &bounds->incoming;
        int r;

        bounds->is_whole = false;
        incoming_begin(incoming, sd_bus_is_ready(bus) > 0);
        r = sd_bus_process(bus, NULL);
        incoming_end(incoming);
        if (incoming->error < 0)
                return incoming->error;
        /* sd-bus drops what it finds malformed without a word */
        return !bounds->is_whole && incoming_is_whole(incoming) ? -EBADMSG : r;
}

void bus_bounds_hold(BusBounds *bounds, bool hold) {
        bounds->incoming.hold = hold;
}

int bus_bounds_get_error(const BusBounds *bounds) {
        return bounds->incoming.error;
}

bool bus_bounds_message_has_begun(const BusBounds *bounds) {
        return !bounds->has_spoken || bounds->incoming.n > 0;
}
