/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Time passes when an input says so: every timer of the daemon is known here (the linker's --wrap of sd_event_add_time() and its
 * like), and can be brought nearer. */

#include <stddef.h>
#include <stdint.h>

/* What was to be done within USEC is to be done now. */
void false_time_pass(uint64_t usec);

/* No timer is left. */
void false_time_check(void);
