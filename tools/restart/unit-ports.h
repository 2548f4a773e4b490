/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The TCP ports of a unit, before and after: which it listens on, and who has those that its new instance lacks.
 *
 * That a port answers proves nothing: the backlog of a left-over child answers too, and has the same socket and
 * cgroup. What counts is which process has the socket open. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/net/port-holder.h"
#include "tools/restart/outcome.h"
#include "tools/restart/plan.h"
#include "tools/restart/unit.h"

typedef struct UnitPorts {
        uint16_t wanted[PLAN_PORTS_MAX]; /* what the new instance must have */
        size_t n_wanted;
        size_t n_any; /* besides, so many ports that the kernel chooses: they differ from start to start */
} UnitPorts;

/* Adds those that processes of UNIT listen on to the ones in WANTED. Returns 0 or a negative errno. */
int unit_ports_note(int proc_fd, const Unit *unit, UnitPorts *ports);

/* What is in the way of ports that the new instance lacks. */
typedef struct UnitPortsState {
        size_t n_missing;   /* ports that the main process and those below it don't have */
        size_t n_left_over; /* of them: with a left-over */
        size_t n_foreign;   /* of them: with someone else */
        size_t n_time_wait; /* of them: with nothing but closed connections in TIME_WAIT */
        PortHolder left_overs[OUTCOME_PROCESSES_MAX]; /* each process once for each port */
        size_t n_left_overs;
} UnitPortsState;

/* Looks at the ports now. RESTARTED: what is in the unit, was started before (clock ticks since boot), is the caller's
 * own and is neither the unit's main or control process nor below one, is left over. Foreign holders are added to
 * OUTCOME. Returns 0 or a negative errno. */
int unit_ports_look(int proc_fd, const Unit *unit, const UnitPorts *ports, uint64_t restarted, UnitPortsState *ret,
                    Outcome *outcome);

/* Whether CGROUP is GROUP or lies below it. Pure. */
bool cgroup_is_within(const char *cgroup, const char *group);

/* For the outcome: who HOLDER is. */
void outcome_process_from_holder(const PortHolder *holder, OutcomeProcess *ret);
