/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a move would be told: Check() of org.cgmove1(5), which moves nothing. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/client.h"
#include "tools/failure.h"

/* One process. The strings are those of the answer. */
typedef struct Check {
        uint32_t pid;
        int allowed;
        const char *command, *source, *section, *error, *message; /* "" where there is nothing to say */
} Check;

/* Asks about the processes, given as pidfds; RESTART as in MoveRequest, NULL: none. Returns 0, or an exit
 * status with FAILURE filled. */
int check_call(Client *client, const int *pidfds, size_t n_pidfds, bool tree, const char *restart,
               sd_bus_message **ret_answer, Failure *failure);

/* Enters the list in ANSWER; check_next() then returns 1 with the next one, 0 at the end, or a negative
 * errno. */
int check_enter(sd_bus_message *answer);
int check_next(sd_bus_message *answer, Check *ret);

/* The last part of the name of the error, "" where there is none. */
const char *check_code(const Check *check);

/* The exit status for a check that was not allowed. */
int check_status(const Check *check);
