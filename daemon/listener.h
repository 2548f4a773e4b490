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
 * connections, for four times as long, also if he has closed them meanwhile; what he costs while he waits has him wait
 * longer. ELAPSED (of our processor time), NOW and what is returned by the second (both CLOCK_MONOTONIC) are microseconds.
 * Returns false for what is too little to be counted. */
bool listener_user_charge(ListenerUser *user, uint64_t elapsed, uint64_t now);
uint64_t listener_user_paused_until(const ListenerUser *user);

/* So is memory: with answers unread (UNREAD; each connection says so once, and once that they have been) on
 * CGMOVE_UNREAD_PER_USER_MAX connections the others are not listened to. */
void listener_user_unread(ListenerUser *user, bool unread);
bool listener_user_has_to_read(const ListenerUser *user);

/* Calls under way of a user, over all his connections. -EMFILE beyond CGMOVE_REQUESTS_PER_USER_MAX. */
int listener_user_begin(ListenerUser *user);
void listener_user_end(ListenerUser *user);

/* And the processes that these are about, each with descriptors of ours: a call that held N_BEFORE of them holds N now.
 * -EMFILE beyond CGMOVE_TARGETS_PER_USER_MAX. */
int listener_user_hold(ListenerUser *user, size_t n_before, size_t n);
