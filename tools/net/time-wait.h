/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Whether what is left of a connection keeps a server from its port. */

#include <stdbool.h>

#include "tools/net/socket-diag.h"

/* SOCKET, in TCP_TIME_WAIT or on the way there, keeps its port from whoever wants to bind it, unless it and
 * the newcomer were both given SO_REUSEADDR (socket(7); inet_csk_bind_conflict() of the kernel). No
 * diagnosis tells whether a socket was, but a bind with SO_REUSEADDR to its address does, and servers do it
 * the same way each time. Nobody may listen on the port: false would then be said of nothing. The port is
 * bound for an instant only, and only where that is in the way of no server that sets SO_REUSEADDR as well.
 * True also where it cannot be tried. */
bool time_wait_blocks(const TcpSocket *socket);
