/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Ending jobs whose processes do not end on SIGKILL, or cannot be sent it for long; what else a stop does is the matter of
 * test-job-stop.c. */

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/cgroup.h"
#include "daemon/job-stop.h"
#include "lib/pidfd.h"
#include "lib/protocol.h"
#include "lib/values.h"
#include "tests/unit/job-fixture.h"

/* SIGKILL has no effect, as on a process that waits for a dead disk; and the time that has passed meanwhile. */
static bool are_stuck;
static uint64_t passed;
static unsigned n_kills, n_looks; /* at the clock: one a round */

int __real_pidfd_kill(int pidfd, int sig);
int __wrap_pidfd_kill(int pidfd, int sig);

int __wrap_pidfd_kill(int pidfd, int sig) {
        if (!are_stuck || sig != SIGKILL)
                return __real_pidfd_kill(pidfd, sig);
        n_kills++;
        return 0;
}

int __real_cgroup_kill(int fd);
int __wrap_cgroup_kill(int fd);

int __wrap_cgroup_kill(int fd) {
        if (!are_stuck)
                return __real_cgroup_kill(fd);
        n_kills++;
        return 0;
}

int __real_sd_event_now(sd_event *event, clockid_t clock, uint64_t *ret);
int __wrap_sd_event_now(sd_event *event, clockid_t clock, uint64_t *ret);

int __wrap_sd_event_now(sd_event *event, clockid_t clock, uint64_t *ret) {
        int r = __real_sd_event_now(event, clock, ret);

        if (clock == CLOCK_MONOTONIC) {
                n_looks++;
                *ret += passed;
        }
        return r;
}

static void reset(bool stuck) {
        are_stuck = stuck;
        passed = n_kills = n_looks = 0;
}

static void await_rounds(const JobFixture *jobs, const unsigned *n, unsigned rounds) {
        unsigned end = *n + rounds;

        for (int i = 0; i < 3000 && *n < end; i++)
                assert_true(sd_event_run(jobs->tree->event, 10000) >= 0);
        assert_true(*n >= end);
}

/* What the owner's stop has tried in vain is not what root's tries, however late it joins. */
static void test_joined_in_the_last_second(void **state) {
        JobFixture *jobs = job_fixture_need(state);
        Process deaf = process_start_deaf(jobs->tree->source_fd);
        Job *job = job_fixture_begin(jobs, tree_fixture_record(7), &deaf, 1);

        reset(true);
        assert_int_equal(job_stop_begin(job, JOB_REACH_OWNER, SIGKILL, CGMOVE_RESULT_STOPPED, NULL, NULL), 0);
        await_rounds(jobs, &n_kills, 2);
        passed = 10 * USEC_PER_SEC;
        assert_int_equal(job_stop_begin(job, JOB_REACH_EVERYONE, SIGTERM, CGMOVE_RESULT_TIMEOUT, NULL, NULL),
                         0);
        are_stuck = false;
        job_fixture_await_end(jobs, 7, CGMOVE_RESULT_STOPPED);
        assert_int_equal(process_end_signal(&deaf), SIGKILL);
        reset(false);
}

/* Without a descriptor nobody is killed, and the time for that does not pass. */
static void test_no_descriptors_for_long(void **state) {
        static const JobReach reaches[] = { JOB_REACH_OWNER, JOB_REACH_EVERYONE };
        JobFixture *jobs = job_fixture_need(state);

        for (size_t i = 0; i < ELEMENTSOF(reaches); i++) {
                Process deaf = process_start_deaf(jobs->tree->source_fd);
                Job *job = job_fixture_begin(jobs, tree_fixture_record(i + 1), &deaf, 1);

                reset(false);
                assert_int_equal(job_stop_begin(job, reaches[i], SIGKILL, CGMOVE_RESULT_KILLED, NULL, NULL),
                                 0);
                tree_fixture_leave_fds(0);
                for (int k = 0; k < 3; k++) {
                        await_rounds(jobs, &n_looks, 1);
                        passed += 11 * USEC_PER_SEC;
                }
                tree_fixture_leave_fds(SIZE_MAX);
                job_fixture_await_end(jobs, i + 1, CGMOVE_RESULT_KILLED);
                assert_int_equal(process_end_signal(&deaf), SIGKILL);
        }
        reset(false);
}

/* Whose runtime is over is not let go for ever. */
static void test_runtime_is_over_after_giving_up(void **state) {
        JobFixture *jobs = job_fixture_need(state);
        Process deaf = process_start_deaf(jobs->tree->source_fd);
        JobRecord *record = tree_fixture_record(7);
        Job *job;

        reset(true);
        record->limits.runtime_max = USEC_PER_SEC;
        job = job_fixture_begin(jobs, record, &deaf, 1);
        for (int i = 0; i < 3000 && !job->stop; i++)
                assert_true(sd_event_run(jobs->tree->event, 10000) >= 0);
        assert_int_equal(job_stop_begin(job, JOB_REACH_EVERYONE, SIGKILL, CGMOVE_RESULT_KILLED, NULL, NULL),
                         0);
        await_rounds(jobs, &n_kills, 1);
        passed = 10 * USEC_PER_SEC;
        await_rounds(jobs, &n_looks, 1);
        assert_null(job->stop);
        assert_true(process_answers(&deaf));
        assert_int_equal(sd_event_source_get_enabled(job->timer, NULL), 1);

        reset(false);
        assert_int_equal(sd_event_source_set_time_relative(job->timer, 0), 0);
        for (int i = 0; i < 3000 && !job->stop; i++)
                assert_true(sd_event_run(jobs->tree->event, 10000) >= 0);
        assert_non_null(job->stop);
        assert_int_equal(job_stop_begin(job, JOB_REACH_EVERYONE, SIGKILL, CGMOVE_RESULT_KILLED, NULL, NULL),
                         0);
        job_fixture_await_end(jobs, 7, CGMOVE_RESULT_TIMEOUT);
        assert_int_equal(process_end_signal(&deaf), SIGKILL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, job_fixture_setup, job_fixture_teardown)

static int run_all(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_joined_in_the_last_second),
                TEST(test_no_descriptors_for_long),
                TEST(test_runtime_is_over_after_giving_up),
        };

        return cmocka_run_group_tests_name("job-stuck", tests, NULL, NULL);
}

int main(void) {
        return tree_fixture_run(run_all);
}
