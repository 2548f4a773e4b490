/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/cgroup.h"
#include "lib/pidfd.h"
#include "tests/unit/move-fixture.h"

void attempt_init(Attempt *attempt, const TreeFixture *fixture) {
        *attempt = (Attempt){ .fixture = fixture, .record = tree_fixture_record(7) };
        attempt->move = (Move){
                .kernel = &fixture->kernel,
                .pool = fixture->pool,
                .record = attempt->record,
                .targets = attempt->targets,
        };
}

void attempt_add(Attempt *attempt, pid_t pid) {
        assert_int_equal(target_read(&attempt->fixture->kernel, pidfd_open_process(pid),
                                     &attempt->targets[attempt->move.n_targets]),
                         0);
        attempt->move.n_targets++;
}

int attempt_run(Attempt *attempt) {
        return move_into_job(&attempt->move, &attempt->failure, &attempt->index, &attempt->left);
}

void attempt_done(Attempt *attempt) {
        for (size_t i = 0; i < attempt->move.n_targets; i++)
                target_done(&attempt->targets[i]);
        job_record_free(attempt->record);
}

void assert_runs_in(const TreeFixture *fixture, const Process *process, const char *path) {
        assert_string_equal(tree_fixture_where(fixture, process->pid), path);
        assert_true(process_answers(process));
}

int tree_fixture_frozen_job(const TreeFixture *fixture) {
        int fd = tree_fixture_group(fixture, TREE_JOB);

        assert_int_equal(cgroup_freeze(fd, true), 0);
        return fd;
}
