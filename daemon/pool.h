/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Pools: the unit cgmove@UID.service in user-cgmove-UID.slice, one for each user who has jobs. A pool is
 * started when it is first needed (limits of settings->pool set on the service, through the manager), is
 * found again after a restart of the daemon, and is stopped when it has had no job for
 * settings->pool_idle. With TREE_DIRECT the same layout is made and removed by the daemon itself, and no
 * manager is asked.
 *
 * systemd: Delegate= and "single writer" of https://systemd.io/CGROUP_DELEGATION; a delegated unit needs a
 * process to live, hence cgmove-keeper in the subgroup "keeper". */

#include <stdbool.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "daemon/kernel.h"
#include "daemon/systemd-manager.h"
#include "lib/cleanup.h"
#include "lib/settings.h"

typedef struct PoolSet PoolSet;
typedef struct Pool Pool;
typedef struct PoolWait PoolWait;

/* SETTINGS, ROOT_FD (the directory of the cgroup v2 root) and SYSTEM (PID 1; NULL with TREE_DIRECT) must
 * outlive the set; settings may change in place at a reload. */
int pool_set_new(sd_event *event, const Settings *settings, int root_fd, SystemdManager *system,
                 PoolSet **ret);
/* Stops no pool. Waits are never told then, and pools still held live on for their holders. */
PoolSet *pool_set_free(PoolSet *set);
DEFINE_CLEANUP(PoolSet, pool_set_free)

/* ERROR 0: POOL runs. -EUSERS: max_pools. Else why it could not be started, with words in MESSAGE. */
typedef void (*pool_ready_t)(int error, const char *message, Pool *pool, void *userdata);

/* Starts the pool of UID if need be and calls READY: before returning if it runs already or cannot be
 * started at all, and *ret_wait is NULL then (set before the call). Freeing the wait cancels the callback
 * only; it is to be freed after the callback too. Checks each time that a running pool is still there and
 * not being stopped; if it is, waits until it can be started again: a new Pool then, next to the old one
 * that its jobs still hold. Returns 0, or -ENOMEM without READY having been called. */
int pool_set_ensure(PoolSet *set, uid_t uid, pool_ready_t ready, void *userdata, PoolWait **ret_wait);

/* Starts the pool of UID, as pool_set_ensure() does, for nobody who waits: so that it runs when a first job
 * needs it. One that runs is not stopped for another settings->pool_idle. Returns 0, also while it starts;
 * -EUSERS if it is not there and half of the host's max_pools are: the others are for jobs; or why it cannot
 * be started. What fails later is logged. */
int pool_set_prepare(PoolSet *set, uid_t uid);

PoolWait *pool_wait_free(PoolWait *wait);
DEFINE_CLEANUP(PoolWait, pool_wait_free)

/* At daemon start: walks user.slice/user-cgmove.slice and enters every running pool (its keeper group
 * exists). FOUND is called once for each. */
typedef void (*pool_found_t)(Pool *pool, void *userdata);
int pool_set_discover(PoolSet *set, pool_found_t found, void *userdata);

/* Pools that run, start or stop. Looks first which ones an administrator has stopped, and forgets them. */
unsigned pool_set_count(PoolSet *set);

uid_t pool_uid(const Pool *pool);
int pool_fd(const Pool *pool); /* its cgroup directory, owned by the pool */
/* "/user.slice/user-cgmove.slice/user-cgmove-UID.slice/cgmove@UID.service" */
const char *pool_path(const Pool *pool);
unsigned pool_n_jobs(const Pool *pool); /* its holds: jobs, and moves under way */

/* True if the keeper has ended, or is about to: the unit is being stopped, and all jobs with it. (TREE_DIRECT
 * has no keeper: true if the pool is no longer there.) */
bool pool_keeper_is_gone(const Pool *pool, const Kernel *kernel);

/* Which of "pids", "memory", "cpu" can be set on jobs here (subtree_control of the pool, enabled at start
 * as available). */
bool pool_has_controller(const Pool *pool, const char *controller);

/* Jobs and moves under way hold a pool: it is not stopped while one does. */
void pool_hold(Pool *pool);
void pool_release(Pool *pool);
void pool_hold_for_good(Pool *pool); /* as long as it runs: nobody would know when to release it */

/* Told by whoever sees the pool's directory go (the administrator stopped it): forgets it once nothing
 * holds it. The teller holds it; it may be told more than once. */
void pool_gone(Pool *pool);
