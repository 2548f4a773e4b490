/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/pool.h"

#include <errno.h>
#include <inttypes.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/log.h"
#include "daemon/pool-private.h"
#include "lib/values.h"

#define IDLE_ACCURACY_USEC (UINT64_C(1000) * 1000)

static int compare_uid(const void *a, const void *b) {
        const Pool *x = a, *y = b;

        return x->uid < y->uid ? -1 : x->uid > y->uid;
}

static Pool *set_find(PoolSet *set, uid_t uid) {
        const Pool key = { .uid = uid };
        Pool **found;

        found = tfind(&key, &set->pools, compare_uid);
        return found ? *found : NULL;
}

static Pool *pool_free(Pool *pool) {
        if (!pool)
                return NULL;
        systemd_call_free(pool->call);
        sd_event_source_disable_unref(pool->timer);
        closep(&pool->fd);
        free(pool);
        return NULL;
}
DEFINE_CLEANUP(Pool, pool_free)

/* A new pool in the set, not running. */
static int pool_new(PoolSet *set, uid_t uid, Pool **ret) {
        _cleanup_(pool_freep) Pool *pool = calloc(1, sizeof(Pool));

        if (!pool)
                return -ENOMEM;
        *pool = (Pool){ .set = set, .uid = uid, .fd = -1, .state = POOL_STARTING };
        TAILQ_INIT(&pool->waits);
        pool_tree_path(uid, pool->path);
        pool_tree_unit(uid, pool->unit);
        if (!tsearch(pool, &set->pools, compare_uid))
                return -ENOMEM;
        set->n_pools++;
        *ret = TAKE_PTR(pool);
        return 0;
}

/* Takes POOL out of the set: another one of the same user may take its place. */
static void pool_detach(Pool *pool) {
        if (pool->state == POOL_GONE)
                return;
        (void) tdelete(pool, &pool->set->pools, compare_uid);
        pool->set->n_pools--;
        pool->state = POOL_GONE;
        if (pool->is_held_for_good)
                pool->n_holds--;
        pool->is_held_for_good = false;
        pool->call = systemd_call_free(pool->call);
        pool->timer = sd_event_source_disable_unref(pool->timer);
}

int pool_set_new(sd_event *event, const Settings *settings, int root_fd, SystemdManager *system,
                 PoolSet **ret) {
        PoolSet *set = calloc(1, sizeof(PoolSet));

        if (!set)
                return -ENOMEM;
        *set = (PoolSet){
                .event = sd_event_ref(event),
                .settings = settings,
                .root_fd = root_fd,
                .system = system,
        };
        *ret = set;
        return 0;
}

PoolSet *pool_set_free(PoolSet *set) {
        if (!set)
                return NULL;
        while (set->pools) {
                Pool *pool = *(Pool **) set->pools; /* the root of the tree */
                PoolWait *wait;

                while ((wait = TAILQ_FIRST(&pool->waits))) {
                        TAILQ_REMOVE(&pool->waits, wait, of_pool);
                        wait->pool = NULL;
                }
                pool_detach(pool);
                if (pool->n_holds == 0)
                        pool_free(pool);
        }
        sd_event_unref(set->event);
        free(set);
        return NULL;
}

/* The directory may have been removed behind our back, and made again; or the unit is being stopped just
 * now, which the keeper shows first. Then StartUnit waits for the end of that, as systemd
 * orders its jobs. */
static bool pool_is_usable(const Pool *pool) {
        return pool_tree_has_keeper(pool->fd, pool->set->settings->tree == TREE_SYSTEMD);
}

/* --- stopping when idle -------------------------------------------------------------------------------- */

static void pool_stopped(Pool *pool) {
        int r;

        closep(&pool->fd);
        pool->fd = -1;
        if (TAILQ_EMPTY(&pool->waits) && !pool->is_wanted_again) {
                pool_detach(pool);
                pool_free(pool);
                return;
        }
        pool->is_wanted_again = false;
        r = pool_start(pool);
        if (r < 0)
                pool_failed(pool, r, NULL);
}

static void log_stopped(const Pool *pool, const char *how) {
        log_event(LOG_KIND_POOL_STOPPED, pool->uid, NULL, "The pool of user %" PRIu32 " (%s) %s", pool->uid,
                  pool->unit, how);
}

/* Whether stopping worked or not, to start the unit is the right thing to do for whoever waits. */
static void on_stopped(int error, const char *message, void *userdata) {
        Pool *pool = userdata;

        if (error < 0)
                log_failure(NULL, "The pool %s could not be stopped: %s", pool->unit,
                            message ? message : strerror(-error));
        else
                log_stopped(pool, "is stopped: it had no job for a while");
        pool->call = systemd_call_free(pool->call);
        pool_stopped(pool);
}

static int arm_idle(Pool *pool);

static int on_idle(sd_event_source *source, uint64_t usec, void *userdata) {
        Pool *pool = userdata;

        if (!pool_is_usable(pool)) {
                pool_gone(pool);
                return 0;
        }
        /* nobody holds it, and still somebody lives there: what we do not know we do not end */
        if (pool_tree_is_used(pool->fd)) {
                (void) arm_idle(pool);
                return 0;
        }

        pool->state = POOL_STOPPING;
        if (pool->set->settings->tree == TREE_DIRECT) {
                (void) pool_tree_remove(pool->set->root_fd, pool->uid);
                log_stopped(pool, "is removed: it had no job for a while");
                pool_stopped(pool);
        } else if (systemd_manager_stop_unit(pool->set->system, pool->unit, on_stopped, pool, &pool->call) <
                   0) {
                pool->state = POOL_RUNNING;
                (void) arm_idle(pool);
        }
        return 0;
}

static int arm_idle(Pool *pool) {
        uint64_t idle = pool->set->settings->pool_idle;
        int r;

        if (pool->state != POOL_RUNNING || pool->n_holds > 0 || idle == LIMIT_NONE)
                return 0;
        if (!pool->timer)
                return sd_event_add_time_relative(pool->set->event, &pool->timer, CLOCK_MONOTONIC, idle,
                                                  IDLE_ACCURACY_USEC, on_idle, pool);
        r = sd_event_source_set_time_relative(pool->timer, idle);
        if (r < 0)
                return r;
        return sd_event_source_set_enabled(pool->timer, SD_EVENT_ONESHOT);
}

void pool_hold(Pool *pool) {
        if (pool->n_holds++ == 0 && pool->timer)
                (void) sd_event_source_set_enabled(pool->timer, SD_EVENT_OFF);
}

void pool_hold_for_good(Pool *pool) {
        if (pool->is_held_for_good)
                return;
        pool->is_held_for_good = true;
        pool_hold(pool);
}

void pool_release(Pool *pool) {
        if (--pool->n_holds > 0)
                return;
        if (pool->state == POOL_GONE)
                pool_free(pool);
        else
                (void) arm_idle(pool);
}

void pool_gone(Pool *pool) {
        PoolState before = pool->state;

        if (before == POOL_RUNNING)
                log_stopped(pool, "was stopped by somebody else");
        pool_detach(pool);
        if (before != POOL_GONE && pool->n_holds == 0)
                pool_free(pool);
}

/* --- waiting ------------------------------------------------------------------------------------------- */

static int wait_new(Pool *pool, pool_ready_t ready, void *userdata, PoolWait **ret) {
        PoolWait *wait = calloc(1, sizeof(PoolWait));

        if (!wait)
                return -ENOMEM;
        *wait = (PoolWait){ .pool = pool, .ready = ready, .userdata = userdata };
        TAILQ_INSERT_TAIL(&pool->waits, wait, of_pool);
        *ret = wait;
        return 0;
}

PoolWait *pool_wait_free(PoolWait *wait) {
        if (!wait)
                return NULL;
        if (wait->pool)
                TAILQ_REMOVE(&wait->pool->waits, wait, of_pool);
        free(wait);
        return NULL;
}

/* A callback may do anything but free the set: POOL is held meanwhile. */
static void tell_waits(Pool *pool, int error, const char *message) {
        PoolWait *wait;

        pool_hold(pool);
        while ((wait = TAILQ_FIRST(&pool->waits))) {
                TAILQ_REMOVE(&pool->waits, wait, of_pool);
                wait->pool = NULL;
                wait->ready(error, message, error < 0 ? NULL : pool, wait->userdata);
        }
        pool_release(pool);
}

void pool_started(Pool *pool) {
        pool->state = POOL_RUNNING;
        if (!pool->may_lack_limits) /* else it ran */
                log_event(LOG_KIND_POOL_STARTED, pool->uid, NULL, "The pool of user %" PRIu32 " runs: %s",
                          pool->uid, pool->unit);
        pool->may_lack_limits = false;
        tell_waits(pool, 0, NULL);
}

void pool_failed(Pool *pool, int error, const char *message) {
        if (TAILQ_EMPTY(&pool->waits))
                log_failure(NULL, "The pool %s could not be prepared: %s", pool->unit,
                            message ? message : strerror(-error));
        pool_detach(pool); /* who asks again from a callback gets a new try */
        tell_waits(pool, error, message);
}

bool pool_keeper_is_gone(const Pool *pool, const Kernel *kernel) {
        return !pool_is_usable(pool) || pool_tree_keeper_is_told(pool->fd, kernel->proc_fd);
}

static void find_gone(const void *node, VISIT visit, void *closure) {
        Pool *pool = *(Pool *const *) node, **ret = closure;

        if ((visit == postorder || visit == leaf) && pool->state == POOL_RUNNING && !pool_is_usable(pool))
                *ret = pool;
}

/* Pools that an administrator has stopped are noticed when it matters: when their user asks again, when there
 * is no room left, and when they are counted. */
static void set_forget_gone(PoolSet *set) {
        Pool *pool;

        do {
                pool = NULL;
                twalk_r(set->pools, find_gone, &pool);
                if (pool)
                        pool_gone(pool);
        } while (pool);
}

static int set_start(PoolSet *set, uid_t uid, unsigned max_pools, Pool **ret) {
        Pool *pool;
        int r;

        if (set->n_pools >= max_pools)
                set_forget_gone(set);
        if (set->n_pools >= max_pools)
                return -EUSERS;
        r = pool_new(set, uid, &pool);
        if (r < 0)
                return r;
        r = pool_start(pool);
        if (r < 0) {
                pool_gone(pool);
                return r;
        }
        *ret = pool;
        return 0;
}

/* The pool of UID as it is: it may be starting or stopping. One that is not there is started, unless there
 * are MAX_POOLS. */
static int set_get(PoolSet *set, uid_t uid, unsigned max_pools, Pool **ret) {
        Pool *pool = set_find(set, uid);
        int r;

        if (pool && pool->state == POOL_RUNNING && !pool_is_usable(pool)) {
                pool_gone(pool);
                pool = NULL;
        }
        if (!pool)
                return set_start(set, uid, max_pools, ret);
        if (pool->state == POOL_RUNNING && pool->may_lack_limits) {
                r = pool_start(pool);
                if (r < 0) {
                        pool_gone(pool);
                        return r;
                }
        }
        *ret = pool;
        return 0;
}

int pool_set_ensure(PoolSet *set, uid_t uid, pool_ready_t ready, void *userdata, PoolWait **ret_wait) {
        Pool *pool;
        int r;

        r = set_get(set, uid, set->settings->max_pools, &pool);
        if (r < 0) {
                *ret_wait = NULL;
                ready(r, NULL, NULL, userdata);
                return 0;
        }
        if (pool->state != POOL_RUNNING)
                return wait_new(pool, ready, userdata, ret_wait);

        *ret_wait = NULL; /* before the callback, in which its place may be freed */
        ready(0, NULL, pool, userdata);
        return 0;
}

int pool_set_prepare(PoolSet *set, uid_t uid) {
        Pool *pool;
        int r;

        r = set_get(set, uid, set->settings->max_pools / 2, &pool);
        if (r < 0)
                return r;

        if (pool->state == POOL_STOPPING)
                pool->is_wanted_again = true;
        if (pool->state == POOL_RUNNING) {
                /* as if a job had ended just now */
                pool_hold(pool);
                pool_release(pool);
        }
        return 0;
}

/* --- looking ------------------------------------------------------------------------------------------- */

typedef struct Discovery {
        PoolSet *set;
        pool_found_t found;
        void *userdata;
} Discovery;

static int on_found(uid_t uid, int fd, void *userdata) {
        Discovery *discovery = userdata;
        Pool *pool;
        int r;

        if (set_find(discovery->set, uid))
                return 0;
        r = pool_new(discovery->set, uid, &pool);
        if (r < 0)
                return r;
        r = pool_open(pool);
        if (r < 0) {
                pool_gone(pool);
                return r == -ENOENT || r == -ENODEV ? 0 : r; /* it went while we looked */
        }
        pool->state = POOL_RUNNING;
        pool_hold(pool);
        discovery->found(pool, discovery->userdata);
        pool->may_lack_limits = pool->n_holds == 1;
        pool_release(pool);
        return 0;
}

int pool_set_discover(PoolSet *set, pool_found_t found, void *userdata) {
        Discovery discovery = { .set = set, .found = found, .userdata = userdata };

        return pool_tree_each(set->root_fd, on_found, &discovery);
}

uid_t pool_uid(const Pool *pool) {
        return pool->uid;
}

int pool_fd(const Pool *pool) {
        return pool->fd;
}

const char *pool_path(const Pool *pool) {
        return pool->path;
}

unsigned pool_n_jobs(const Pool *pool) {
        return pool->n_holds;
}

bool pool_has_controller(const Pool *pool, const char *controller) {
        for (unsigned i = 0; i < N_POOL_CONTROLLERS; i++)
                if (strcmp(pool_controllers[i], controller) == 0)
                        return pool->controllers & 1U << i;
        return false;
}

unsigned pool_set_count(PoolSet *set) {
        set_forget_gone(set);
        return set->n_pools;
}
