/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Inside of pool: the set (pool.c) and the way of one pool from asked for to running (pool-start.c). */

#include <stdbool.h>
#include <sys/queue.h>

#include "daemon/pool-tree.h"
#include "daemon/pool.h"

typedef enum PoolState {
        POOL_STARTING,
        POOL_RUNNING,
        POOL_STOPPING, /* no hold; new requests wait, and start it again */
        POOL_GONE,     /* no longer in the set; freed when the last hold goes */
} PoolState;

struct PoolWait {
        TAILQ_ENTRY(PoolWait) of_pool;
        Pool *pool; /* NULL once it was told */
        pool_ready_t ready;
        void *userdata;
};

struct Pool {
        PoolSet *set;
        uid_t uid;
        PoolState state;
        int fd;
        unsigned controllers;
        unsigned n_holds;
        bool is_held_for_good; /* by one of them */
        bool is_wanted_again; /* prepared while it is being stopped */
        bool may_lack_limits; /* found again without a job: the daemon may have been killed before it set them */
        char path[POOL_PATH_MAX];
        char unit[POOL_UNIT_MAX];
        SystemdPoolLimits limits; /* while it is being started */
        SystemdCall *call;
        sd_event_source *timer; /* idle, or (TREE_DIRECT, and failures) the next step out of the loop */
        TAILQ_HEAD(PoolWaits, PoolWait) waits; /* first come, first told */
};

struct PoolSet {
        sd_event *event;
        const Settings *settings;
        int root_fd;
        SystemdManager *system;
        void *pools; /* tsearch(3), by uid */
        unsigned n_pools;
};

/* Begins to start POOL; returns a negative errno if that is impossible at once. Ends in pool_started() or
 * pool_failed(). */
int pool_start(Pool *pool);

/* Opens the directory of a pool whose unit runs, and prepares it for jobs. */
int pool_open(Pool *pool);

void pool_started(Pool *pool);
void pool_failed(Pool *pool, int error, const char *message);
