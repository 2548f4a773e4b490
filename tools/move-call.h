/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The one call that moves, see Move() in org.cgmove1(5). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/client.h"
#include "tools/failure.h"

typedef struct MoveRequest {
        const int *pidfds;
        size_t n_pidfds;
        const char *kind; /* "run", "exec", "move" */
        /* NULL: not given */
        const char *name;
        const char *command; /* for display, valid UTF-8 */
        const char *log;     /* absolute path */
        const char *log_directory;
        const char *restart; /* "user:NAME.service" or "system:NAME.service"; KIND may be NULL then */
        bool tree;
        bool reset_oom_score;
} MoveRequest;

/* Returns 0, or an exit status with FAILURE filled. */
int move_call(Client *client, const MoveRequest *request, Progress *progress, uint64_t *ret_id,
              Failure *failure);

/* Moves the calling process itself (the pidfds of REQUEST are ignored). A connection that breaks in
 * the middle is no failure if the move was made all the same, which the process sees from its cgroup;
 * else it is tried again for some seconds. */
int move_self(Client **client, MoveRequest request, Progress *progress, uint64_t *ret_id, Failure *failure);
