/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The calling command: what a unit's main process runs, and in which someone asked for the restart. A
 * service that drains waits for it, so the restart must wait for its end first. */

#include "tools/restart/plan.h"

/* Whether process PID is in the plan's unit: 1 or 0, or a negative errno. */
int calling_is_inside(int proc_fd, pid_t pid, const RestartPlan *plan);

/* Notes the calling process and those above it that are in the plan's unit too; none if it is not in there.
 */
void calling_note_ancestors(int proc_fd, RestartPlan *plan);

/* The calling command is the ancestor PID, by the caller's word: the only one that is left in the plan. Returns
 * 0; -ESRCH if it is none of the noted ones. Pure. */
int calling_set_command(RestartPlan *plan, pid_t pid);

/* The ancestor that is below the service itself. That is MAIN_PID, unless it only started what listens on
 * ports: then the uppermost ancestor that does, for which LISTENS has true at its place. The uppermost
 * ancestor if the service is none of them (MAIN_PID is 0, or it is a command that was left over from an
 * earlier start). NULL if there are none. Pure. */
const PlanProcess *calling_command(const RestartPlan *plan, pid_t main_pid,
                                   const bool listens[static PLAN_ANCESTORS_MAX]);

/* The same, with a look at who listens now. */
const PlanProcess *calling_find_command(int proc_fd, const RestartPlan *plan, pid_t main_pid);

/* Returns a pidfd of PROCESS; -ESRCH if it has ended, whoever has its number now. */
int plan_process_open(int proc_fd, const PlanProcess *process);
