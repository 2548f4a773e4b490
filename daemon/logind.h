/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The connection to systemd-logind over the system bus, which comes and goes with both.
 *
 * Its signals are never believed: a bus daemon hands on what anybody addresses to us, with a false interface
 * and member too. They are a reason to ask, and what is asked comes with the answer of whoever owns logind's
 * name. The connection is not the one of system-bus.h: what clients send there waits behind all else, and a
 * user could put off his logout by keeping the daemon busy. */

#include <systemd/sd-event.h>

#include "daemon/logind-query.h"

typedef struct Logind Logind;

typedef struct LogindListener {
        void (*changed)(void *userdata); /* there may be something to ask */
        logind_wanted_t wanted;
        logind_told_t told;
        void *userdata;
} LogindListener;

int logind_new(sd_event *event, const LogindListener *listener, Logind **ret);
Logind *logind_free(Logind *self);
DEFINE_CLEANUP(Logind, logind_free)

/* Has LISTENER told; nothing is asked while an earlier question is under way. Returns 0; -EBUSY then;
 * -ENOTCONN without a bus; another negative errno. CHANGED is called when it is worth to be tried again. */
int logind_ask(Logind *self);

/* Whether NAME lingers, for a user that logind does not know any more, and so has no object of: by the file
 * that logind itself looks at for the property Linger of those that it does. UNKNOWN for a name that it
 * would write otherwise. */
Knowledge logind_lingers(const char *name);
