/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Tells the daemon how the restart goes, from inside of the job, so that it is kept with the job. */

#include <stdint.h>

#include "tools/client.h"
#include "tools/restart/outcome.h"

#define REPORT_PROGRESS_GIVE_UP (UINT64_C(1) * 1000000) /* microseconds for which the daemon may be away */
#define REPORT_END_GIVE_UP (UINT64_C(600) * 1000000)

/* Returns 0, or an exit status with FAILURE filled. *CLIENT may be NULL. */
int report_outcome(Client **client, uint64_t job, const Outcome *outcome, uint64_t give_up,
                   Failure *failure);
