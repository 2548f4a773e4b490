/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tools/client.h"
#include "tools/restart/plan.h"

/* A command that would be killed with its unit comes along, with all it has started: it is not lost, whatever it
 * does that takes so long. PIDFD is that of COMMAND. *CLIENT may be NULL at first. Tried again for some seconds
 * where that may help. Returns 0, also if it has ended, or has left the unit of PLAN by itself; or an exit status
 * with FAILURE filled: then it is in there still, and whoever stops the unit kills it. */
int calling_move_out(Client **client, int proc_fd, const RestartPlan *plan, const PlanProcess *command,
                     int pidfd, Failure *failure);
