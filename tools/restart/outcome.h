/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How a restart goes and went: kept with the job, shown by `cgmove status`, handed to --then and --else.
 * Text from elsewhere (names of processes, lines of a log) may be anything; outcome_to_text() makes valid
 * JSON of it. */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/source.h"
#include "tools/restart/plan.h"

#define OUTCOME_TEXT_MAX 512
#define OUTCOME_PHASES_MAX 12
#define OUTCOME_PROCESSES_MAX 8
#define OUTCOME_LOG_LINES 10
#define OUTCOME_LOG_LINE_MAX 200

typedef struct OutcomePhase {
        const char *name;  /* a constant */
        uint64_t start;    /* CLOCK_REALTIME, microseconds */
        uint64_t duration; /* microseconds; UINT64_MAX: it is still on */
} OutcomePhase;

typedef struct OutcomeProcess {
        uint16_t port;
        pid_t pid; /* 0: not visible */
        uint32_t uid;
        char comm[32];
        char source[128]; /* "user:NAME", ...; "": not known */
        char text[256];   /* who that is, for people */
        int signal;       /* by which it was ended; 0: it was not */
} OutcomeProcess;

typedef struct Outcome {
        char unit[UNIT_NAME_MAX + 1];
        const char *state;           /* running, done, failed */
        const char *reason;          /* a constant word, see cgmove(1); NULL while it runs */
        char text[OUTCOME_TEXT_MAX]; /* one sentence */
        uint64_t downtime;           /* microseconds; UINT64_MAX: not known */
        OutcomePhase phases[OUTCOME_PHASES_MAX];
        size_t n_phases;
        uint16_t ports[PLAN_PORTS_MAX];
        size_t n_ports;
        OutcomeProcess holders[OUTCOME_PROCESSES_MAX]; /* who else held a port of the unit */
        size_t n_holders;
        OutcomeProcess ended[OUTCOME_PROCESSES_MAX]; /* what was ended for it */
        size_t n_ended;
        char log[OUTCOME_LOG_LINES][OUTCOME_LOG_LINE_MAX]; /* what the unit logged last */
        size_t n_log;
} Outcome;

void outcome_init(Outcome *outcome, const char *unit);

/* Ends the phase before, if any. NAME is a constant; the same name again goes on. */
void outcome_begin_phase(Outcome *outcome, const char *name);

/* Ends it all. STATE and REASON are constants. */
void outcome_end(Outcome *outcome, const char *state, const char *reason, const char *format, ...)
                __attribute__((format(printf, 4, 5)));

/* Once for each process and port; more than fit are dropped. */
void outcome_add_holder(Outcome *outcome, const OutcomeProcess *process);
void outcome_add_ended(Outcome *outcome, const OutcomeProcess *process);

/* The object that is documented in cgmove(1), as text of at most CGMOVE_OUTCOME_MAX bytes, as the daemon takes it: where it would be longer, the
 * oldest lines of the log, then processes are left out. NULL: out of memory. The caller frees it. */
char *outcome_to_text(const Outcome *outcome);

/* The sentence for a job of UNIT ("user:NAME" or "system:NAME") that has ended and told no end. */
const char *outcome_cut_off(const char *unit);

/* Prints the object of a job, whoever wrote it, as lines of `cgmove status`. IS_RUNNING: the job; if it is
 * not, and there is no end in the object, the restart of UNIT was cut off. */
void outcome_print(const json_t *object, const char *unit, bool is_running);

/* One line on what goes on now, for `--wait`. */
void outcome_describe(const json_t *object, char *text, size_t size);
