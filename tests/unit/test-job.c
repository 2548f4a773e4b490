/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Jobs from their beginning to their end, with real processes in a real tree; found again: test-job-discover.c. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/cgroup.h"
#include "daemon/job-private.h"
#include "daemon/repair.h"
#include "lib/protocol.h"
#include "lib/values.h"
#include "tests/unit/job-fixture.h"

/* --- the end ------------------------------------------------------------------------------------------- */

static void test_ends_when_its_group_empties(void **state) {
        JobFixture *jobs = job_fixture_need(state);
        unsigned n_holds = pool_n_jobs(jobs->tree->pool);
        Process processes[2];

        processes[0] = process_start(jobs->tree->source_fd, TREE_OWNER);
        processes[1] = process_start(jobs->tree->source_fd, TREE_OWNER);
        (void) job_fixture_begin(jobs, tree_fixture_record(7), processes, 2);
        assert_int_equal(jobs->n_added, 1);
        assert_int_equal(pool_n_jobs(jobs->tree->pool), n_holds + 1);
        assert_int_equal(job_set_count(jobs->set), 1);
        assert_int_equal(job_set_count_of(jobs->set, TREE_OWNER), 1);
        assert_int_equal(job_set_count_of(jobs->set, TREE_OTHER), 0);

        process_end(&processes[0]);
        assert_true(sd_event_run(jobs->tree->event, 20000) >= 0);
        assert_non_null(job_set_find(jobs->set, 7));
        assert_int_equal(jobs->n_ended, 0);

        process_end(&processes[1]);
        job_fixture_await_end(jobs, 7, CGMOVE_RESULT_ENDED);
        assert_int_equal(jobs->n_ended, 1);
        assert_int_equal(job_set_count(jobs->set), 0);
        assert_int_equal(job_set_count_of(jobs->set, TREE_OWNER), 0);
        assert_int_equal(pool_n_jobs(jobs->tree->pool), n_holds);
        assert_false(tree_fixture_exists(jobs->tree, TREE_JOB));
}

static void test_result_by_status(void **state) {
        static const struct {
                int code, sig;
                const char *result;
        } table[] = {
                { 0, 0, CGMOVE_RESULT_DONE },
                { 3, 0, CGMOVE_RESULT_FAILED },
                { 0, SIGSEGV, CGMOVE_RESULT_FAILED },
        };
        JobFixture *jobs = job_fixture_need(state);

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_(job_record_freep) JobRecord *stored = NULL;
                Process process = process_start(jobs->tree->source_fd, TREE_OWNER);
                Job *job = job_fixture_begin(jobs, tree_fixture_record(i + 1), &process, 1);

                assert_int_equal(job_set_status(job, table[i].code, table[i].sig), 0);
                assert_int_equal(job_set_status(job, 99, 0), -EALREADY);
                process_end(&process);
                job_fixture_await_end(jobs, i + 1, table[i].result);
                assert_int_equal(job_store_get(jobs->store, TREE_OWNER, i + 1, &stored), 0);
                assert_true(stored->status_known);
                assert_int_equal(stored->exit_code, table[i].code);
                assert_int_equal(stored->exit_signal, table[i].sig);
        }
}

/* Ended before it was watched: nothing will ever tell. */
static void test_check(void **state) {
        JobFixture *jobs = job_fixture_need(state);
        Process process = process_start(jobs->tree->source_fd, TREE_OWNER);
        Job *job = job_fixture_begin(jobs, tree_fixture_record(7), &process, 1);

        job_check(job);
        assert_int_equal(jobs->n_ended, 0);
        process_end(&process);
        while (tree_fixture_populated(jobs->tree, TREE_JOB))
                (void) usleep(1000);
        job_check(job);
        assert_int_equal(jobs->n_ended, 1);
        job_fixture_await_end(jobs, 7, CGMOVE_RESULT_ENDED);
}

/* What ended by itself says how; the rest ended with its pool. */
static void test_pool_stopped(void **state) {
        JobFixture *jobs = job_fixture_need(state);
        Process processes[3];
        Job *job[3];

        for (size_t i = 0; i < ELEMENTSOF(job); i++) {
                processes[i] = process_start(jobs->tree->source_fd, TREE_OWNER);
                job[i] = job_fixture_begin(jobs, tree_fixture_record(i + 1), &processes[i], 1);
        }
        assert_int_equal(job_set_status(job[1], 0, SIGTERM), 0);
        assert_int_equal(job_set_status(job[2], 0, 0), 0);
        assert_int_equal(cgroup_remove(pool_fd(jobs->tree->pool), "keeper"), 0);
        for (size_t i = 0; i < ELEMENTSOF(job); i++)
                process_end(&processes[i]);
        job_fixture_await_end(jobs, 1, CGMOVE_RESULT_POOL_STOPPED);
        job_fixture_await_end(jobs, 2, CGMOVE_RESULT_POOL_STOPPED);
        job_fixture_await_end(jobs, 3, CGMOVE_RESULT_DONE);
}

/* As systemd does when the pool's unit is stopped. */
static void test_group_removed_behind_our_back(void **state) {
        JobFixture *jobs = job_fixture_need(state);
        Process process = process_start(jobs->tree->source_fd, TREE_OWNER);

        (void) job_fixture_begin(jobs, tree_fixture_record(7), &process, 1);
        /* at once: the kernel keeps events of one file 10 ms apart, and forgets one that it holds back when
         * the group goes */
        process_end(&process);
        while (cgroup_remove(pool_fd(jobs->tree->pool), "job-7") < 0)
                (void) usleep(1000);
        job_fixture_await_end(jobs, 7, CGMOVE_RESULT_ENDED);
}

static void test_add_without_a_group(void **state) {
        JobFixture *jobs = job_fixture_need(state);
        unsigned n_holds = pool_n_jobs(jobs->tree->pool);
        Job *job = NULL;

        assert_int_equal(job_set_add(jobs->set, jobs->tree->pool, tree_fixture_record(7), &job), -ENOENT);
        assert_null(job);
        assert_null(job_set_find(jobs->set, 7));
        assert_int_equal(job_set_count(jobs->set), 0);
        assert_int_equal(pool_n_jobs(jobs->tree->pool), n_holds);
        assert_int_equal(jobs->n_added, 0);
}

/* --- waiters ------------------------------------------------------------------------------------------- */

typedef struct Waiting {
        JobWaiter waiter;
        unsigned n, n_nothing;
        uint64_t id;
} Waiting;

static void test_outcome(void **state) {
        JobFixture *jobs = job_fixture_need(state);
        JobRecord template = { .id = 7,
                               .uid = TREE_OWNER,
                               .kind = JOB_RESTART,
                               .limits = { LIMIT_NONE, LIMIT_NONE, 0, LIMIT_NONE },
                               .source = "session",
                               .unit = "user:a.service" };
        _cleanup_(job_record_freep) JobRecord *kept = NULL;
        Process process = process_start(jobs->tree->source_fd, TREE_OWNER);
        JobRecord *record;
        Job *job;

        assert_int_equal(job_record_new(&template, &record), 0);
        job = job_fixture_begin(jobs, record, &process, 1);
        assert_int_equal(job_set_outcome(job, "nonsense"), -EINVAL);
        assert_string_equal(job->record->outcome, "");
        assert_int_equal(job_set_outcome(job, "{\"state\":\"waiting\"}"), 0);
        assert_int_equal(job_set_outcome(job, "{\"state\":\"watching\"}"), 0);

        /* whatever becomes of the daemon and of the job */
        job_fixture_restart(jobs);
        assert_int_equal(job_set_discover(jobs->set, jobs->tree->pool), 0);
        job = job_set_find(jobs->set, 7);
        assert_non_null(job);
        assert_string_equal(job->record->outcome, "{\"state\":\"watching\"}");
        assert_string_equal(job->record->unit, "user:a.service");
        process_end(&process);
        job_fixture_await_end(jobs, 7, CGMOVE_RESULT_ENDED);
        assert_int_equal(job_store_get(jobs->store, TREE_OWNER, 7, &kept), 0);
        assert_string_equal(kept->outcome, "{\"state\":\"watching\"}");
}

static void test_login(void **state) {
        JobFixture *jobs = job_fixture_need(state);
        JobRecord template = { .id = 7, .uid = TREE_OWNER, .limits = { LIMIT_NONE, LIMIT_NONE, 0, LIMIT_NONE },
                               .source = "session", .on_logout = ON_LOGOUT_STOP, .origin = "session-3.scope" };
        Process process = process_start(jobs->tree->source_fd, TREE_OWNER);
        JobRecord *record;
        Job *job;

        assert_int_equal(job_record_new(&template, &record), 0);
        job = job_fixture_begin(jobs, record, &process, 1);
        assert_int_equal(job_set_login(job, "alice", true), 0);

        /* the next daemon has it from the group */
        job_fixture_restart(jobs);
        assert_int_equal(job_set_discover(jobs->set, jobs->tree->pool), 0);
        job = job_set_find(jobs->set, 7);
        assert_non_null(job);
        assert_string_equal(job->record->login, "alice");
        assert_string_equal(job->record->origin, "session-3.scope");
        assert_true(job->record->logged_in);
        assert_int_equal(job->record->on_logout, ON_LOGOUT_STOP);
        process_end(&process);
        job_fixture_await_end(jobs, 7, CGMOVE_RESULT_ENDED);
}

static void test_leader(void **state) {
        JobFixture *jobs = job_fixture_need(state);
        Process leader = process_start(jobs->tree->source_fd, TREE_OWNER);
        Process follower = process_start(jobs->tree->source_fd, TREE_OWNER);
        const Process both[] = { leader, follower };
        Job *job = job_fixture_begin(jobs, tree_fixture_record(7), both, 2);

        assert_false(job_has_lost_leader(job)); /* it is not known */
        job_set_leader(job, leader.pid);
        assert_false(job_has_lost_leader(job));
        job->leader_start++; /* the number is another process's */
        assert_true(job_has_lost_leader(job));
        job->leader_start--;
        assert_false(job_has_lost_leader(job));

        process_end(&leader);
        assert_true(job_has_lost_leader(job));
        assert_true(process_answers(&follower));
        process_end(&follower);
        job_fixture_await_end(jobs, 7, CGMOVE_RESULT_ENDED);
}

static void on_ended(JobWaiter *waiter, const JobRecord *record) {
        Waiting *waiting = (Waiting *) waiter; /* its first member */

        waiting->n++;
        if (record)
                waiting->id = record->id;
        else
                waiting->n_nothing++;
}

static void test_waiters(void **state) {
        JobFixture *jobs = job_fixture_need(state);
        Process process = process_start(jobs->tree->source_fd, TREE_OWNER);
        Waiting told[2] = {}, cancelled = {}, other = {};
        Process other_process = process_start(jobs->tree->source_fd, TREE_OWNER);
        Job *job = job_fixture_begin(jobs, tree_fixture_record(7), &process, 1);
        Job *other_job = job_fixture_begin(jobs, tree_fixture_record(8), &other_process, 1);

        job_waiter_add(&told[0].waiter, job, on_ended);
        job_waiter_add(&cancelled.waiter, job, on_ended);
        job_waiter_add(&told[1].waiter, job, on_ended);
        job_waiter_add(&other.waiter, other_job, on_ended);
        job_waiter_cancel(&cancelled.waiter);
        job_waiter_cancel(&cancelled.waiter);
        process_end(&process);
        job_fixture_await_end(jobs, 7, CGMOVE_RESULT_ENDED);
        for (size_t i = 0; i < ELEMENTSOF(told); i++) {
                assert_int_equal(told[i].n, 1);
                assert_int_equal(told[i].id, 7);
                job_waiter_cancel(&told[i].waiter); /* no harm */
        }
        assert_int_equal(cancelled.n, 0);
        assert_int_equal(other.n, 0);

        jobs->set = job_set_free(jobs->set);
        assert_int_equal(other.n_nothing, 1);
        assert_true(process_answers(&other_process));
        process_end(&other_process);
}

/* --- without what is needed --------------------------------------------------------------------------- */

/* inotify is used up: the end is seen all the same, and the watch is had later. */
static void test_not_watched(void **state) {
        JobFixture *jobs = job_fixture_need(state);
        Process processes[2];
        Job *job;

        for (size_t i = 0; i < ELEMENTSOF(processes); i++) {
                processes[i] = process_start(jobs->tree->source_fd, TREE_OWNER);
                job = job_fixture_begin(jobs, tree_fixture_record(i + 1), &processes[i], 1);
        }
        job_fixture_restart(jobs);

        assert_int_equal(job_set_discover(jobs->set, jobs->tree->pool), 0);
        job = job_set_find(jobs->set, 2);
        assert_non_null(job);
        job_unwatch(job);
        tree_fixture_leave_fds(0);
        job_look_again(job);
        for (int i = 0; i < 30 && job->watch < 0; i++)
                assert_true(sd_event_run(jobs->tree->event, 100000) >= 0);
        tree_fixture_leave_fds(SIZE_MAX);
        assert_true(job->watch >= 0 || job->must_look);
        for (int i = 0; i < 30 && job->watch < 0; i++)
                assert_true(sd_event_run(jobs->tree->event, 100000) >= 0);
        assert_true(job->watch >= 0);

        job_unwatch(job);
        process_end(&processes[1]);
        job_look_again(job);
        job_fixture_await_end(jobs, 2, CGMOVE_RESULT_ENDED);
        process_end(&processes[0]);
        job_fixture_await_end(jobs, 1, CGMOVE_RESULT_ENDED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, job_fixture_setup, job_fixture_teardown)

static int run_all(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_ends_when_its_group_empties),
                TEST(test_result_by_status),
                TEST(test_check),
                TEST(test_pool_stopped),
                TEST(test_group_removed_behind_our_back),
                TEST(test_add_without_a_group),
                TEST(test_outcome),
                TEST(test_login),
                TEST(test_leader),
                TEST(test_waiters),
                TEST(test_not_watched),
        };

        return cmocka_run_group_tests_name("job", tests, NULL, NULL);
}

int main(void) {
        return tree_fixture_run(run_all);
}
