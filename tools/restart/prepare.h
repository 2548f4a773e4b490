/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What is looked at before anything is stopped; for the restart itself and for `--dry-run`. */

#include "tools/restart/outcome.h"
#include "tools/restart/plan.h"
#include "tools/restart/unit-ports.h"
#include "tools/restart/unit.h"

/* How long a unit may take to stop and to start again, with some time for ports to become free. */
uint64_t restart_timeout(const RestartPlan *plan, const Unit *unit);

/* Loaded, not masked; has the manager read changed files again, and the unit with them. Returns 0, or an
 * exit status with OUTCOME ended. */
int restart_check(UnitManager *manager, const RestartPlan *plan, bool may_reload, Unit *ret,
                  Outcome *outcome);

/* The ports of the plan, or if it names none, those that the unit has; also into OUTCOME. Returns 0, or an
 * exit status with OUTCOME ended. */
int restart_note_ports(int proc_fd, const RestartPlan *plan, const Unit *unit, UnitPorts *ret,
                       Outcome *outcome);
