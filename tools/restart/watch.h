/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* From the request to the manager on: watches the unit until it is up for good, heals it where its own
 * left-overs keep it down, and says how it went. */

#include <stdbool.h>
#include <stdint.h>

#include "tools/failure.h"
#include "tools/restart/outcome.h"
#include "tools/restart/plan.h"
#include "tools/restart/unit-ports.h"
#include "tools/restart/unit.h"

/* Microseconds for which the manager's job is followed: a start that waits for its port (ExecStartPre=) is
 * healed meanwhile. */
#define RESTART_FOLLOW_MAX UINT64_C(1000000)

typedef struct RestartWatch {
        UnitManager *manager;
        const RestartPlan *plan;
        Outcome *outcome;
        int proc_fd;
        UnitPorts ports;
        bool socket_activated; /* the ports are the socket's, not the unit's */
        uint32_t n_restarts;   /* NRestarts when the restart was asked for */
        const char *replaces;  /* the unit's InvocationID then; NULL if any will do */
        bool start_if_inactive;
        uint64_t restarted; /* when it was asked for, see restart_ticks() */
        uint64_t issued, timeout; /* microseconds; when it was asked for (CLOCK_MONOTONIC), and how long it
                                     may take */
        unit_tick_t tick;         /* called some times a second; may be NULL */
        void *userdata;
} RestartWatch;

/* Now, in clock ticks since boot, as the start times of processes are told. */
uint64_t restart_ticks(void);

/* Ends the outcome. Returns true if the unit is up. */
bool restart_watch(RestartWatch *watch);

/* Ends the outcome for a manager that said no, or is gone. */
void restart_manager_failed(Outcome *outcome, const Failure *failure);
