/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The private socket: takes connections, as many as protocol.h allows in all and for each user. */

#include "daemon/connection.h"

/* Takes over FD, a listening socket (also on failure). */
int listener_new(Daemon *daemon, int fd, Listener **ret);
Listener *listener_free(Listener *listener);
DEFINE_CLEANUP(Listener, listener_free)

/* Closes and frees CONNECTION once the loop is back at its top: it may be in use by the caller's callers. */
void listener_drop(Listener *listener, Connection *connection);

/* Calls under way of a user, over all his connections. -EMFILE beyond CGMOVE_REQUESTS_PER_USER_MAX. */
int listener_user_begin(ListenerUser *user);
void listener_user_end(ListenerUser *user);
