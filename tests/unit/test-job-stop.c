/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Ending jobs: who is reached by it, and that nobody escapes. */

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#include "daemon/cgroup.h"
#include "daemon/job-stop.h"
#include "daemon/uptime.h"
#include "lib/protocol.h"
#include "lib/values.h"
#include "tests/unit/job-fixture.h"

typedef struct GivenUp {
        bool done;
        unsigned left;
        Job *job;
} GivenUp;

static void on_given_up(Job *job, unsigned left, void *userdata) {
        GivenUp *given_up = userdata;

        *given_up = (GivenUp){ .done = true, .left = left, .job = job };
}

/* Runs the loop until it has ended. */
static int end_of_killed(JobFixture *jobs, Process *process) {
        siginfo_t info = {};

        while (waitid(P_PID, (id_t) process->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
               info.si_pid == 0)
                assert_true(sd_event_run(jobs->tree->event, 10000) >= 0);
        return process_end_signal(process);
}

static void test_terminates(void **state) {
        JobFixture *jobs = job_fixture_need(state);
        Process processes[2];
        Job *job;

        for (size_t i = 0; i < ELEMENTSOF(processes); i++)
                processes[i] = process_start(jobs->tree->source_fd, TREE_OWNER);
        job = job_fixture_begin(jobs, tree_fixture_record(7), processes, 2);
        assert_int_equal(job_stop_begin(job, JOB_REACH_OWNER, SIGTERM, CGMOVE_RESULT_STOPPED, NULL, NULL),
                         0);
        job_fixture_await_end(jobs, 7, CGMOVE_RESULT_STOPPED);
        for (size_t i = 0; i < ELEMENTSOF(processes); i++)
                assert_int_equal(process_end_signal(&processes[i]), SIGTERM);
}

/* Who does not listen is killed when it is made stricter. */
static void test_made_stricter(void **state) {
        static const JobReach reaches[] = { JOB_REACH_OWNER, JOB_REACH_EVERYONE };
        JobFixture *jobs = job_fixture_need(state);

        for (size_t i = 0; i < ELEMENTSOF(reaches); i++) {
                Process deaf = process_start_deaf(jobs->tree->source_fd);
                Job *job = job_fixture_begin(jobs, tree_fixture_record(i + 1), &deaf, 1);

                assert_int_equal(job_stop_begin(job, JOB_REACH_OWNER, SIGTERM, CGMOVE_RESULT_STOPPED, NULL,
                                                NULL),
                                 0);
                assert_true(sd_event_run(jobs->tree->event, 20000) >= 0);
                assert_true(process_answers(&deaf));
                assert_int_equal(job_stop_begin(job, reaches[i], SIGKILL, CGMOVE_RESULT_KILLED, NULL, NULL),
                                 0);
                job_fixture_await_end(jobs, i + 1, CGMOVE_RESULT_STOPPED); /* the first word counts */
                assert_int_equal(process_end_signal(&deaf), SIGKILL);
        }
}

static void test_kills_at_once(void **state) {
        static const JobReach reaches[] = { JOB_REACH_OWNER, JOB_REACH_EVERYONE };
        JobFixture *jobs = job_fixture_need(state);

        for (size_t i = 0; i < ELEMENTSOF(reaches); i++) {
                Process process = process_start_deaf(jobs->tree->source_fd);
                Job *job = job_fixture_begin(jobs, tree_fixture_record(i + 1), &process, 1);

                assert_int_equal(job_stop_begin(job, reaches[i], SIGKILL, CGMOVE_RESULT_KILLED, NULL, NULL),
                                 0);
                job_fixture_await_end(jobs, i + 1, CGMOVE_RESULT_KILLED);
                assert_int_equal(process_end_signal(&process), SIGKILL);
        }
}

static void test_others_are_left_alone(void **state) {
        static const int signals[] = { SIGTERM, SIGKILL };

        for (size_t i = 0; i < ELEMENTSOF(signals); i++) {
                JobFixture *jobs = job_fixture_need(state);
                GivenUp given_up = {};
                Process owners, others;
                Job *job = job_fixture_begin_mixed(jobs, &owners, &others);

                assert_int_equal(job_stop_begin(job, JOB_REACH_OWNER, signals[i], CGMOVE_RESULT_STOPPED,
                                                on_given_up, &given_up),
                                 0);
                if (signals[i] == SIGTERM) {
                        assert_int_equal(process_end_signal(&owners), SIGTERM);
                        /* do not wait for the time to be up */
                        assert_int_equal(job_stop_begin(job, JOB_REACH_OWNER, SIGKILL, CGMOVE_RESULT_STOPPED,
                                                        on_given_up, &given_up),
                                         0);
                }
                tree_fixture_loop(jobs->tree, &given_up.done);
                if (signals[i] == SIGKILL)
                        assert_int_equal(process_end_signal(&owners), SIGKILL);
                assert_int_equal(given_up.left, 1);
                assert_ptr_equal(given_up.job, job);
                assert_null(job->stop);
                assert_non_null(job_set_find(jobs->set, 7)); /* goes on */
                assert_true(process_answers(&others));       /* and is not left frozen */

                process_end(&others);
                job_fixture_await_end(jobs, 7, CGMOVE_RESULT_STOPPED);
        }
}

static void test_everyone_is_reached(void **state) {
        JobFixture *jobs = job_fixture_need(state);
        Process owners, others;
        Job *job = job_fixture_begin_mixed(jobs, &owners, &others);

        assert_int_equal(job_stop_begin(job, JOB_REACH_EVERYONE, SIGKILL, CGMOVE_RESULT_STOPPED, NULL, NULL),
                         0);
        job_fixture_await_end(jobs, 7, CGMOVE_RESULT_STOPPED);
        assert_int_equal(process_end_signal(&owners), SIGKILL);
        assert_int_equal(process_end_signal(&others), SIGKILL);
}

static void test_nobody_of_the_owner(void **state) {
        JobFixture *jobs = job_fixture_need(state);
        GivenUp given_up = {};
        Process owners, others;
        Job *job = job_fixture_begin_mixed(jobs, &owners, &others);

        process_end(&owners);
        assert_int_equal(job_stop_begin(job, JOB_REACH_OWNER, SIGTERM, CGMOVE_RESULT_STOPPED, on_given_up,
                                        &given_up),
                         0);
        assert_false(given_up.done); /* never from within */
        tree_fixture_loop(jobs->tree, &given_up.done);
        assert_int_equal(given_up.left, 1);
        assert_true(process_answers(&others));
        process_end(&others);
}

/* Real, effective and saved: one that holds root's as well is not simply the owner's. */
static void test_signal_counts(void **state) {
        JobFixture *jobs = job_fixture_need(state);
        _cleanup_close_ int fd = -1;
        JobSignalled result = {};
        Process owners, others, root;
        Job *job = job_fixture_begin_mixed(jobs, &owners, &others);

        assert_int_equal(job_open(job, &fd), 0);
        root = process_start(fd, 0);
        assert_int_equal(job_signal(job, JOB_REACH_OWNER, SIGTERM, &result), 0);
        assert_int_equal(result.signalled, 1);
        assert_int_equal(result.left, 2);
        assert_int_equal(process_end_signal(&owners), SIGTERM);
        assert_true(process_answers(&others));
        assert_true(process_answers(&root));

        assert_int_equal(job_signal(job, JOB_REACH_EVERYONE, SIGTERM, &result), 0);
        assert_int_equal(result.signalled, 2);
        assert_int_equal(result.left, 0);
        assert_int_equal(process_end_signal(&others), SIGTERM);
        assert_int_equal(process_end_signal(&root), SIGTERM);
        job_fixture_await_end(jobs, 7, CGMOVE_RESULT_ENDED);
}

/* Always a step ahead of whoever reads a list of processes: it lives on in its child. */
static void run_away(void) {
        for (;;)
                if (fork() > 0)
                        _exit(0);
}

static void test_nobody_runs_away(void **state) {
        static const JobReach reaches[] = { JOB_REACH_OWNER, JOB_REACH_EVERYONE };
        JobFixture *jobs = job_fixture_need(state);

        for (size_t i = 0; i < ELEMENTSOF(reaches); i++) {
                Process process = process_start(jobs->tree->source_fd, TREE_OWNER), runner;
                Job *job = job_fixture_begin(jobs, tree_fixture_record(i + 1), &process, 1);
                _cleanup_close_ int fd = -1;

                assert_int_equal(job_open(job, &fd), 0);
                runner = process_start_body(fd, TREE_OWNER, run_away);
                assert_int_equal(job_stop_begin(job, reaches[i], SIGKILL, CGMOVE_RESULT_KILLED, NULL, NULL),
                                 0);
                job_fixture_await_end(jobs, i + 1, CGMOVE_RESULT_KILLED);
                process_end(&process);
                process_end(&runner);
        }
}

/* --- the daemon ends meanwhile ------------------------------------------------------------------------- */

/* It had been asked to end, and the time it has for that goes on; what it ends as is known. */
static void test_goes_on_before_sigkill(void **state) {
        JobFixture *jobs = job_fixture_need(state);
        Process deaf = process_start_deaf(jobs->tree->source_fd);
        Job *job = job_fixture_begin(jobs, tree_fixture_record(7), &deaf, 1);

        assert_int_equal(job_stop_begin(job, JOB_REACH_OWNER, SIGTERM, CGMOVE_RESULT_STOPPED, NULL, NULL),
                         0);
        job_fixture_restart(jobs);
        assert_int_equal(job_set_discover(jobs->set, jobs->tree->pool), 0);
        job = job_set_find(jobs->set, 7);
        assert_non_null(job);
        assert_non_null(job->stop);
        assert_true(sd_event_run(jobs->tree->event, 20000) >= 0);
        assert_true(process_answers(&deaf)); /* not yet */

        assert_int_equal(job_stop_begin(job, JOB_REACH_OWNER, SIGKILL, CGMOVE_RESULT_KILLED, NULL, NULL), 0);
        job_fixture_await_end(jobs, 7, CGMOVE_RESULT_STOPPED);
        assert_int_equal(process_end_signal(&deaf), SIGKILL);
}

/* Frozen as it is then: nobody takes it for a move, and a process of somebody else for a stranger. */
static void test_goes_on_with_sigkill(void **state) {
        static const bool all_dead[] = { false, true };
        JobFixture *jobs = job_fixture_need(state);

        for (size_t i = 0; i < ELEMENTSOF(all_dead); i++) {
                Process owners = process_start(jobs->tree->source_fd, TREE_OWNER), others = {};
                Job *job = job_fixture_begin(jobs, tree_fixture_record(i + 7), &owners, 1);
                _cleanup_close_ int fd = -1;

                assert_int_equal(job_open(job, &fd), 0);
                if (!all_dead[i])
                        others = process_start(fd, TREE_OTHER);
                assert_int_equal(job_stop_begin(job, JOB_REACH_OWNER, SIGKILL, CGMOVE_RESULT_KILLED, NULL,
                                                NULL),
                                 0);
                job_fixture_restart(jobs);
                assert_int_equal(cgroup_freeze(fd, true), 0);
                if (all_dead[i])
                        process_end(&owners);

                assert_int_equal(job_set_discover(jobs->set, jobs->tree->pool), 0);
                if (!all_dead[i]) {
                        assert_int_equal(end_of_killed(jobs, &owners), SIGKILL);
                        job = job_set_find(jobs->set, i + 7);
                        assert_non_null(job);
                        while (job->stop)
                                assert_true(sd_event_run(jobs->tree->event, 20000) >= 0);
                        assert_true(process_answers(&others));
                        process_end(&others);
                }
                job_fixture_await_end(jobs, i + 7, CGMOVE_RESULT_KILLED);
        }
}

/* It has been given up: whoever comes next does not begin again. */
static void test_given_up_is_forgotten(void **state) {
        JobFixture *jobs = job_fixture_need(state);
        GivenUp given_up = {};
        Process owners, others;
        Job *job = job_fixture_begin_mixed(jobs, &owners, &others);

        assert_int_equal(job_stop_begin(job, JOB_REACH_OWNER, SIGKILL, CGMOVE_RESULT_STOPPED, on_given_up,
                                        &given_up),
                         0);
        tree_fixture_loop(jobs->tree, &given_up.done);
        assert_int_equal(process_end_signal(&owners), SIGKILL);
        job_fixture_restart(jobs);
        assert_int_equal(job_set_discover(jobs->set, jobs->tree->pool), 0);
        job = job_set_find(jobs->set, 7);
        assert_non_null(job);
        assert_null(job->stop);
        assert_true(process_answers(&others));
        process_end(&others);
}

/* --- the runtime limit --------------------------------------------------------------------------------- */

static void test_runtime(void **state) {
        JobFixture *jobs = job_fixture_need(state);
        Process process = process_start(jobs->tree->source_fd, TREE_OWNER);
        JobRecord *record = tree_fixture_record(7);

        record->limits.runtime_max = USEC_PER_SEC; /* since 1970 */
        (void) job_fixture_begin(jobs, record, &process, 1);
        job_fixture_await_end(jobs, 7, CGMOVE_RESULT_TIMEOUT);
        assert_int_equal(process_end_signal(&process), SIGTERM);
}

/* Also of others; and it goes on counting while no daemon runs. */
static void test_runtime_of_a_job_found_again(void **state) {
        JobFixture *jobs = job_fixture_need(state);
        _cleanup_close_ int fd = -1;
        JobRecord *record = tree_fixture_record(7);
        Process owners, others;
        Job *job;

        record->limits.runtime_max = USEC_PER_SEC;
        owners = process_start(jobs->tree->source_fd, TREE_OWNER);
        job = job_fixture_begin(jobs, record, &owners, 1);
        assert_int_equal(job_open(job, &fd), 0);
        others = process_start(fd, TREE_OTHER);
        job_fixture_restart(jobs); /* before the loop has run */
        assert_int_equal(job_set_discover(jobs->set, jobs->tree->pool), 0);
        job_fixture_await_end(jobs, 7, CGMOVE_RESULT_TIMEOUT);
        assert_int_equal(process_end_signal(&owners), SIGTERM);
        assert_int_equal(process_end_signal(&others), SIGTERM);
}

static void test_runtime_not_reached(void **state) {
        JobFixture *jobs = job_fixture_need(state);
        Process process = process_start(jobs->tree->source_fd, TREE_OWNER);
        JobRecord *record = tree_fixture_record(7);

        record->created = (uint64_t) 1 << 62; /* the clock was put back since */
        record->limits.runtime_max = 3600 * USEC_PER_SEC;
        (void) job_fixture_begin(jobs, record, &process, 1);
        for (int i = 0; i < 5; i++)
                assert_true(sd_event_run(jobs->tree->event, 10000) >= 0);
        assert_non_null(job_set_find(jobs->set, 7));
        assert_true(process_answers(&process));
        process_end(&process);
}

/* Nobody sets the clock that it is measured by. */
static void test_runtime_whoever_sets_the_clock(void **state) {
        JobFixture *jobs = job_fixture_need(state);
        JobRecord *young, *old;
        Process processes[2];

        if (uptime_now() < 600 * USEC_PER_SEC)
                skip(); /* nobody can be so old */
        young = tree_fixture_record(7);
        old = tree_fixture_record(8);
        for (size_t i = 0; i < ELEMENTSOF(processes); i++)
                processes[i] = process_start(jobs->tree->source_fd, TREE_OWNER);
        old->up = 1;
        old->created = (uint64_t) time(NULL) * USEC_PER_SEC;
        old->limits.runtime_max = 600 * USEC_PER_SEC;
        young->up = uptime_now();
        young->limits.runtime_max = 3600 * USEC_PER_SEC; /* since 1970, by the one that is set */

        (void) job_fixture_begin(jobs, young, &processes[0], 1);
        (void) job_fixture_begin(jobs, old, &processes[1], 1);
        job_fixture_restart(jobs);
        assert_int_equal(job_set_discover(jobs->set, jobs->tree->pool), 0);
        job_fixture_await_end(jobs, 8, CGMOVE_RESULT_TIMEOUT);
        assert_int_equal(process_end_signal(&processes[1]), SIGTERM);
        assert_non_null(job_set_find(jobs->set, 7));
        assert_true(process_answers(&processes[0]));
        process_end(&processes[0]);
}

/* What there was too little of at that moment may be there later. */
static void test_runtime_is_tried_again(void **state) {
        JobFixture *jobs = job_fixture_need(state);
        Process process = process_start(jobs->tree->source_fd, TREE_OWNER);
        JobRecord *record = tree_fixture_record(7);
        Job *job;

        record->limits.runtime_max = 3600 * USEC_PER_SEC;
        record->created = (uint64_t) time(NULL) * USEC_PER_SEC;
        job = job_fixture_begin(jobs, record, &process, 1);
        for (int i = 0; i < 2; i++) {
                uint64_t now, then;

                assert_int_equal(sd_event_source_set_time_relative(job->timer, 0), 0);
                tree_fixture_leave_fds(0);
                do { /* it is on until it has been run, and then again, later */
                        assert_true(sd_event_run(jobs->tree->event, 10000) >= 0);
                        assert_int_equal(sd_event_source_get_enabled(job->timer, NULL), 1);
                        assert_int_equal(sd_event_source_get_time(job->timer, &then), 0);
                        assert_int_equal(sd_event_now(jobs->tree->event, CLOCK_BOOTTIME, &now), 0);
                } while (then <= now);
                tree_fixture_leave_fds(SIZE_MAX);
                assert_null(job->stop);
                assert_true(process_answers(&process));
        }

        assert_int_equal(sd_event_source_set_time_relative(job->timer, 0), 0);
        job_fixture_await_end(jobs, 7, CGMOVE_RESULT_TIMEOUT);
        assert_int_equal(process_end_signal(&process), SIGTERM);
}

/* --- those who do not end ---------------------------------------------------------------------------------- */

/* Rounds of SIGKILL in ten seconds, if the Nth reaches REACHED(N) processes. */
static unsigned count_rounds(unsigned (*reached)(unsigned round)) {
        unsigned n_rounds = 0, before = 0;
        uint64_t interval = 0;

        for (uint64_t now = 0; now < 10 * USEC_PER_SEC; now += interval) {
                unsigned n = reached(n_rounds++);

                interval = job_stop_next_interval(interval, before, n);
                assert_true(interval >= JOB_KILL_INTERVAL_MIN && interval <= JOB_KILL_INTERVAL_MAX);
                before = n;
        }
        return n_rounds;
}

static unsigned all_stay(unsigned round) {
        return 4096;
}

/* One is let go each time, so that it looks as if something happened. */
static unsigned one_ends(unsigned round) {
        return 4096 - round;
}

static unsigned half_end(unsigned round) {
        return round < 12 ? 4096U >> round : 1;
}

static unsigned nearly_all_end(unsigned round) {
        return round == 0 ? 4096 : round < 3 ? 1 : 0;
}

static void test_rounds(void **state) {
        assert_int_equal(job_stop_next_interval(0, 0, 5), JOB_KILL_INTERVAL_MIN);
        /* most have ended: the rest may soon */
        assert_int_equal(job_stop_next_interval(JOB_KILL_INTERVAL_MIN, 100, 49), JOB_KILL_INTERVAL_MIN);
        assert_int_equal(job_stop_next_interval(JOB_KILL_INTERVAL_MIN, 100, 50), 2 * JOB_KILL_INTERVAL_MIN);

        assert_in_range(count_rounds(all_stay), 10, 20);
        assert_in_range(count_rounds(one_ends), 10, 20);
        assert_in_range(count_rounds(half_end), 10, 40);
        assert_in_range(count_rounds(nearly_all_end), 10, 20);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, job_fixture_setup, job_fixture_teardown)

static int run_all(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_terminates),
                TEST(test_made_stricter),
                TEST(test_kills_at_once),
                TEST(test_others_are_left_alone),
                TEST(test_everyone_is_reached),
                TEST(test_nobody_of_the_owner),
                TEST(test_signal_counts),
                TEST(test_nobody_runs_away),
                TEST(test_goes_on_before_sigkill),
                TEST(test_goes_on_with_sigkill),
                TEST(test_given_up_is_forgotten),
                TEST(test_runtime),
                TEST(test_runtime_of_a_job_found_again),
                TEST(test_runtime_not_reached),
                TEST(test_runtime_whoever_sets_the_clock),
                TEST(test_runtime_is_tried_again),
                cmocka_unit_test(test_rounds),
        };

        return cmocka_run_group_tests_name("job-stop", tests, NULL, NULL);
}

int main(void) {
        return tree_fixture_run(run_all);
}
