/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One client on the private socket: a D-Bus connection without a bus, and who is at its other end.
 *
 * sd-bus has no limits of its own that would do for a hostile peer, so its input and output are driven from
 * here: a peer that sends too much for one message, sends it too slowly, or does not read its answers is
 * disconnected. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "daemon/bus-bounds.h"
#include "daemon/caller.h"
#include "daemon/job-view.h"
#include "lib/job-record.h"

typedef struct Connection Connection;
typedef struct Listener Listener;
typedef struct ListenerUser ListenerUser;
typedef struct Pending Pending;

/* A call that is answered later. Embedded in whatever works on it; when the connection ends first, ABANDON
 * is told, and must free it. */
struct Pending {
        LIST_ENTRY(Pending) of_connection;
        Connection *connection;
        sd_bus_message *call; /* its head: good to be answered, not to be read */
        void (*abandon)(Pending *pending);
        size_t n_targets; /* see pending_hold() */
        bool only_waits;  /* nothing is lost if it is never answered: its connection may go when another user needs one */
};

/* The job that the message in hand is about: good until its handler returns. */
typedef struct JobCall {
        JobView view; /* first: property getters take a JobView */
        Connection *connection;
        JobRecord *finished; /* holds view.record where the job has ended */
} JobCall;

struct Connection {
        LIST_ENTRY(Connection) of_listener;
        LIST_HEAD(PendingList, Pending) pending;
        Daemon *daemon;
        Listener *listener;
        ListenerUser *user;
        Caller caller;
        sd_bus *bus;
        int last_fd; /* of the same socket, for the close of it that is the last (nudge.h) */
        sd_event_source *io;
        /* Once, and at once: what sd-bus has read already does not wake the loop. Or when its user has waited enough,
         * while IO is off. It is a timer, since sd-event
         * serves sources in the order in which they became pending, and a deferred one (sd_event_add_defer())
         * counts from its making: whoever has it enabled again in each turn would be served for ever, and
         * nobody else. */
        sd_event_source *begin;
        sd_event_source *deadline; /* for a first, or a begun, message, and for answers to be read */
        bool unread;               /* some are not; the user's count has it */
        BusBounds bounds;
        JobCall job_call;
};

/* Takes over FD (also on failure). */
int connection_new(Daemon *daemon, Listener *listener, ListenerUser *user, int fd, Caller *caller, Connection **ret);
Connection *connection_free(Connection *connection);

/* Serves what came with the connection, once it is in the listener's list; later if its user has to wait. */
void connection_begin(Connection *connection);

/* CLOCK_MONOTONIC, microseconds. */
uint64_t connection_now(void);

/* For what is done for a peer outside of its turn: the processor time since connection_begin_charge() counts as a turn's does.
 * One may be within another, or within a turn: what has been counted is not counted again. */
uint64_t connection_begin_charge(void);
void connection_charge(Connection *connection, uint64_t began);

/* Counts against CGMOVE_REQUESTS_PER_USER_MAX: Busy beyond, since others of the user's calls will be answered. Returns 0, or a
 * negative errno with RET_ERROR set. */
int pending_begin(Pending *pending, Connection *connection, sd_bus_message *call, void (*abandon)(Pending *pending),
                  sd_bus_error *ret_error);
/* The call is about N_TARGETS processes, until it ends: counts against CGMOVE_TARGETS_PER_USER_MAX, as above. */
int pending_hold(Pending *pending, size_t n_targets, sd_bus_error *ret_error);
/* After the answer, with what became of it: a peer that will have none is to see that by a closed connection, and
 * not to wait. */
void pending_answered(Pending *pending, int error);
void pending_end(Pending *pending);
