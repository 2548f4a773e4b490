/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "daemon/job.h"

typedef struct Daemon Daemon;

/* A job as clients see it: JOB is NULL for a finished one. */
typedef struct JobView {
        const Daemon *daemon;
        const JobRecord *record;
        Job *job;
} JobView;
