/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a restart is to do: made from the command line by `cgmove restart`, handed on as the command line of
 * the job's own process, and by that to its guard. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/source.h"

#define PLAN_PORTS_MAX 32
#define PLAN_ANCESTORS_MAX 16
#define PLAN_ARGUMENTS_MAX (2 * PLAN_PORTS_MAX + PLAN_ANCESTORS_MAX + 16)

/* In the environment of a unit: what `cgmove restart` of it, from inside, takes for its --when if it is given
 * none. */
#define PLAN_WHEN_VARIABLE "CGMOVE_RESTART_WHEN"

/* One process, whatever becomes of its number. */
typedef struct PlanProcess {
        pid_t pid;          /* 0: none */
        uint64_t starttime; /* clock ticks since boot */
} PlanProcess;

typedef struct RestartPlan {
        char unit[UNIT_NAME_MAX + 1];
        bool system;       /* a unit of the system manager */
        uint64_t delay;    /* microseconds, after the calling command has ended */
        uint64_t patience; /* microseconds for each thing that is waited for before anything is stopped; 0:
                              as usual */
        uint64_t timeout;  /* microseconds, from the request to the manager until the unit must be up; 0: as
                              the unit has it */
        const char *when, *then, *otherwise; /* for /bin/sh -c; NULL: none */
        uint16_t ports[PLAN_PORTS_MAX]; /* that the unit must listen on; none: those it listens on before */
        size_t n_ports;
        /* The caller and those above it that are in the unit, the caller first; none if it is not in there.
         * One of them is the command that is waited for. */
        PlanProcess ancestors[PLAN_ANCESTORS_MAX];
        size_t n_ancestors;
        pid_t main_pid;   /* of the unit, in the caller only; 0: not known */
        bool do_not_wait; /* the caller waits for the outcome: its command is moved out instead */
        /* for the guard: */
        uint64_t job;
        PlanProcess engine;
        uint64_t restarted; /* clock ticks since boot: what is older is left over */
} RestartPlan;

/* "18789" into the plan, unless it is there. Returns 0; -EINVAL; -E2BIG. Pure. */
int plan_add_port(RestartPlan *plan, const char *text);

/* A command about the unit, to be put before people: "systemctl --user status NAME", with PROGRAM and VERB, of the manager that
 * the unit is of; the name as one word of a shell. Pure. */
typedef struct PlanCommand {
        char text[UNIT_NAME_MAX + 64];
} PlanCommand;
PlanCommand plan_command(const RestartPlan *plan, const char *program, const char *verb);

/* The options of the hidden verbs for PLAN, as NULL-terminated ARGUMENTS; their text is in BUFFER, which the
 * caller frees, or the plan's own. Returns 0 or -ENOMEM. */
int plan_to_arguments(const RestartPlan *plan, const char *program, const char *verb,
                      char *arguments[static PLAN_ARGUMENTS_MAX], char **ret_buffer);

/* The reverse; argv[0] is the verb. Strings of the plan are those of ARGV. Returns 0 or -EINVAL. Pure. */
int plan_from_arguments(int argc, char **argv, RestartPlan *ret);
