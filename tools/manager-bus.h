/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <systemd/sd-bus.h>

/* Connects BUS, which is new, to the private socket of the system manager (root only) or of the caller's own user
 * manager: the interface of org.freedesktop.systemd1(5) without a bus daemon. Returns 0; -ENOENT if there is no user
 * manager; what connect(2) and sd_bus_start(3) return. */
int manager_bus_start(sd_bus *bus, bool system);
