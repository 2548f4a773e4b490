/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Descriptors put by, so that what was begun can be undone when there are none left: a process that was moved
 * must be able to go back, and nobody may stay in ice. */

#include "lib/cleanup.h"

#define FD_RESERVE_SIZE 8 /* as deep as the undoing of a move opens files */

typedef struct FdReserve {
        int fds[FD_RESERVE_SIZE];
        unsigned n;
} FdReserve;

/* Before something is begun that may have to be undone. Returns 0, or a negative errno (-EMFILE, -ENFILE,
 * -ENOMEM): then it had better not be begun. Costs nothing while it is full. */
int fd_reserve_fill(FdReserve *reserve);

/* Gives them up, for the undoing. */
void fd_reserve_release(FdReserve *reserve);
