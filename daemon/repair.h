/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Where a stranger goes who came into a job by a reused PID. His own cgroup is not recorded anywhere, so it
 * is guessed from his parent, and only where the guess cannot be turned into a weapon: a process that forks
 * twice has PID 1, a manager or a subreaper as parent, and "back" there would free it from its unit's
 * limits. */

#include "daemon/kernel.h"
#include "daemon/pool.h"
#include "lib/job-record.h"
#include "lib/proc.h"

#define QUARANTINE_GROUP "quarantine"

/* Nobody who reads a number from cgroup.procs, or writes one to it, can be sure whom it means: its process may end at any
 * time, in ice as well, and another one have it. Hence these two: the first looks behind the reading, the
 * second behind the writing. */

/* A pidfd of the process PID, if it is in the group PATH (as in /proc/PID/cgroup), with its user ids. -ESRCH
 * if it has ended, or is another one, who is somewhere else. */
int repair_open_member(const Kernel *kernel, const char *path, pid_t pid, ProcStatus *ret_status);

typedef struct RepairPlace {
        int fd;
        const char *path;
        uid_t uid; /* whose children may be forked there; UID_NONE: nobody's */
} RepairPlace;

/* Moves the process PID, which PIDFD is of, to a group. If it has ended meanwhile, whoever has come there by
 * its number is a stranger, and is treated as such. Returns 0 or a negative errno; -ESRCH if it has ended. */
int repair_send(const Kernel *kernel, Pool *pool, const JobRecord *record, const RepairPlace *place,
                pid_t pid, int pidfd);

/* Moves the process PID, alive and a stranger in the group PATH (else nothing is done), to its parent's cgroup, if
 * the parent
 *  - is neither PID 1 nor part of a manager nor a control process,
 *  - is of the same user, session and process group (a plain fork that daemonised nothing): so it could fork
 *    him there itself, and nothing is gained, and
 *  - is in the same group as the leader of that process group, who lives: deeper in its unit there may be other limits;
 * else to the group "quarantine" of the pool, out of every job's reach, which holds the pool from then on. One of the
 * owner's own is ended instead: he has won the race against himself, and is not to get a place outside of all
 * jobs by it. Says so in the log. Returns 0, 1 if he was ended, or a negative errno.
 *
 * The unit whose main process he is is not looked for: he has lived for as long as the write took, at most, which is
 * before his manager has noted him, and it is his manager that moves him into his unit after that. */
int repair_stranger(const Kernel *kernel, Pool *pool, const JobRecord *record, const char *path, pid_t pid);

/* Puts the process PID, which PIDFD is of, into the quarantine of the pool; it has limits of its own, so that
 * its owner's jobs do not suffer from who is there. */
int repair_quarantine(const Kernel *kernel, Pool *pool, const JobRecord *record, pid_t pid, int pidfd);

/* The limits of a quarantine in a pool that has these. Pure. */
Limits repair_quarantine_limits(uint64_t pool_tasks_max, uint64_t pool_memory_max);

/* At daemon start: whoever is in the quarantine of POOL holds it again. */
void repair_discover(Pool *pool);
