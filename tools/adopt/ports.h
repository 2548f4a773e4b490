/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The TCP ports that a unit listens on now. */

#include <stdbool.h>
#include <sys/types.h>

#include "tools/adopt/drop-in.h"

/* Sets ports, n_ports and reuse of DROP_IN to what processes in CONTROL_GROUP ("/...") and below listen
 * on, with the addresses; more than DROP_IN_PORTS_MAX are left out. Where the host has too many sockets, it
 * is those that the caller made, or the user of MAIN_PID (0: none). Returns 0 or a negative errno. */
int unit_ports_find(const char *control_group, pid_t main_pid, DropIn *drop_in);

/* Adds one, unless it is there. Returns 0 or -E2BIG. Pure. */
int drop_in_add_port(DropIn *drop_in, const PortAddress *port);
