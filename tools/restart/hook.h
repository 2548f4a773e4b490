/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Commands of the caller around a restart: one string for /bin/sh -c each, run in the job, as the user. */

#include <stdbool.h>
#include <stdint.h>

#include "tools/restart/outcome.h"

#define HOOK_WHEN_PATIENCE (UINT64_C(600) * 1000000) /* microseconds for which --when is asked */

/* Runs COMMAND until it succeeds, once a second, for PATIENCE microseconds at most: what still runs then is
 * killed with its process group. Returns false if it never did. */
bool hook_wait_until(const char *command, uint64_t patience);

/* Runs COMMAND to its end with the outcome in its environment: CGMOVE_RESULT, CGMOVE_REASON, CGMOVE_TEXT,
 * CGMOVE_UNIT, CGMOVE_JOB, CGMOVE_DOWNTIME_USEC, CGMOVE_OUTCOME. */
void hook_tell(const char *command, const Outcome *outcome, uint64_t job);
