/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Where a stranger goes who came into a job by a reused PID. His own cgroup is not recorded anywhere, so it
 * is guessed from his parent, and only where the guess cannot be turned into a weapon: a process that forks
 * twice has PID 1, a manager or a subreaper as parent, and "back" there would free it from its unit's
 * limits. */

#include "daemon/kernel.h"
#include "daemon/pool.h"
#include "lib/job-record.h"

#define QUARANTINE_GROUP "quarantine"

/* Moves the process PID, alive and frozen in a job's group, to its parent's cgroup, if the parent
 *  - is neither PID 1 nor part of a manager nor a control process,
 *  - is of the same user, session and process group (a plain fork that daemonised nothing), and
 *  - is in the same unit as the leader of that process group, who lives;
 * else to the group "quarantine" of the pool, out of every job's reach, which holds the pool from then on.
 * Says so in the log. Returns 0 or a negative errno. */
int repair_stranger(const Kernel *kernel, Pool *pool, const JobRecord *record, pid_t pid);

/* Puts the process PID into the quarantine of POOL. */
int repair_quarantine(Pool *pool, pid_t pid);

/* At daemon start: whoever is in the quarantine of POOL holds it again. */
void repair_discover(Pool *pool);
