/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Where the facts come from. None of these fails: what cannot be had is left as not known, with the reason
 * where facts.h has a place for it. Each waits some seconds at most. */

#include "tools/doctor/facts.h"

/* Who calls, from where, with what kind of login. */
void gather_caller(CallerFacts *ret);

/* Kernel, cgroup tree, systemd. The place of the caller's pool is known from CALLER. */
void gather_host(const CallerFacts *caller, HostFacts *ret);

/* Asks the unit's manager and looks at its processes and ports; or, if no unit is asked for, at which of the
 * caller's units run. Fills the manager's part of CALLER. */
void gather_unit(const HostFacts *host, CallerFacts *caller, UnitFacts *unit);

/* Only what the manager tells of the unit, which is user UID's if it is not the system's. Of another user's
 * than the caller's it is the limits alone, as that user has them told to root. */
void gather_unit_settings(uid_t uid, UnitFacts *unit);

/* The daemon, and what its policy says of the caller's place and of the unit. After the others. */
void gather_daemon(DaemonFacts *daemon, CallerFacts *caller, UnitFacts *unit);

/* The policy as it lies on the disk. Part of gather_daemon(). */
void gather_policy_files(DaemonFacts *daemon);

/* The processes in the unit's group that are not below its main process, and who holds its ports. MOUNT is
 * that of cgroup v2. Part of gather_unit(). */
void gather_processes(const char *mount, uid_t uid, UnitFacts *unit);
