/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The last lines that a unit, and its manager about it, have written to the journal, as far as the caller
 * may read it (sd-journal(3); a user may read what processes of his have logged where the journal is kept on
 * disk). */

#include <stdbool.h>
#include <stdint.h>

#include "tools/restart/outcome.h"

/* Those since SINCE (CLOCK_REALTIME, microseconds) into the outcome; none where there is nothing to read. */
void unit_log_read(const char *unit, bool system, uint64_t since, Outcome *outcome);
