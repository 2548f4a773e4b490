/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A stop of a unit that was asked for from inside of it. It is a job, which waits until the calling
 * command has ended, so that the command is not killed and whoever called gets an answer; a command that
 * takes longer is moved out. A start or a restart that is asked for before takes its place, and it takes
 * that of a restart that has not begun. Functions return 0, or an exit status with FAILURE filled. */

#include <stdbool.h>
#include <stdint.h>

#include "lib/protocol.h"
#include "tools/client.h"
#include "tools/failure.h"

/* Jobs of the caller's about one unit that still run; 0: none. */
typedef struct Deferred {
        uint64_t stop;
        uint64_t restart; /* of `cgmove restart`, whoever called that */
} Deferred;

/* *CLIENT may be NULL at first. */
int deferred_find(Client **client, bool system, const char *unit, Deferred *ret, Failure *failure);

typedef enum RestartProgress {
        RESTART_WAITS, /* nothing has been done to the unit */
        RESTART_GOES_ON,
        RESTART_WAS_DONE, /* whether the new instance stays up is being watched */
} RestartProgress;

/* How far a restart has come, or had when it ended. */
int deferred_restart_look(Client **client, uint64_t job, RestartProgress *ret, Failure *failure);

/* Ends one of these jobs: the unit is not stopped by it, nor restarted, unless it just was. */
int deferred_cancel(Client **client, uint64_t job, Failure *failure);

/* Starts such a job. */
int deferred_stop_start(bool system, const char *unit, uint64_t *ret_job, Failure *failure);
