/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/system-bus-connect.h"

#include "lib/cleanup.h"

int system_bus_connect(sd_bus_message_handler_t on_disconnected, void *userdata, sd_bus **ret) {
        _cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
        int r;

        r = sd_bus_open_system(&bus);
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
