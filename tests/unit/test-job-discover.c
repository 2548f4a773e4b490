/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Jobs that a daemon finds when it starts, whatever the one before it has left; with real processes in a real tree. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "daemon/cgroup.h"
#include "daemon/job-private.h"
#include "daemon/repair.h"
#include "lib/protocol.h"
#include "lib/values.h"
#include "tests/unit/job-fixture.h"

static void test_found_again(void **state) {
        JobFixture *jobs = job_fixture_need(state);
        unsigned n_holds = pool_n_jobs(jobs->tree->pool);
        char *before[3];
        Process processes[3];

        for (size_t i = 0; i < ELEMENTSOF(before); i++) {
                JobRecord *record = tree_fixture_record(100 + i);
                Job *job;

                record->limits.tasks_max = 10 + i;
                record->kind = JOB_RUN;
                processes[i] = process_start(jobs->tree->source_fd, TREE_OWNER);
                job = job_fixture_begin(jobs, record, &processes[i], 1);
                if (i == 1)
                        assert_int_equal(job_set_status(job, 42, 0), 0); /* is kept, too */
                assert_int_equal(job_record_encode(job->record, &before[i]), 0);
        }

        job_fixture_restart(jobs);
        assert_int_equal(pool_n_jobs(jobs->tree->pool), n_holds);
        assert_int_equal(job_set_discover(jobs->set, jobs->tree->pool), 0);
        assert_int_equal(job_set_discover(jobs->set, jobs->tree->pool), 0); /* they are there already */
        assert_int_equal(job_set_count(jobs->set), 3);
        assert_int_equal(pool_n_jobs(jobs->tree->pool), n_holds + 3);
        for (size_t i = 0; i < ELEMENTSOF(before); i++) {
                _cleanup_free_ char *after = NULL;
                const Job *job = job_set_find(jobs->set, 100 + i);

                assert_non_null(job);
                assert_int_equal(job_record_encode(job->record, &after), 0);
                assert_string_equal(after, before[i]);
                free(before[i]);
                assert_true(process_answers(&processes[i]));
        }

        /* and watched */
        for (size_t i = 0; i < ELEMENTSOF(before); i++) {
                process_end(&processes[i]);
                job_fixture_await_end(jobs, 100 + i, i == 1 ? CGMOVE_RESULT_FAILED : CGMOVE_RESULT_ENDED);
        }
}

static void test_ended_while_nobody_watched(void **state) {
        JobFixture *jobs = job_fixture_need(state);
        Process process = process_start(jobs->tree->source_fd, TREE_OWNER);
        Job *job = job_fixture_begin(jobs, tree_fixture_record(7), &process, 1);

        assert_int_equal(job_set_status(job, 0, 0), 0);
        job_fixture_restart(jobs);
        process_end(&process);
        while (tree_fixture_populated(jobs->tree, TREE_JOB))
                (void) usleep(1000);
        assert_int_equal(job_set_discover(jobs->set, jobs->tree->pool), 0);
        job_fixture_await_end(jobs, 7, CGMOVE_RESULT_DONE);
        assert_false(tree_fixture_exists(jobs->tree, TREE_JOB));
}

static int make_group(const JobFixture *jobs, uint64_t id, bool frozen, JobRecord *record) {
        char name[JOB_GROUP_NAME_MAX];
        int fd = -1;

        job_group_name(id, name);
        assert_int_equal(cgroup_create(pool_fd(jobs->tree->pool), name, &fd), 0);
        if (record) {
                _cleanup_free_ char *text = NULL;

                assert_int_equal(job_record_encode(record, &text), 0);
                assert_int_equal(cgroup_set_record(fd, text, strlen(text)), 0);
                job_record_free(record);
        }
        assert_int_equal(cgroup_freeze(fd, frozen), 0);
        return fd;
}

/* Moves a process whose source has gone, and another one that has ended, so that it is refused. The first is killed for it and
 * does not come to its end, since it is traced: as long as its user likes. */
static void move_in_vain(const JobFixture *jobs, Process *ret) {
        int gone_fd = tree_fixture_group(jobs->tree, TREE_SOURCE "/gone");
        Process process, dead;
        Attempt attempt;

        assert_int_equal(cgroup_remove(jobs->tree->source_fd, "gone"), 0);
        attempt_init(&attempt, jobs->tree);
        process = process_start(jobs->tree->source_fd, TREE_OWNER);
        dead = process_start(jobs->tree->source_fd, TREE_OWNER);
        assert_int_equal(ptrace(PTRACE_SEIZE, process.pid, NULL, PTRACE_O_TRACEEXIT), 0);
        attempt_add(&attempt, process.pid);
        attempt_add(&attempt, dead.pid);
        process_end(&dead);
        (void) close(attempt.targets[0].cgroup_fd);
        attempt.targets[0].cgroup_fd = gone_fd;

        assert_int_equal(attempt_run(&attempt), -ESRCH);
        assert_true(attempt.left);
        assert_true(tree_fixture_populated(jobs->tree, TREE_JOB));
        attempt_done(&attempt);
        *ret = process;
}

static void let_end(Process *process) {
        int status;

        assert_int_equal(waitpid(process->pid, &status, 0), process->pid);
        assert_int_equal(status >> 8, SIGTRAP | PTRACE_EVENT_EXIT << 8);
        assert_int_equal(ptrace(PTRACE_CONT, process->pid, NULL, 0), 0);
        process_end(process);
}

/* Whoever is left of it is a job: seen, counted, and ended as such. */
static void test_left_by_a_move_in_vain(void **state) {
        JobFixture *jobs = job_fixture_need(state);
        Process process;

        move_in_vain(jobs, &process);
        assert_int_equal(job_set_discover_later(jobs->set, jobs->tree->pool), 0);
        for (int i = 0; i < 3000 && !job_set_find(jobs->set, 7); i++)
                assert_true(sd_event_run(jobs->tree->event, 10000) >= 0);
        assert_non_null(job_set_find(jobs->set, 7));
        let_end(&process);
        job_fixture_await_end(jobs, 7, CGMOVE_RESULT_ENDED);
        assert_false(tree_fixture_exists(jobs->tree, TREE_JOB));
}

/* Most have come to their end by then, and nothing tells of them. */
static void test_nobody_left_by_a_move_in_vain(void **state) {
        JobFixture *jobs = job_fixture_need(state);
        Process process;

        move_in_vain(jobs, &process);
        let_end(&process);
        while (tree_fixture_populated(jobs->tree, TREE_JOB))
                (void) usleep(1000);
        assert_int_equal(job_set_discover(jobs->set, jobs->tree->pool), 0);
        assert_null(job_set_find(jobs->set, 7));
        assert_false(tree_fixture_exists(jobs->tree, TREE_JOB));
        assert_int_equal(jobs->n_added, 0);
}

/* A crash between the write and the thaw. */
static void test_frozen_and_populated_is_completed(void **state) {
        JobFixture *jobs = job_fixture_need(state);
        _cleanup_close_ int fd = make_group(jobs, 7, true, tree_fixture_record(7));
        Process process, stranger;
        const Job *job;

        process = process_start(jobs->tree->source_fd, TREE_OWNER);
        stranger = process_start(jobs->tree->source_fd, TREE_OTHER);
        assert_int_equal(cgroup_attach(fd, process.pid), 0);
        assert_int_equal(cgroup_attach(fd, stranger.pid), 0);
        assert_int_equal(job_set_discover(jobs->set, jobs->tree->pool), 0);

        job = job_set_find(jobs->set, 7);
        assert_non_null(job);
        assert_string_equal(job->record->name, "test");
        assert_true(process_answers(&process));
        assert_true(process_answers(&stranger));
        assert_string_equal(tree_fixture_where(jobs->tree, process.pid), TREE_JOB);
        assert_string_equal(tree_fixture_where(jobs->tree, stranger.pid), TREE_POOL "/quarantine");
        process_end(&process);
        process_end(&stranger);
        job_fixture_await_end(jobs, 7, CGMOVE_RESULT_ENDED);
}

/* A crash before the write; and a group that a move has left behind. Neither was ever a job, and has no
 * result. */
static void test_empty_groups_are_removed(void **state) {
        JobFixture *jobs = job_fixture_need(state);
        JobRecord *record;

        (void) close(make_group(jobs, 7, true, tree_fixture_record(7)));
        (void) close(make_group(jobs, 8, false, NULL));
        assert_int_equal(job_set_discover(jobs->set, jobs->tree->pool), 0);
        assert_int_equal(job_set_count(jobs->set), 0);
        assert_int_equal(jobs->n_added, 0);
        assert_false(tree_fixture_exists(jobs->tree, TREE_POOL "/job-7"));
        assert_false(tree_fixture_exists(jobs->tree, TREE_POOL "/job-8"));
        assert_int_equal(job_store_get(jobs->store, TREE_OWNER, 7, &record), -ENOENT);
}

/* A result that can't be written (its folder is none here; a full disk) keeps its job in the list, and its
 * record where the next daemon finds it. */
static void test_result_that_cannot_be_kept(void **state) {
        JobFixture *jobs = job_fixture_need(state);
        Process process = process_start(jobs->tree->source_fd, TREE_OWNER);
        Job *job = job_fixture_begin(jobs, tree_fixture_record(7), &process, 1);
        _cleanup_(job_record_freep) JobRecord *stored = NULL;
        char folder[16];
        int fd;

        (void) snprintf(folder, sizeof(folder), "%d", TREE_OWNER);
        fd = openat(jobs->folder_fd, folder, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        (void) close(fd);

        assert_int_equal(job_set_status(job, 3, 0), 0);
        process_end(&process);
        while (jobs->n_ended == 0)
                assert_true(sd_event_run(jobs->tree->event, 20000000) > 0);
        job = job_set_find(jobs->set, 7);
        assert_non_null(job);
        assert_string_equal(job->record->result, CGMOVE_RESULT_FAILED);

        job_fixture_restart(jobs);
        assert_int_equal(unlinkat(jobs->folder_fd, folder, 0), 0);
        assert_int_equal(job_set_discover(jobs->set, jobs->tree->pool), 0);
        assert_null(job_set_find(jobs->set, 7));
        assert_int_equal(job_store_get(jobs->store, TREE_OWNER, 7, &stored), 0);
        assert_string_equal(stored->result, CGMOVE_RESULT_FAILED);
        assert_int_equal(stored->exit_code, 3);
        assert_false(tree_fixture_exists(jobs->tree, TREE_JOB));
}

/* Whoever lives in a job's group can be seen and stopped, whatever its record says. */
static void test_groups_without_a_good_record(void **state) {
        JobFixture *jobs = job_fixture_need(state);
        _cleanup_close_ int none_fd = make_group(jobs, 7, false, NULL);
        _cleanup_close_ int others_fd = make_group(jobs, 8, false, tree_fixture_record(9));
        _cleanup_close_ int broken_fd = make_group(jobs, 10, false, NULL);
        const int fds[] = { none_fd, others_fd, broken_fd };
        const uint64_t ids[] = { 7, 8, 10 };
        Process processes[3];

        assert_int_equal(cgroup_set_record(broken_fd, "{\"version\":", 11), 0);
        for (size_t i = 0; i < ELEMENTSOF(fds); i++)
                processes[i] = process_start(fds[i], TREE_OWNER);
        assert_int_equal(job_set_discover(jobs->set, jobs->tree->pool), 0);
        assert_int_equal(job_set_count_of(jobs->set, TREE_OWNER), 3);
        assert_null(job_set_find(jobs->set, 9));
        for (size_t i = 0; i < ELEMENTSOF(fds); i++) {
                const Job *job = job_set_find(jobs->set, ids[i]);

                assert_non_null(job);
                assert_string_equal(job->record->name, "found");
                assert_int_equal(job->record->uid, TREE_OWNER);
                assert_true(process_answers(&processes[i]));
                process_end(&processes[i]);
                job_fixture_await_end(jobs, ids[i], CGMOVE_RESULT_ENDED);
        }
}

static void test_other_groups_are_none_of_ours(void **state) {
        static const char *const names[] = { "job-007", "job-", "job-x", "job-0", "job-7x", "other" };
        JobFixture *jobs = job_fixture_need(state);

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                _cleanup_close_ int fd = -1;

                assert_int_equal(cgroup_create(pool_fd(jobs->tree->pool), names[i], &fd), 0);
        }
        assert_int_equal(job_set_discover(jobs->set, jobs->tree->pool), 0);
        assert_int_equal(job_set_count(jobs->set), 0);
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                char path[256];

                (void) snprintf(path, sizeof(path), TREE_POOL "/%s", names[i]);
                assert_true(tree_fixture_exists(jobs->tree, path));
        }
}

/* Nobody tells when it empties, so it keeps the pool; an empty one does not. */
static void test_quarantine_keeps_the_pool(void **state) {
        JobFixture *jobs = job_fixture_need(state);
        _cleanup_close_ int fd = tree_fixture_group(jobs->tree, TREE_POOL "/quarantine");
        unsigned n_holds = pool_n_jobs(jobs->tree->pool);
        Process stranger;

        repair_discover(jobs->tree->pool);
        assert_int_equal(pool_n_jobs(jobs->tree->pool), n_holds);
        stranger = process_start(fd, TREE_OTHER);
        repair_discover(jobs->tree->pool);
        assert_int_equal(pool_n_jobs(jobs->tree->pool), n_holds + 1);
        assert_int_equal(job_set_discover(jobs->set, jobs->tree->pool), 0);
        assert_int_equal(job_set_count(jobs->set), 0);
        process_end(&stranger);
}

/* The group is there, and cannot be opened for the moment: it is no group without a record for that. */
static void test_found_later(void **state) {
        JobFixture *jobs = job_fixture_need(state);
        Process process = process_start(jobs->tree->source_fd, TREE_OWNER);
        Job *job = job_fixture_begin(jobs, tree_fixture_record(7), &process, 1);

        assert_int_equal(job_set_status(job, 3, 0), 0);
        job_fixture_restart(jobs);
        process_end(&process);
        while (tree_fixture_populated(jobs->tree, TREE_JOB))
                (void) usleep(1000);

        /* the directory of the pool, that of the group, and no file in it */
        for (size_t room = 1; room <= 2; room++) {
                tree_fixture_leave_fds(room);
                assert_int_equal(job_set_discover(jobs->set, jobs->tree->pool), 0);
                tree_fixture_leave_fds(SIZE_MAX);
                assert_true(tree_fixture_exists(jobs->tree, TREE_JOB));
                assert_int_equal(job_set_count(jobs->set), 0);
        }
        for (int i = 0; i < 30 && tree_fixture_exists(jobs->tree, TREE_JOB); i++)
                assert_true(sd_event_run(jobs->tree->event, 100000) >= 0);
        job_fixture_await_end(jobs, 7, CGMOVE_RESULT_FAILED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, job_fixture_setup, job_fixture_teardown)

static int run_all(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_found_again),
                TEST(test_ended_while_nobody_watched),
                TEST(test_frozen_and_populated_is_completed),
                TEST(test_left_by_a_move_in_vain),
                TEST(test_nobody_left_by_a_move_in_vain),
                TEST(test_empty_groups_are_removed),
                TEST(test_result_that_cannot_be_kept),
                TEST(test_groups_without_a_good_record),
                TEST(test_other_groups_are_none_of_ours),
                TEST(test_quarantine_keeps_the_pool),
                TEST(test_found_later),
        };

        return cmocka_run_group_tests_name("job-discover", tests, NULL, NULL);
}

int main(void) {
        return tree_fixture_run(run_all);
}
