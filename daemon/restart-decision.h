/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The decisions on a restart: pure functions over facts. */

#include "daemon/decision.h"
#include "lib/source.h"

/* Whether TARGET, whose move SECTION allows (NULL: CALLER is root), may become the job that restarts SERVICE.
 *
 * A user's own unit: from inside of that very unit always, since a process there can end it and be started
 * with it anyway; from elsewhere if the section's "restart" lists it. A unit of the system manager: only if
 * it is listed, and never one of those that the machine stands on. Root needs no list, but restarts system
 * units as root only.
 *
 * Sets *ret as decide() does. Returns 0 or -ENOMEM. */
int decide_restart(const Caller *caller, const Target *target, const PolicySection *section,
                   const Source *service, Decision *ret);

/* The services of the system manager that no policy can have restarted, by their full name: the machine, its
 * logins, or cgmove itself stand on them. */
bool system_service_is_protected(const char *name);
