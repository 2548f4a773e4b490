/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The guard of a restart: a transient unit of the user's manager, which outlives the job. It waits until the
 * process that does the restart has ended, and should that have been cut off, watches and heals in its
 * place, so that the unit is up in the end. Its manager starts it again should it be killed too. */

#include "tools/restart/plan.h"
#include "tools/restart/unit.h"

/* Has the manager start the guard of PLAN, whose job and restarted are set, for the calling process. Returns
 * 0, or an exit status with FAILURE filled. */
int guard_start(UnitManager *manager, const RestartPlan *plan, Failure *failure);

/* It is not needed any more. */
void guard_stop(UnitManager *manager, const RestartPlan *plan);
