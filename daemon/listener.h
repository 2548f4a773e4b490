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

/* Time is shared: who has made the loop busy for long with one turn is not listened to, on any of his
 * connections, for four times as long. ELAPSED (of our processor time) and NOW (CLOCK_MONOTONIC) are
 * microseconds. */
void listener_user_charge(ListenerUser *user, uint64_t elapsed, uint64_t now);

/* Whether USER has to wait; wakes the loop when he has waited enough. */
bool listener_user_is_paused(Listener *listener, const ListenerUser *user, uint64_t now);

/* Calls under way of a user, over all his connections. -EMFILE beyond CGMOVE_REQUESTS_PER_USER_MAX. */
int listener_user_begin(ListenerUser *user);
void listener_user_end(ListenerUser *user);
