/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Snapshots from the daemon, over the private socket and without ever waiting: a ListJobs(), then a GetJob() for each
 * running job, few at a time, so that others have their turn between them. */

#include <stdint.h>

#include "lib/cleanup.h"
#include "tools/failure.h"
#include "tools/top/snapshot.h"

#define FEED_JOBS_MAX 256 /* the newest; others are counted */
#define FEED_TIMEOUT                                                                                        \
        (UINT64_C(45) * 1000000) /* microseconds for one snapshot; then the daemon is given up */

typedef struct Feed Feed;
int feed_new(const char *socket_path, Feed **ret); /* 0 or -ENOMEM */
Feed *feed_free(Feed *feed);
DEFINE_CLEANUP(Feed, feed_free)

/* Begins a snapshot, if none is under way; connects first, where there is no connection. Returns 0, or an exit status with
 * FAILURE filled. */
int feed_begin(Feed *feed, Failure *failure);

/* When the one that is under way was begun (CLOCK_MONOTONIC, microseconds); 0: none is. */
uint64_t feed_since(const Feed *feed);

/* What poll(2) is to look at, and at which time (CLOCK_MONOTONIC, UINT64_MAX: never) feed_step() has to be called whatever
 * happens. The descriptor is -1 where there is nothing to look at. */
void feed_get_poll(const Feed *feed, int *ret_fd, short *ret_events, uint64_t *ret_until);

/* Goes on with it. Returns 1 with *ret filled (the caller calls snapshot_done()), 0 if it is not complete or none is under
 * way, or -1 with FAILURE filled: then it is over, and the next one may have more luck. */
int feed_step(Feed *feed, Snapshot *ret, Failure *failure);
