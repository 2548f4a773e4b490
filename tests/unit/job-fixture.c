/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/pidfd.h"
#include "tests/unit/job-fixture.h"

static void on_added(const Job *job, void *userdata) {
        JobFixture *fixture = userdata;

        fixture->n_added++;
}

static void on_ended(const JobRecord *record, void *userdata) {
        JobFixture *fixture = userdata;

        fixture->n_ended++;
}

static int open_set(JobFixture *fixture) {
        const JobListener listener = { .added = on_added, .ended = on_ended, .userdata = fixture };

        return job_set_new(fixture->tree->event, &fixture->tree->kernel, &fixture->tree->settings,
                           fixture->store, &listener, &fixture->set);
}

int job_fixture_setup(void **state) {
        JobFixture *fixture = calloc(1, sizeof(*fixture));
        void *tree;
        int r;

        *state = NULL;
        if (!fixture)
                return -1;
        r = tree_fixture_setup(&tree);
        if (r < 0 || !tree) {
                free(fixture);
                return r;
        }

        *state = fixture;
        fixture->tree = tree;
        fixture->folder_fd = open(fixture->tree->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fixture->folder_fd < 0 || job_store_new(fixture->folder_fd, &fixture->store) < 0)
                return -1;
        return open_set(fixture);
}

int job_fixture_teardown(void **state) {
        JobFixture *fixture = *state;
        void *tree;
        int r;

        if (!fixture)
                return 0;

        (void) job_set_free(fixture->set);
        (void) job_store_free(fixture->store);
        closep(&fixture->folder_fd);
        tree = fixture->tree;
        r = tree_fixture_teardown(&tree);
        free(fixture);
        return r;
}

JobFixture *job_fixture_need(void **state) {
        if (!*state)
                skip();
        return *state;
}

Job *job_fixture_begin(JobFixture *fixture, JobRecord *record, const Process *processes, size_t n) {
        Target targets[TARGETS_MAX];
        Move move = {
                .kernel = &fixture->tree->kernel,
                .pool = fixture->tree->pool,
                .record = record,
                .targets = targets,
                .n_targets = n,
        };
        MoveFailure failure;
        size_t index;
        bool left;
        Job *job;

        for (size_t i = 0; i < n; i++)
                assert_int_equal(target_read(move.kernel, pidfd_open_process(processes[i].pid), &targets[i]),
                                 0);
        assert_int_equal(move_into_job(&move, &failure, &index, &left), 0);
        for (size_t i = 0; i < n; i++)
                target_done(&targets[i]);
        assert_int_equal(job_set_add(fixture->set, move.pool, record, &job), 0);
        assert_ptr_equal(job_set_find(fixture->set, record->id), job);
        return job;
}

void job_fixture_await_end(JobFixture *fixture, uint64_t id, const char *result) {
        _cleanup_(job_record_freep) JobRecord *record = NULL;

        for (int i = 0; i < 3000 && job_set_find(fixture->set, id); i++)
                assert_true(sd_event_run(fixture->tree->event, 10000) >= 0);
        assert_null(job_set_find(fixture->set, id));
        assert_int_equal(job_store_get(fixture->store, TREE_OWNER, id, &record), 0);
        assert_string_equal(record->result, result);
        assert_true(record->ended > record->created);
}

void job_fixture_restart(JobFixture *fixture) {
        fixture->set = job_set_free(fixture->set);
        assert_int_equal(open_set(fixture), 0);
}

Job *job_fixture_begin_mixed(JobFixture *jobs, Process *ret_owners, Process *ret_others) {
        _cleanup_close_ int fd = -1;
        Job *job;

        *ret_owners = process_start(jobs->tree->source_fd, TREE_OWNER);
        job = job_fixture_begin(jobs, tree_fixture_record(7), ret_owners, 1);
        assert_int_equal(job_open(job, &fd), 0);
        *ret_others = process_start(fd, TREE_OTHER);
        return job;
}

Process process_start_deaf(int fd) {
        Process process;

        assert_true(signal(SIGTERM, SIG_IGN) != SIG_ERR); /* is inherited */
        process = process_start(fd, TREE_OWNER);
        assert_true(signal(SIGTERM, SIG_DFL) != SIG_ERR);
        return process;
}

int process_end_signal(Process *process) {
        int status;

        assert_int_equal(waitpid(process->pid, &status, 0), process->pid);
        assert_true(WIFSIGNALED(status));
        (void) close(process->fd);
        return WTERMSIG(status);
}
