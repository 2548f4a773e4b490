/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One move into a job's group of a TreeFixture, as a request would make it. */

#include "daemon/move.h"
#include "daemon/repair.h"
#include "tests/unit/tree-fixture.h"

#define TREE_JOB TREE_POOL "/job-7" /* where attempts go */
#define TREE_QUARANTINE TREE_POOL "/" QUARANTINE_GROUP
#define TARGETS_MAX 8

typedef struct Attempt {
        const TreeFixture *fixture;
        JobRecord *record; /* of job 7 */
        Target targets[TARGETS_MAX];
        Move move;
        MoveFailure failure;
        size_t index;
        bool left;
} Attempt;

void attempt_init(Attempt *attempt, const TreeFixture *fixture);
void attempt_add(Attempt *attempt, pid_t pid);
int attempt_run(Attempt *attempt);
void attempt_done(Attempt *attempt);

/* It is in the group PATH, and thawed. */
void assert_runs_in(const TreeFixture *fixture, const Process *process, const char *path);

/* The group of job 7 as a move that was cut off leaves it; the caller closes it. */
int tree_fixture_frozen_job(const TreeFixture *fixture);
