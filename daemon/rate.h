/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* "COUNT in PER" for a key (a user in a policy section), as a token bucket: a burst of COUNT, refilled
 * evenly. */

#include <stdbool.h>
#include <stdint.h>

#include "lib/cleanup.h"

typedef struct RateTable RateTable;

/* Holds at most MAX_KEYS (at least 1) keys; when it is full, the key that was used longest ago is forgotten
 * if its bucket is full, else the event is refused. */
int rate_table_new(unsigned max_keys, RateTable **ret);
RateTable *rate_table_free(RateTable *table);
DEFINE_CLEANUP(RateTable, rate_table_free)

/* Takes one event for KEY at NOW (CLOCK_BOOTTIME, microseconds). True if it is within the rate; false takes
 * nothing, and *ret_wait is the microseconds until one may be (UINT64_MAX: never, COUNT is 0). PER 0 is no
 * limit. COUNT and PER may differ from call to call (a reload): the key's next events go by the new ones. */
bool rate_take(RateTable *table, uint64_t key, uint32_t count, uint64_t per, uint64_t now,
               uint64_t *ret_wait);
