/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the running jobs use at one moment. Pure. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/job.h"

typedef struct JobUsage {
        Job job;
        uint64_t when;     /* CLOCK_MONOTONIC, microseconds: when the daemon said so */
        uint64_t cpu_rate; /* microseconds of CPU time in a second; UINT64_MAX: not known */
} JobUsage;

typedef struct Snapshot {
        JobUsage *jobs;
        size_t n;
        size_t n_left_out; /* jobs that there are besides */
} Snapshot;

void snapshot_done(Snapshot *snapshot);

/* Takes JOB over. 0 or -ENOMEM. */
int snapshot_add(Snapshot *snapshot, Job *job, uint64_t when);

/* Sets what each job has used since BEFORE, which may be empty. */
void snapshot_compare(Snapshot *snapshot, const Snapshot *before);

typedef enum SortKey { SORT_CPU, SORT_MEMORY, SORT_TASKS, SORT_AGE, SORT_NAME, SORT_KEYS } SortKey;

/* "cpu", "memory", "tasks", "age", "name". */
const char *sort_key_to_string(SortKey key);
int sort_key_from_string(const char *word, SortKey *ret); /* or -EINVAL; the first letter is enough */

/* The largest first, the oldest first, names from A to Z; with REVERSE the other way round. What is not known comes
 * last of all. Jobs that are the same come in the order of their numbers. */
void snapshot_sort(Snapshot *snapshot, SortKey key, bool reverse);

typedef struct UsageSum {
        uint64_t cpu_rate, tasks, memory; /* of what is known; UINT64_MAX: nothing is */
} UsageSum;

UsageSum snapshot_sum(const Snapshot *snapshot);
