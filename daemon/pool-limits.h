/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How much a pool may use. */

#include <stdbool.h>
#include <stdint.h>

#include "daemon/systemd-manager.h"
#include "lib/settings.h"

typedef struct Machine {
        uint64_t tasks;  /* the smaller of kernel.pid_max and kernel.threads-max */
        uint64_t memory; /* bytes */
} Machine;

/* Returns 0 or a negative errno. */
int machine_read(Machine *ret);

/* True if the limits of the user's slice play a part. */
bool pool_limits_need_slice(const Settings *settings);

/* What cgmove.conf says; where it says nothing, the smaller of what the user's own slice has (LIMIT_NONE:
 * no limit) and a quarter of the machine. Pure. */
void pool_limits_choose(const Settings *settings, const Machine *machine, uint64_t slice_tasks,
                        uint64_t slice_memory, SystemdPoolLimits *ret);
