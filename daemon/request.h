/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A Move() from its arrival to its answer: facts, the managers' word on main processes, the pool, the
 * descendants, the decision over all of it, the move. Each step either goes on with the next or answers;
 * what must be waited for calls back. */

#include <systemd/sd-bus.h>

#include "daemon/connection.h"
#include "daemon/decision.h"
#include "daemon/tree.h"

/* Handlers of Move(), and of Check() (check.c), Explain() (explain.c), OpenSession() and CloseSession() (session.c) of
 * org.cgmove1.Manager. */
int request_move(sd_bus_message *message, Connection *connection, sd_bus_error *ret_error);
int request_check(sd_bus_message *message, Connection *connection, sd_bus_error *ret_error);
/* Goes on with the moves that wait for a policy that is being loaded (see daemon.c). */
void request_resume_parked(Daemon *daemon);

int request_explain(sd_bus_message *message, Connection *connection, sd_bus_error *ret_error);
int request_open_session(sd_bus_message *message, Connection *connection, sd_bus_error *ret_error);
int request_close_session(sd_bus_message *message, Connection *connection, sd_bus_error *ret_error);

/* Reads the "ah" that a message goes on with into TARGETS; it may be empty. Returns 0, or what to answer
 * with as sd_bus_error_*() gives it. */
int request_read_processes(sd_bus_message *message, const Kernel *kernel, Targets *targets, sd_bus_error *ret_error);

typedef struct MoveOptions {
        char *name;
        char *command;
        char *log;
        char *log_directory;
        char *restart; /* what the job is to restart, see service_from_string(); NULL: nothing, kind says so */
        JobKind kind;
        bool self;
        bool tree;
        bool reset_oom_score;
} MoveOptions;

/* Adds the caller itself where the options ask for it. From then on there must be a target. Returns as
 * above.
 *
 * The caller is known by SO_PEERPIDFD. Before Linux 6.5 it is the process that has the number of SO_PEERCRED
 * now: should the caller have ended and left its connection to another process, that may be another one of
 * the same user, whom the decision is about then like about any target; never a stranger, who would not be
 * his. */
int request_add_caller(const Connection *connection, const MoveOptions *options, Targets *targets,
                       sd_bus_error *ret_error);

/* Reads the "a{sv}" that a message goes on with. Refuses unknown keys and bad values. */
int move_options_read(sd_bus_message *message, MoveOptions *ret, sd_bus_error *ret_error);
void move_options_done(MoveOptions *options);
