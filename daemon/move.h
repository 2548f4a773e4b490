/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The move through ice: processes are written into a fresh cgroup that is frozen, looked at again, and only
 * then thawed; so that whoever arrives there has not run an instruction when it turns out that he is not who
 * was meant.
 *
 * A pidfd does not reserve its number, and cgroup.procs takes numbers: before Linux 6.18 the write waits for
 * a lock before it looks the number up, and the process may be gone and its number another's by then.
 * Whether the pidfd's process still lived after the write tells whom the number meant. */

#include <stdbool.h>
#include <stddef.h>

#include "daemon/fd-reserve.h"
#include "daemon/job.h"
#include "daemon/target.h"

typedef struct Move {
        const Kernel *kernel;
        Pool *pool;
        const JobRecord *record; /* id, owner and limits of the job that is to be */
        Target *targets;
        size_t n_targets;
        FdReserve *reserve;   /* filled before anything is done, for the way back; NULL: there are always enough */
        bool fresh;           /* the targets were read since the loop was left last: no need to look before the write */
        bool held;            /* their sources are frozen by us, see tree.h */
        bool reset_oom_score; /* put back to 0 what a service has raised, never lower */
} Move;

/* What became of it when it is refused. */
typedef enum MoveFailure {
        MOVE_FAILED,  /* the error says it */
        MOVE_CHANGED, /* a target was not what had been decided on any more; it is back in its own source */
        MOVE_GONE,    /* a target had ended */
        MOVE_FROZEN,  /* its source has been frozen meanwhile; there it is again */
        MOVE_GROWN,   /* with what has been forked meanwhile, the job, the pool or a slice has more tasks than it may */
} MoveFailure;

/* Makes the group of record->id below the pool with its record and limits, moves all targets there, and
 * thaws it. All or nothing: on failure every target that lives is back in its own source and the group is
 * gone. (Where the source does not take it back, being removed meanwhile, it is ended.) Returns 0; a
 * negative errno, with *ret_failure and *ret_index of the target concerned, and *ret_left: somebody could not be taken out
 * again, who has not come to his end yet, say. Then the group is as one of a move that was cut off, and is to be found
 * as such (job_set_discover_later()), so that nobody is where nobody looks. */
int move_into_job(const Move *move, MoveFailure *ret_failure, size_t *ret_index, bool *ret_left);

/* Sets what the record's limits ask for on the group FD of POOL; a controller that is not there is passed
 * over (the job's "LimitsMissing" says so). Returns 0 or a negative errno. */
int move_set_limits(const Pool *pool, int fd, const Limits *limits);

/* Completes a move that a crash cut off: the group FD of RECORD is frozen and populated. The processes that
 * were meant are not known any more, but whose they must be is; others go to where repair.h finds. Then it
 * thaws the group. */
int move_complete(const Kernel *kernel, Pool *pool, int fd, const JobRecord *record);
