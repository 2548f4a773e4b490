/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The picture on a terminal that is drawn again and again, until somebody has seen enough. */

#include <stdint.h>

#include "tools/top/feed.h"
#include "tools/top/snapshot.h"

typedef struct LiveOptions {
        uint64_t delay;       /* microseconds from one look to the next */
        uint64_t first_delay; /* the same between the first two: till then no use of the CPU can be told */
        uint64_t iterations;  /* looks, 0: no end */
        SortKey key;          /* to begin with */
} LiveOptions;

/* Returns the exit status. A signal that ends it ends the process, once the terminal is as it was. */
int live_run(const LiveOptions *options, Feed *feed);
