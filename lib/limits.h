/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Resource limits of a job or a pool. LIMIT_NONE: not limited; cpu_weight 0: the kernel's default. */

#include <stdint.h>

typedef struct Limits {
        uint64_t tasks_max;
        uint64_t memory_max;  /* bytes */
        uint64_t cpu_weight;  /* 1 to 10000 */
        uint64_t runtime_max; /* microseconds; jobs only */
} Limits;
