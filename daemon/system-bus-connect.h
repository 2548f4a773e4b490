/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A connection to the system bus that can go away without taking the daemon along. */

#include <systemd/sd-bus.h>

/* ON_DISCONNECTED is told when it is lost, with USERDATA; the caller closes it then. It is not attached to a loop yet. Returns 0 or
 * a negative errno. */
int system_bus_connect(sd_bus_message_handler_t on_disconnected, void *userdata, sd_bus **ret);
