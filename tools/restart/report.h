/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Tells the daemon how the restart goes, from inside of the job, so that it is kept with the job. */

#include <stdint.h>

#include "tools/client.h"
#include "tools/restart/outcome.h"

/* Both return 0, or an exit status with FAILURE filled. *CLIENT may be NULL. */

/* Gives up soon, with "Timeout" if the daemon hangs. */
int report_progress(Client **client, uint64_t job, const Outcome *outcome, Failure *failure);

/* Tries again and again, for some minutes. */
int report_end(Client **client, uint64_t job, const Outcome *outcome, Failure *failure);
