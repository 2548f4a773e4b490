/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Who is at the other end of a socket, by the kernel's word alone: SO_PEERCRED and SO_PEERGROUPS (unix(7),
 * socket(7)), as they were at connect(2), and SO_PEERPIDFD where the kernel has it (6.5). */

#include <stddef.h>
#include <sys/types.h>

#include "lib/cleanup.h"

typedef struct Caller {
        uid_t uid;
        pid_t pid;   /* for logs and Explain only: may be reused; 0 outside our PID namespace */
        int pidfd;   /* -1 before Linux 6.5 */
        gid_t *gids; /* primary and supplementary groups */
        size_t n_gids;
} Caller;

#define CALLER_INIT { .uid = UID_NONE, .pidfd = -1 }

/* Returns 0 or a negative errno. */
int caller_from_socket(int fd, Caller *ret);
void caller_done(Caller *caller);
