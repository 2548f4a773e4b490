/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Results that grow too old go also if their user ends no other job: some time after the start of the daemon, and once a
 * day then, one user's folder in a turn of the loop. */

#include <systemd/sd-event.h>

#include "daemon/job-store.h"
#include "lib/cleanup.h"

typedef struct JobStoreAge JobStoreAge;

/* STORE and SETTINGS must outlive it; settings may change in place at a reload. FIRST: microseconds until the first time.
 * What cannot be read is left for the next day. */
int job_store_age_new(sd_event *event, JobStore *store, const Settings *settings, uint64_t first,
                      JobStoreAge **ret);
JobStoreAge *job_store_age_free(JobStoreAge *age);
DEFINE_CLEANUP(JobStoreAge, job_store_age_free)
