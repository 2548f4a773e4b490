/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* job_kill(): the one signal that ends a job, for whom it reaches; what job_stop_begin() does is the matter of test-job-stop.c. */

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/cgroup.h"
#include "daemon/job-stop.h"
#include "lib/protocol.h"
#include "tests/unit/job-fixture.h"

static JobRecord *record_on_group(const Job *job) {
        _cleanup_close_ int fd = -1;
        char text[JOB_RECORD_SIZE_MAX];
        JobRecord *record;
        size_t size;

        assert_int_equal(job_open(job, &fd), 0);
        assert_int_equal(cgroup_get_record(fd, text, sizeof(text), &size), 0);
        assert_int_equal(job_record_decode(text, size, &record), 0);
        return record;
}

/* No stop is under way or remembered, neither here nor by a daemon that is started next. */
static void assert_untouched(const Job *job) {
        _cleanup_(job_record_freep) JobRecord *record = record_on_group(job);

        assert_null(job->stop);
        assert_null(job->record->stop_result);
        assert_int_equal(job->record->stop_reach, JOB_REACH_NOBODY);
        assert_null(record->stop_result);
        assert_int_equal(record->stop_reach, JOB_REACH_NOBODY);
}

static void test_ends_it(void **state) {
        static const JobReach reaches[] = { JOB_REACH_OWNER, JOB_REACH_EVERYONE };
        JobFixture *jobs = job_fixture_need(state);

        for (size_t i = 0; i < ELEMENTSOF(reaches); i++) {
                Process processes[2];
                JobSignalled result = { .left = 9 };
                Job *job;

                for (size_t k = 0; k < ELEMENTSOF(processes); k++)
                        processes[k] = process_start_deaf(jobs->tree->source_fd);
                job = job_fixture_begin(jobs, tree_fixture_record(i + 1), processes, 2);
                assert_int_equal(job_kill(job, reaches[i], &result), 0);
                assert_int_equal(result.signalled, 2);
                assert_int_equal(result.left, 0);
                for (size_t k = 0; k < ELEMENTSOF(processes); k++)
                        assert_int_equal(process_end_signal(&processes[k]), SIGKILL);
                job_fixture_await_end(jobs, i + 1, CGMOVE_RESULT_KILLED);
        }
}

/* Who came in while the signals were sent is seen by the next round. */
static void test_goes_on(void **state) {
        JobFixture *jobs = job_fixture_need(state);
        _cleanup_close_ int fd = -1;
        JobSignalled result = {};
        Process first, late;
        Job *job;

        first = process_start_deaf(jobs->tree->source_fd);
        job = job_fixture_begin(jobs, tree_fixture_record(7), &first, 1);
        assert_int_equal(job_open(job, &fd), 0);
        assert_int_equal(job_kill(job, JOB_REACH_OWNER, &result), 0);
        assert_int_equal(result.signalled, 1);
        late = process_start_deaf(fd);
        job_fixture_await_end(jobs, 7, CGMOVE_RESULT_KILLED);
        assert_int_equal(process_end_signal(&first), SIGKILL);
        assert_int_equal(process_end_signal(&late), SIGKILL);
}

/* The owner's are ended, and the others' go on, as the job does. */
static void test_others_are_left_alone(void **state) {
        JobFixture *jobs = job_fixture_need(state);
        JobSignalled result = {};
        Process owners, others;
        Job *job = job_fixture_begin_mixed(jobs, &owners, &others);

        assert_int_equal(job_kill(job, JOB_REACH_OWNER, &result), 0);
        assert_int_equal(result.signalled, 1);
        assert_int_equal(result.left, 1);
        assert_int_equal(process_end_signal(&owners), SIGKILL);
        for (int i = 0; i < 3000 && job->stop; i++)
                assert_true(sd_event_run(jobs->tree->event, 10000) >= 0);
        assert_null(job->stop);
        assert_ptr_equal(job_set_find(jobs->set, 7), job);
        assert_true(process_answers(&others)); /* and is not left frozen */

        process_end(&others);
        job_fixture_await_end(jobs, 7, CGMOVE_RESULT_KILLED);
}

/* Then it was not killed, and its end is told as it would have been. */
static void test_nobody_is_reached(void **state) {
        JobFixture *jobs = job_fixture_need(state);
        JobSignalled result = {};
        Process owners, others;
        Job *job = job_fixture_begin_mixed(jobs, &owners, &others);

        process_end(&owners);
        assert_int_equal(job_kill(job, JOB_REACH_OWNER, &result), 0);
        assert_int_equal(result.signalled, 0);
        assert_int_equal(result.left, 1);
        assert_untouched(job);
        assert_true(process_answers(&others));

        process_end(&others);
        job_fixture_await_end(jobs, 7, CGMOVE_RESULT_ENDED);
}

/* Not for want of a descriptor either: nobody is ended later who was not when it was asked for. */
static void test_without_descriptors(void **state) {
        JobFixture *jobs = job_fixture_need(state);
        JobSignalled result = {};
        bool is_killed = false;
        Process process;
        Job *job;

        process = process_start_deaf(jobs->tree->source_fd);
        job = job_fixture_begin(jobs, tree_fixture_record(7), &process, 1);
        for (size_t room = 0; !is_killed; room++) {
                int r;

                assert_true(room < 8);
                tree_fixture_leave_fds(room);
                r = job_kill(job, JOB_REACH_OWNER, &result);
                tree_fixture_leave_fds(SIZE_MAX);
                is_killed = r == 0;
                if (is_killed)
                        break;
                assert_null(job->stop);
                assert_null(job->record->stop_result);
                assert_true(process_answers(&process));
        }
        assert_int_equal(result.signalled, 1);
        assert_int_equal(process_end_signal(&process), SIGKILL);
        job_fixture_await_end(jobs, 7, CGMOVE_RESULT_KILLED);
}

/* A stop that is under way is hurried, and remains what it was called. */
static void test_hurries_a_stop(void **state) {
        JobFixture *jobs = job_fixture_need(state);
        JobSignalled result = {};
        Process deaf;
        Job *job;

        deaf = process_start_deaf(jobs->tree->source_fd);
        job = job_fixture_begin(jobs, tree_fixture_record(7), &deaf, 1);
        assert_int_equal(job_stop_begin(job, JOB_REACH_OWNER, SIGTERM, CGMOVE_RESULT_STOPPED, NULL, NULL),
                         0);
        assert_int_equal(job_kill(job, JOB_REACH_OWNER, &result), 0);
        assert_int_equal(result.signalled, 1);
        assert_int_equal(process_end_signal(&deaf), SIGKILL);
        job_fixture_await_end(jobs, 7, CGMOVE_RESULT_STOPPED);
}

/* Nor is it forgotten when the kill reaches nobody. */
static void test_leaves_a_stop_alone(void **state) {
        JobFixture *jobs = job_fixture_need(state);
        JobSignalled result = {};
        Process owners, others;
        Job *job = job_fixture_begin_mixed(jobs, &owners, &others);

        process_end(&owners);
        assert_int_equal(job_stop_begin(job, JOB_REACH_EVERYONE, SIGTERM, CGMOVE_RESULT_TIMEOUT, NULL, NULL),
                         0);
        assert_int_equal(process_end_signal(&others), SIGTERM);
        assert_int_equal(job_kill(job, JOB_REACH_OWNER, &result), 0);
        assert_int_equal(result.signalled, 0);
        assert_non_null(job->stop);
        job_fixture_await_end(jobs, 7, CGMOVE_RESULT_TIMEOUT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, job_fixture_setup, job_fixture_teardown)

static int run_all(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_ends_it),
                TEST(test_goes_on),
                TEST(test_others_are_left_alone),
                TEST(test_nobody_is_reached),
                TEST(test_without_descriptors),
                TEST(test_hurries_a_stop),
                TEST(test_leaves_a_stop_alone),
        };

        return cmocka_run_group_tests_name("job-kill", tests, NULL, NULL);
}

int main(void) {
        return tree_fixture_run(run_all);
}
