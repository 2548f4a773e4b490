/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A set of jobs with its store, in a TreeFixture. */

#include "daemon/job.h"
#include "tests/unit/move-fixture.h"

typedef struct JobFixture {
        TreeFixture *tree;
        int folder_fd; /* of results */
        JobStore *store;
        JobSet *set;
        unsigned n_added, n_ended; /* as its listener was told */
} JobFixture;

/* cmocka set-up and tear-down: *state is a JobFixture, or NULL where the test must be skipped. */
int job_fixture_setup(void **state);
int job_fixture_teardown(void **state);
JobFixture *job_fixture_need(void **state); /* or skips */

/* Moves PROCESSES into a job, which takes over RECORD. */
Job *job_fixture_begin(JobFixture *fixture, JobRecord *record, const Process *processes, size_t n);

/* Job 7 with one process of the owner and one of somebody else (sudo). */
Job *job_fixture_begin_mixed(JobFixture *fixture, Process *ret_owners, Process *ret_others);

/* One of the owner that ignores SIGTERM. */
Process process_start_deaf(int fd);

/* Waits until it has ended, which must be by a signal, and returns that. */
int process_end_signal(Process *process);

/* Runs the loop until job ID has ended, and compares its result as it is stored. */
void job_fixture_await_end(JobFixture *fixture, uint64_t id, const char *result);

/* A new set that knows of no job yet, as of a daemon that has just started. */
void job_fixture_restart(JobFixture *fixture);
