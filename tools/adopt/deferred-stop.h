/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A stop of a unit that was asked for from inside of it. It is a job, which waits until the calling
 * command has ended, so that the command is not killed and whoever called gets an answer; a command that
 * takes longer is moved out. A start or a restart that is asked for before takes its place. Functions
 * return 0, or an exit status with FAILURE filled. */

#include <stdbool.h>
#include <stdint.h>

#include "lib/protocol.h"
#include "tools/client.h"
#include "tools/failure.h"

/* The job that is to stop UNIT and still runs; 0: none. *CLIENT may be NULL at first. */
int deferred_stop_find(Client **client, bool system, const char *unit, uint64_t *ret, Failure *failure);

/* Ends it: the unit is not stopped by it, unless it just was. */
int deferred_stop_cancel(Client **client, uint64_t job, Failure *failure);

/* Starts such a job. */
int deferred_stop_start(bool system, const char *unit, uint64_t *ret_job, Failure *failure);
