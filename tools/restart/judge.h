/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What to do about a unit that is being restarted: facts in, step out. */

#include <stdbool.h>
#include <stdint.h>

#include "tools/restart/unit-ports.h"
#include "tools/restart/unit.h"

#define RESTART_HEALS_MAX 2

/* Microseconds. A service that is up must stay so for a while; one without a port to look at, longer. */
#define RESTART_STABLE UINT64_C(1000000)
#define RESTART_STABLE_BLIND UINT64_C(3000000)
/* Someone else's socket may be about to be closed; a server may try again by itself when a port becomes
 * free. */
#define RESTART_PATIENCE UINT64_C(5000000)

typedef struct RestartFacts {
        const Unit *unit;
        const UnitPortsState *ports;
        bool has_ports;         /* there are ports to look at, and they are the unit's own */
        unsigned n_ended;       /* times that left-overs were ended */
        unsigned n_started;     /* times that the unit was started again */
        uint32_t n_restarts;    /* NRestarts that are not to be counted */
        bool was_closing;       /* a port was seen in TIME_WAIT since the unit was started last */
        bool start_if_inactive; /* nobody can have meant it to be down */
        bool restart_once;      /* it can be asked for once only, or somebody has cancelled it */
        bool is_old;            /* nothing has begun since: it is the instance that was to be replaced */
        uint64_t now, deadline; /* CLOCK_MONOTONIC, microseconds, as all here */
        uint64_t unchanged; /* since when the unit is in this state, with this main process and these ports
                             */
} RestartFacts;

typedef enum RestartStep {
        RESTART_WAIT,
        RESTART_DONE,
        RESTART_END_LEFT_OVERS,
        RESTART_START, /* ResetFailedUnit and StartUnit */
        RESTART_AGAIN, /* RestartUnit: it is active, but never got its port, or was never restarted */
        /* and these are the end: */
        RESTART_NOT_LOADED,
        RESTART_START_FAILED,
        RESTART_PORT_HELD, /* by someone who is not ours to end */
        RESTART_PORT_LOST, /* nobody holds it, and the unit does not listen on it */
        RESTART_STOPPED,   /* by someone else, or by itself */
        RESTART_NEVER,     /* nothing came of the request, and nothing was stopped */
        RESTART_UNSTABLE,  /* it is up again and again, and never for long */
        RESTART_TIMEOUT,
} RestartStep;

/* Pure. */
RestartStep restart_judge(const RestartFacts *facts);
