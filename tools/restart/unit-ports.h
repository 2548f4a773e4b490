/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The TCP ports of a unit, before and after: which it listens on, and who has those that its new instance
 * lacks.
 *
 * That a port answers proves nothing: the backlog of a left-over child answers too, and has the same socket
 * and cgroup. What counts is which process has the socket open. */

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
        TcpSocket noted[2 * PLAN_PORTS_MAX]; /* the sockets it had them with, as far as they are known */
        size_t n_noted;
        uint16_t any[PLAN_PORTS_MAX]; /* besides, so many that the kernel has chosen: they differ from start
                                         to start */
        size_t n_any;
} UnitPorts;

/* Adds those that processes of UNIT listen on to the ones in WANTED; not those of processes that another one
 * which listens has started: they are commands of the service, which may be gone after a restart or live on.
 * Returns 0 or a negative errno. */
int unit_ports_note(int proc_fd, const Unit *unit, UnitPorts *ports);

/* What is in the way of ports that the new instance lacks. */
typedef struct UnitPortsState {
        size_t n_missing;   /* ports that the main process and those below it don't have */
        size_t n_left_over; /* of them: with a left-over */
        size_t n_foreign; /* of them: with someone else, on an address that the unit had, if that is known */
        size_t n_time_wait; /* of them: with nothing but closed connections, in TIME_WAIT or on the way
                             * there, that keep a server from it, see time_wait_blocks() */
        PortHolder left_overs[OUTCOME_PROCESSES_MAX]; /* each process once */
        size_t n_left_overs;
        PortHolder foreign; /* the first of them, with n_foreign */
} UnitPortsState;

/* Looks at the ports now. RESTARTED (clock ticks since boot): what is in the unit, was started before, is
 * the caller's own and is neither the unit's main or control process nor below one, is left over. Of an
 * active unit without a main process (see Type=forking), what is in it and was started since is the new
 * instance; a socket of which no process is seen is the active unit's if it was made in there. Foreign
 * holders and left-overs are added to OUTCOME. Returns 0 or a negative errno. */
int unit_ports_look(int proc_fd, const Unit *unit, const UnitPorts *ports, uint64_t restarted,
                    UnitPortsState *ret, Outcome *outcome);

/* Whether CGROUP is GROUP or lies below it. Pure. */
bool cgroup_is_within(const char *cgroup, const char *group);

/* For the outcome: who HOLDER is. */
void outcome_process_from_holder(const PortHolder *holder, OutcomeProcess *ret);
