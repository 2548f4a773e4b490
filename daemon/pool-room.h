/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Room for more tasks in a pool and in the slices above it that hold nothing but pools. The kernel refuses a
 * fork for pids.max, of whichever group, and never a migration: so whoever moves has to look. What limits
 * user.slice has counted the processes where they come from already. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/target.h"

typedef enum RoomPlace {
        ROOM_POOL,   /* cgmove@UID.service */
        ROOM_SLICE,  /* user-cgmove-UID.slice */
        ROOM_SLICES, /* user-cgmove.slice */
        _ROOM_PLACES,
} RoomPlace;

/* A group that has no room. */
typedef struct RoomFull {
        RoomPlace place;
        uint64_t current, max; /* tasks */
} RoomFull;

/* Tasks that the pool of UID gets by a move of TARGETS: what is in another job of it counts there already. */
uint64_t room_newcomers(uid_t uid, const Target *targets, size_t n_targets);

/* Whether MORE tasks than there are now pass a limit of the pool with the directory POOL_FD, or of a slice
 * above it: the lowest that is too full, in *ret. What has no limit, for want of the controller too, is never
 * full. Returns 1, 0, or a negative errno if it cannot be told. */
int room_is_lacking(int pool_fd, uint64_t more, RoomFull *ret);
