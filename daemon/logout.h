/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Acts on on-logout: looks at logind whenever something may have changed there, and stops the jobs whose
 * logout has been. What is looked at is the state, never an event, so that a logout while the daemon was
 * away is seen by the next one. */

#include <sys/queue.h>
#include <systemd/sd-event.h>

#include "daemon/job.h"
#include "daemon/logout-decision.h"
#include "daemon/target.h"

typedef struct Logout Logout;
typedef struct LogoutWaiter LogoutWaiter;

/* Told once, after a look that began later than it was added; LOGINS is NULL without logind. Taken off the
 * list before; whoever goes first calls logout_unwait(). */
struct LogoutWaiter {
        LIST_ENTRY(LogoutWaiter) waiters;
        bool is_added;
        bool is_asked; /* by the look under way */
        void (*told)(LogoutWaiter *waiter, const Logins *logins);
};

/* JOBS must outlive it; those that are there are looked at as soon as there is a system bus. Returns 0 or a
 * negative errno. */
int logout_new(sd_event *event, JobSet *jobs, Logout **ret);
Logout *logout_free(Logout *self);
DEFINE_CLEANUP(Logout, logout_free)

/* A job has been added, or somebody knows that a session has begun or ended: looks soon. SELF may be NULL.
 */
void logout_look(Logout *self);

/* Puts into RECORD, of a job that is about to begin with TARGETS, what a logout will be judged by: on_logout
 * is there. ORIGIN is where the string goes; the login's name is good until the return to the loop. Of
 * several origins it is that of the first that came from a session, or else of the first that came from a
 * login at all. SELF may be NULL. */
void logout_describe(const Logout *self, JobSet *jobs, const Target *targets, size_t n_targets,
                     JobRecord *record, char origin[static ORIGIN_MAX + 1]);

/* Whether logind answers; if not, jobs stay. */
bool logout_has_logind(const Logout *self);

void logout_wait(Logout *self, LogoutWaiter *waiter);
void logout_unwait(LogoutWaiter *waiter);
