/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tools/client.h"
#include "tools/job.h"

/* Waits until job ID has ended, with a progress line; a daemon that is started again in between is no
 * end of it. Returns 0, or an exit status with FAILURE filled. The caller calls job_done(). */
int wait_for_job(Client **client, uint64_t id, bool json, Job *ret, Failure *failure);

/* "job 17 (name): done, exit status 0", or the object. Returns 0, or STATUS_FAILED if it cannot be
 * written. */
int wait_print_end(const Job *job, bool json);
