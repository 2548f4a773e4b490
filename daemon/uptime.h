/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How long ago something was that a job's record tells of (its UP), whoever has set the clock since. */

#include <stdint.h>

/* CLOCK_BOOTTIME, microseconds. */
uint64_t uptime_now(void);

/* Microseconds since UP. Returns 0, or -ENODATA for 0, which is not known, and for what is still to come. */
int uptime_since(uint64_t up, uint64_t *ret);
