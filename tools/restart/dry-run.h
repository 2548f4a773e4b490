/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* `cgmove restart --dry-run`: everything up to the restart itself, and what would be done then. */

#include <stdbool.h>

#include "tools/failure.h"
#include "tools/restart/plan.h"

/* SOURCE: "user:UNIT" or "system:UNIT". Prints; returns 0 if a restart would be tried now, or an exit
 * status, with FAILURE filled unless all was said. */
int restart_dry_run(const RestartPlan *plan, const char *source, bool json, Failure *failure);
