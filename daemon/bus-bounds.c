/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/bus-bounds.h"

#include <errno.h>
#include <sys/ioctl.h>

/* What is readable now, and will be taken in by sd-bus. An upper bound: bytes that are left for the next
 * message are counted again, which a peer only feels if it sends far ahead. */
static void count_readable(BusBounds *bounds) {
        int n = 0;

        (void) ioctl(sd_bus_get_fd(bounds->bus), FIONREAD, &n);
        bounds->n_received += (unsigned) n;
}

/* sd-bus makes room for the whole of a message as soon as it has read its header, by one allocation that
 * malloc(3) maps if it is large (see main.c): what the address space has grown by is what the peer has
 * announced, or, if all came at once, sent. Where it fits into room that malloc(3) has free anyway nothing
 * grows, and nothing is lost by letting it pass. */
static bool announces_too_much(const BusBounds *bounds) {
        return kernel_get_address_space(bounds->kernel) > bounds->address_space + bounds->bytes_max;
}

bool bus_bounds_message_has_begun(const BusBounds *bounds) {
        return bounds->n_received > 0;
}

static int on_message(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
        BusBounds *bounds = userdata;

        bounds->n_received = 0;
        bounds->is_whole = true;
        bounds->is_too_large = announces_too_much(bounds);
        return bounds->is_too_large ? 1 : 0; /* 1: no handler sees it */
}

int bus_bounds_step(BusBounds *bounds) {
        _cleanup_(sd_bus_unrefp) sd_bus *bus = sd_bus_ref(bounds->bus); /* a handler may let it go */
        int r;

        count_readable(bounds);
        if (bounds->n_received > bounds->bytes_max)
                return -EMSGSIZE;

        bounds->is_whole = false;
        bounds->address_space = kernel_get_address_space(bounds->kernel);
        fd_gate_watch(&bounds->gate);
        r = sd_bus_process(bus, NULL);
        fd_gate_watch(NULL);
        if (bounds->is_too_large || (!bounds->is_whole && announces_too_much(bounds)))
                return -EMSGSIZE;

        if (bounds->gate.refused)
                return -EBADFD;
        if (bounds->is_whole)
                bounds->gate.at_start = true;
        return r;
}

/* It reads what has come already. */
int bus_bounds_start(BusBounds *bounds) {
        int r;

        fd_gate_watch(&bounds->gate);
        r = sd_bus_start(bounds->bus);
        fd_gate_watch(NULL);
        return r;
}

int bus_bounds_init(BusBounds *bounds, sd_bus *bus, const Kernel *kernel, size_t bytes_max) {
        *bounds = (BusBounds){
                .bus = bus,
                .kernel = kernel,
                .bytes_max = bytes_max,
                .n_received = 1, /* a first message is waited for, and not for ever */
        };
        return sd_bus_add_filter(bus, NULL, on_message, bounds);
}
