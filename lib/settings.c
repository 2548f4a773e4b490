/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/settings.h"

#include "lib/allowed-snapshot.h"
#include "lib/values.h"

/* cgmove.conf(5) and etc/cgmove.conf repeat these. */
void settings_init(Settings *settings) {
        *settings = (Settings){
                .tree = TREE_SYSTEMD,
                .tree_root = "/sys/fs/cgroup",
                .pool = { .tasks_max = LIMIT_NONE, .memory_max = LIMIT_NONE, .runtime_max = LIMIT_NONE },
                .pool_idle = 5 * 60 * USEC_PER_SEC,
                .max_pools = 256,
                .max_jobs = 16384,
                .results_max = 1000,
                .results_age = 7 * 24 * 3600 * USEC_PER_SEC,
                .log_max = UINT64_C(8) << 20,
                .allowed_gid = ALLOWED_GID_DEFAULT,
        };
}
