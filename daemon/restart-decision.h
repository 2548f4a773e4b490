/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The decisions on a restart: pure functions over facts. */

#include "daemon/decision.h"
#include "daemon/systemd-manager.h"
#include "lib/job-record.h"
#include "lib/source.h"

#define RESTART_STARTS_MAX 2 /* of a unit that failed after its restart, by the job */

/* Whether TARGET, whose move SECTION allows (NULL: CALLER is root), may become the job that restarts
 * SERVICE.
 *
 * A user's own unit: from inside of that very unit always, since a process there can end it and be started
 * with it anyway; from elsewhere if the section's "restart" lists it. A unit of the system manager: only if
 * it is listed, and never one of those that the machine stands on. Root needs no list, but restarts system
 * units as root only.
 *
 * Sets *ret as decide() does. Returns 0 or -ENOMEM. */
int decide_restart(const Caller *caller, const Target *target, const PolicySection *section,
                   const Source *service, Decision *ret);

#define RESTART_JOIN_MAX (UINT64_C(3600) * 1000000) /* microseconds since the job was made */

/* Whether who asks for a restart at NOW (CLOCK_REALTIME, microseconds) is given the live job RECORD, which is
 * to restart the same unit, instead of one of his own: as long as the instance that this one is to replace is
 * there, so that the next will see all that was changed before he asked. It is no more when the outcome tells
 * its end, or a phase after that of "restarting": what the job does then, such as --then, may last, and may be
 * what asks. Nor does a command go on that has its status or its result, or when the process that is to tell
 * that status is gone (LOST_LEADER), whoever else is left in the job; and none is waited for without end. Pure. */
bool restart_is_joined(const JobRecord *record, bool lost_leader, uint64_t now);

typedef enum ServiceAct {
        SERVICE_LOOK,
        SERVICE_RESTART,
        SERVICE_REVIVE, /* reset and start, after a restart that failed */
} ServiceAct;

/* What a job has done to its unit so far. */
typedef struct ServiceHistory {
        bool restarted;
        unsigned n_starts;
} ServiceHistory;

/* Whether the job that is to restart the system unit NAME may ACT on it now. SERVICE: what PID 1 says of it,
 * loaded; LISTED: the policy that is in force now lists it for the job's owner, who asks from inside of it.
 *
 * The name must be the unit's own: an alias may come to mean another unit. A restart is for what is up, has
 * failed, or is being started over by its own Restart=: it starts nothing that is stopped. Nor does the
 * start, which is for what has failed after the restart. Unit files that were changed but not loaded are
 * not made to act by a user. Sets *ret as decide() does. Returns 0 or -ENOMEM. */
int decide_service(ServiceAct act, const char *name, const SystemdService *service, bool listed,
                   const ServiceHistory *history, Decision *ret);

/* Whether a service with these facts is up, or on its way to it by its own Restart=. */
bool service_is_up(const SystemdService *service);

/* Whether it has failed, or is on its way to it: then the starts that its manager has counted against it are
 * to be forgotten in a restart. */
bool service_is_down_or_loops(const SystemdService *service);

/* Whether its state is not one to stay: a job of the manager is about it, or it starts, stops or reloads. */
bool service_is_busy(const SystemdService *service);
