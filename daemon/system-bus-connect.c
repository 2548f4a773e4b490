/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/system-bus-connect.h"

#include <stdlib.h>

#include "lib/cleanup.h"

/* As sd_bus_open_system(3), but without descriptors: no signal has any for us, and anybody may send one to a name of ours. The bus
 * refuses it then, to its sender. */
static int open_without_descriptors(sd_bus **ret) {
        _cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
        const char *address = secure_getenv("DBUS_SYSTEM_BUS_ADDRESS");
        int r;

        r = sd_bus_new(&bus);
        if (r >= 0)
                r = sd_bus_set_address(bus, address ? address : "unix:path=/run/dbus/system_bus_socket");
        if (r >= 0)
                r = sd_bus_set_bus_client(bus, 1);
        if (r >= 0)
                r = sd_bus_negotiate_fds(bus, 0);
        if (r >= 0)
                r = sd_bus_start(bus);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(bus);
        return 0;
}

int system_bus_connect(sd_bus_message_handler_t on_disconnected, void *userdata, sd_bus **ret) {
        _cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
        int r;

        r = open_without_descriptors(&bus);
        if (r >= 0)
                r = sd_bus_set_exit_on_disconnect(bus, 0);
        if (r >= 0)
                r = sd_bus_match_signal_async(bus, NULL, "org.freedesktop.DBus.Local",
                                              "/org/freedesktop/DBus/Local", "org.freedesktop.DBus.Local",
                                              "Disconnected", on_disconnected, NULL, userdata);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(bus);
        return 0;
}
