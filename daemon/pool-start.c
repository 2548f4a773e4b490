/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/cgroup.h"
#include "daemon/pool-limits.h"
#include "daemon/pool-private.h"
#include "lib/values.h"

int pool_open(Pool *pool) {
        _cleanup_close_ int fd = -1;
        unsigned controllers;
        int r;

        r = cgroup_open(pool->set->root_fd, pool->path, &fd);
        if (r < 0)
                return r;
        r = pool_tree_enable_controllers(fd, &controllers);
        if (r < 0)
                return r;
        closep(&pool->fd);
        pool->fd = TAKE_FD(fd);
        pool->controllers = controllers;
        return 0;
}

/* A step failed: says which one. */
static void step_failed(Pool *pool, int error, const char *step, const char *message) {
        char text[512];

        (void) snprintf(text, sizeof(text), "%s: %s", step, message ?: strerror(-error));
        pool_failed(pool, error, text);
}

static int choose_limits(Pool *pool, uint64_t slice_tasks, uint64_t slice_memory) {
        Machine machine;
        int r;

        r = machine_read(&machine);
        if (r < 0)
                return r;
        pool_limits_choose(pool->set->settings, &machine, slice_tasks, slice_memory, &pool->limits);
        return 0;
}

/* --- pools that are units of PID 1 --------------------------------------------------------------------- */

static void on_limits_set(int error, const char *message, void *userdata) {
        Pool *pool = userdata;
        int r;

        pool->call = systemd_call_free(pool->call);
        if (error < 0) {
                step_failed(pool, error, "its limits cannot be set", message);
                return;
        }
        r = pool_open(pool);
        if (r < 0)
                step_failed(pool, r, "its control group cannot be used", NULL);
        else
                pool_started(pool);
}

static void on_unit_started(int error, const char *message, void *userdata) {
        Pool *pool = userdata;
        int r;

        pool->call = systemd_call_free(pool->call);
        if (error < 0) {
                step_failed(pool, error, "starting the unit ended in", message);
                return;
        }
        r = systemd_manager_set_limits(pool->set->system, pool->unit, &pool->limits, on_limits_set, pool,
                                       &pool->call);
        if (r < 0)
                step_failed(pool, r, "its limits cannot be set", NULL);
}

static int start_unit(Pool *pool, uint64_t slice_tasks, uint64_t slice_memory) {
        int r;

        r = choose_limits(pool, slice_tasks, slice_memory);
        if (r < 0)
                return r;
        return systemd_manager_start_unit(pool->set->system, pool->unit, on_unit_started, pool, &pool->call);
}

static void on_slice_limits(int error, const char *message, uint64_t tasks_max, uint64_t memory_max,
                            void *userdata) {
        Pool *pool = userdata;
        int r;

        pool->call = systemd_call_free(pool->call);
        if (error < 0) {
                step_failed(pool, error, "the limits of the user's slice cannot be read", message);
                return;
        }
        r = start_unit(pool, tasks_max, memory_max);
        if (r < 0)
                step_failed(pool, r, "the unit cannot be started", NULL);
}

static int start_systemd(Pool *pool) {
        char slice[32];

        if (!pool_limits_need_slice(pool->set->settings))
                return start_unit(pool, LIMIT_NONE, LIMIT_NONE);
        (void) snprintf(slice, sizeof(slice), "user-%u.slice", pool->uid);
        return systemd_manager_get_slice_limits(pool->set->system, slice, on_slice_limits, pool,
                                                &pool->call);
}

/* --- pools of our own ---------------------------------------------------------------------------------- */

static int on_direct(sd_event_source *source, uint64_t usec, void *userdata) {
        Pool *pool = userdata;
        int r;

        pool->timer = sd_event_source_disable_unref(pool->timer);
        r = choose_limits(pool, LIMIT_NONE, LIMIT_NONE);
        if (r >= 0)
                r = pool_tree_create(pool->set->root_fd, pool->uid, &pool->limits);
        if (r >= 0)
                r = pool_open(pool);
        if (r < 0)
                step_failed(pool, r, "its control groups cannot be made", NULL);
        else
                pool_started(pool);
        return 0;
}

/* From the loop, so that a pool starts in the same order of events whatever its kind. */
static int start_direct(Pool *pool) {
        return sd_event_add_time_relative(pool->set->event, &pool->timer, CLOCK_MONOTONIC, 0, 1, on_direct,
                                          pool);
}

int pool_start(Pool *pool) {
        pool->state = POOL_STARTING;
        pool->timer = sd_event_source_disable_unref(pool->timer);
        if (pool->set->settings->tree == TREE_DIRECT)
                return start_direct(pool);
        return pool->set->system ? start_systemd(pool) : -ENOTCONN;
}
