/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What cgmove.conf sets besides policies; the defaults are in settings_init(). */

#include <stdbool.h>
#include <stdint.h>

#include "lib/limits.h"

typedef enum TreeKind {
        TREE_SYSTEMD, /* pools are units of PID 1 */
        TREE_DIRECT,  /* the same layout made by the daemon itself under tree_root */
} TreeKind;

#define TREE_ROOT_MAX 255

typedef struct Settings {
        TreeKind tree;
        char tree_root[TREE_ROOT_MAX +
                       1];       /* mount point of the cgroup v2 tree, or the root for TREE_DIRECT */
        Limits pool;             /* pool { } : LIMIT_NONE where written "infinity" */
        bool pool_tasks_max_set; /* else the default: the smaller of the user slice's limit and a quarter */
        bool pool_memory_max_set;
        bool pool_cpu_weight_set;
        uint64_t pool_idle;   /* microseconds without a job after which a pool is stopped */
        uint32_t max_pools;   /* at once, on the host */
        uint32_t max_jobs;    /* at once, on the host */
        uint32_t results_max; /* results kept for a user */
        uint64_t results_age; /* microseconds for which a result is kept */
        uint64_t log_max;     /* bytes of a job's log */
        uint32_t allowed_gid; /* of the group cgmove-allowed, see lib/allowed-snapshot.h */
} Settings;

void settings_init(Settings *settings);
