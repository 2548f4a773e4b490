/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The full escape of `cgmove run`: a process with nothing of the caller but its credentials, folder
 * and environment moves itself into a job and becomes cgmove-supervise with the command. */

#include <stdbool.h>
#include <stdint.h>

#include "lib/protocol.h"
#include "tools/failure.h"
#include "tools/output.h"

typedef struct Escape {
        const char *name;          /* NULL: none */
        const char *log;           /* absolute path of the log, or NULL */
        const char *log_directory; /* or the folder for it, or NULL. Both NULL: no log */
        uint64_t delay;            /* microseconds before the command starts */
        const char *restart;       /* "user:UNIT" or "system:UNIT" that the command is to restart, or NULL */
        const char *shown;         /* the command line for display; NULL: that of COMMAND */
        bool keep_environment;
        bool wait_for_caller;      /* the command starts when this process has ended: whoever called has its answer then */
        char **command;
} Escape;

/* What comes back from the escaped process. One atomic write to a pipe. */
typedef struct EscapeReport {
        uint64_t job; /* 0: FAILURE says why not */
        bool joined;  /* it is an earlier job, which restarts that unit already: nothing was started */
        char log[CGMOVE_LOG_PATH_MAX];
        Failure failure;
} EscapeReport;

/* Returns 0 and the job, once the command is out of here and free of everything of this process, or an
 * exit status. */
int escape_run(const Escape *escape, Progress *progress, EscapeReport *ret);
