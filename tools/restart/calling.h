/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The calling command: what a unit's main process runs, and in which someone asked for the restart. A service that
 * drains waits for it, so the restart must wait for its end first. */

#include "tools/restart/plan.h"

/* Notes the calling process and those above it that are in the plan's unit too; none if it is not in there. */
void calling_note_ancestors(int proc_fd, RestartPlan *plan);

/* Whether the plan's unit is where the process is. */
bool calling_is_inside(int proc_fd, pid_t pid, const RestartPlan *plan);

/* The ancestor that is a child of MAIN_PID; the uppermost one if MAIN_PID is none of them (0, or a process that was
 * left over from an earlier start). NULL if there are none. Pure. */
const PlanProcess *calling_command(const RestartPlan *plan, pid_t main_pid);

/* Returns a pidfd of PROCESS; -ESRCH if it has ended, whoever has its number now. */
int plan_process_open(int proc_fd, const PlanProcess *process);
