/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Where a stranger goes who has come into a job by a reused number: to his parent if that is certain to be his place, or else into
 * quarantine. */

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/cgroup.h"
#include "lib/pidfd.h"
#include "lib/values.h"
#include "tests/unit/move-fixture.h"

/* The parent is of the same user, session and process group, in the unit of that group's leader. */
static void test_stranger_back_to_his_parent(void **state) {
        const TreeFixture *fixture = tree_fixture_need(state);
        _cleanup_(job_record_freep) JobRecord *record = tree_fixture_record(7);
        _cleanup_close_ int fd = tree_fixture_frozen_job(fixture),
                            unit_fd = tree_fixture_group(fixture, TREE_SYSTEM_UNIT);
        Process leader;
        pid_t stranger;

        leader = process_start(unit_fd, TREE_OTHER);
        assert_int_equal(setpgid(leader.pid, leader.pid), 0);
        stranger = process_fork(&leader);
        assert_int_equal(cgroup_attach(fd, stranger), 0);
        assert_int_equal(move_complete(&fixture->kernel, fixture->pool, fd, record), 0);
        assert_string_equal(tree_fixture_where(fixture, stranger), TREE_SYSTEM_UNIT);
        assert_false(tree_fixture_exists(fixture, TREE_QUARANTINE));
        process_end(&leader);
}

/* A manager's child would get out of all its unit's limits that way. */
static void test_stranger_is_not_sent_to_a_manager(void **state) {
        static const char *const groups[] = {
                "/user.slice/user-65534.slice/user@65534.service/init.scope",
                TREE_SYSTEM_UNIT "/.control",
                TREE_POOL "/keeper",
        };
        const TreeFixture *fixture = tree_fixture_need(state);
        _cleanup_(job_record_freep) JobRecord *record = tree_fixture_record(7);
        _cleanup_close_ int fd = tree_fixture_frozen_job(fixture);

        for (size_t i = 0; i < ELEMENTSOF(groups); i++) {
                _cleanup_close_ int parent_fd = tree_fixture_group(fixture, groups[i]);
                Process parent = process_start(parent_fd, TREE_OTHER);
                pid_t stranger;

                assert_int_equal(setpgid(parent.pid, parent.pid), 0);
                stranger = process_fork(&parent);
                assert_int_equal(cgroup_freeze(fd, true), 0);
                assert_int_equal(cgroup_attach(fd, stranger), 0);
                assert_int_equal(move_complete(&fixture->kernel, fixture->pool, fd, record), 0);
                assert_string_equal(tree_fixture_where(fixture, stranger), TREE_QUARANTINE);
                process_end(&parent);
        }
}

/* Another unit than the leader's, or no leader any more: it says nothing. */
static void test_stranger_whose_parent_says_nothing(void **state) {
        const TreeFixture *fixture = tree_fixture_need(state);
        _cleanup_(job_record_freep) JobRecord *record = tree_fixture_record(7);
        _cleanup_close_ int fd = tree_fixture_frozen_job(fixture),
                            unit_fd = tree_fixture_group(fixture, TREE_SYSTEM_UNIT);
        Process leader, parent;
        pid_t stranger;

        leader = process_start(fixture->source_fd, TREE_OTHER);
        parent = process_start(unit_fd, TREE_OTHER);
        assert_int_equal(setpgid(leader.pid, leader.pid), 0);
        assert_int_equal(setpgid(parent.pid, leader.pid), 0);
        stranger = process_fork(&parent);
        assert_int_equal(cgroup_attach(fd, stranger), 0);
        assert_int_equal(move_complete(&fixture->kernel, fixture->pool, fd, record), 0);
        assert_string_equal(tree_fixture_where(fixture, stranger), TREE_QUARANTINE);

        process_end(&leader);
        stranger = process_fork(&parent);
        assert_int_equal(cgroup_freeze(fd, true), 0);
        assert_int_equal(cgroup_attach(fd, stranger), 0);
        assert_int_equal(move_complete(&fixture->kernel, fixture->pool, fd, record), 0);
        assert_string_equal(tree_fixture_where(fixture, stranger), TREE_QUARANTINE);

        process_end(&parent);
}

/* He is where his parent has another process group by now, or another user: it is not he who was put into this one. */
static void test_stranger_who_differs_from_his_parent(void **state) {
        const TreeFixture *fixture = tree_fixture_need(state);
        _cleanup_(job_record_freep) JobRecord *record = tree_fixture_record(7);
        _cleanup_close_ int fd = tree_fixture_frozen_job(fixture),
                            unit_fd = tree_fixture_group(fixture, TREE_SYSTEM_UNIT);

        for (int by_user = 0; by_user < 2; by_user++) {
                Process leader = process_start(unit_fd, TREE_OTHER), parent;
                pid_t stranger;

                parent = process_start(unit_fd, by_user ? 0 : TREE_OTHER);
                assert_int_equal(setpgid(leader.pid, leader.pid), 0);
                assert_int_equal(setpgid(parent.pid, leader.pid), 0);
                stranger = process_fork(&parent);
                if (by_user)
                        assert_true(process_becomes(&parent, TREE_OTHER));
                else
                        assert_int_equal(setpgid(parent.pid, parent.pid), 0);
                assert_int_equal(cgroup_freeze(fd, true), 0);
                assert_int_equal(cgroup_attach(fd, stranger), 0);
                assert_int_equal(move_complete(&fixture->kernel, fixture->pool, fd, record), 0);
                assert_string_equal(tree_fixture_where(fixture, stranger), TREE_QUARANTINE);
                process_end(&parent);
                process_end(&leader);
        }
}

/* --- numbers that are another's by now ----------------------------------------------------------------- */

static int dead_pidfd(const TreeFixture *fixture) {
        Process process = process_start(fixture->source_fd, TREE_OWNER);
        int pidfd = pidfd_open_process(process.pid);

        process_end(&process);
        return pidfd;
}

/* The number was read from the job's members, but whoever has it is not there. */
static void test_no_member_any_more(void **state) {
        const TreeFixture *fixture = tree_fixture_need(state);
        _cleanup_(job_record_freep) JobRecord *record = tree_fixture_record(7);
        Process other, own;
        ProcStatus status;
        int fd;

        fd = tree_fixture_frozen_job(fixture);
        closep(&fd);
        other = process_start(fixture->source_fd, TREE_OTHER);
        own = process_start(fixture->source_fd, TREE_OWNER);
        assert_int_equal(repair_stranger(&fixture->kernel, fixture->pool, record, TREE_JOB, other.pid), 0);
        assert_int_equal(repair_stranger(&fixture->kernel, fixture->pool, record, TREE_JOB, own.pid), 0);
        assert_int_equal(repair_open_member(&fixture->kernel, TREE_JOB, own.pid, &status), -ESRCH);
        assert_runs_in(fixture, &other, TREE_SOURCE);
        assert_runs_in(fixture, &own, TREE_SOURCE);
        assert_false(tree_fixture_exists(fixture, TREE_QUARANTINE));
        process_end(&other);
        process_end(&own);
}

/* Who was to be sent has ended, and the number that was written is another's: he does not stay. */
static void test_sent_another(void **state) {
        const TreeFixture *fixture = tree_fixture_need(state);
        _cleanup_(job_record_freep) JobRecord *record = tree_fixture_record(7);
        _cleanup_close_ int pidfd = dead_pidfd(fixture),
                            unit_fd = tree_fixture_group(fixture, TREE_SYSTEM_UNIT);
        RepairPlace source = { fixture->source_fd, TREE_SOURCE, TREE_OWNER };
        Process leader, orphan, own;
        pid_t stranger, child;
        int status;

        /* to his parent's unit */
        leader = process_start(unit_fd, TREE_OTHER);
        assert_int_equal(setpgid(leader.pid, leader.pid), 0);
        stranger = process_fork(&leader);
        assert_int_equal(repair_send(&fixture->kernel, fixture->pool, record, &source, stranger, pidfd),
                         -ESRCH);
        assert_string_equal(tree_fixture_where(fixture, stranger), TREE_SYSTEM_UNIT);

        /* out of everybody's reach */
        orphan = process_start(unit_fd, TREE_OTHER);
        assert_int_equal(repair_send(&fixture->kernel, fixture->pool, record, &source, orphan.pid, pidfd),
                         -ESRCH);
        assert_runs_in(fixture, &orphan, TREE_QUARANTINE);

        /* the owner's own have no way there that is not a move, unless they were forked there */
        own = process_start(fixture->source_fd, TREE_OWNER);
        child = process_fork(&own);
        assert_int_equal(repair_send(&fixture->kernel, fixture->pool, record, &source, child, pidfd),
                         -ESRCH);
        assert_string_equal(tree_fixture_where(fixture, child), TREE_SOURCE);
        process_end(&own);
        own = process_start(unit_fd, TREE_OWNER);
        assert_int_equal(repair_send(&fixture->kernel, fixture->pool, record, &source, own.pid, pidfd),
                         -ESRCH);
        assert_int_equal(waitpid(own.pid, &status, 0), own.pid);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);

        (void) close(own.fd);
        process_end(&orphan);
        process_end(&leader);
}

static void test_limits_of_the_quarantine(void **state) {
        Limits limits = repair_quarantine_limits(100, 4096);

        assert_int_equal(limits.tasks_max, 50);
        assert_int_equal(limits.memory_max, 2048);
        limits = repair_quarantine_limits(LIMIT_NONE, LIMIT_NONE);
        assert_int_equal(limits.tasks_max, 512);
        assert_true(limits.memory_max == LIMIT_NONE && limits.runtime_max == LIMIT_NONE);
        limits = repair_quarantine_limits(1, 1);
        assert_int_equal(limits.tasks_max, 1);
        limits = repair_quarantine_limits(100000, LIMIT_NONE);
        assert_int_equal(limits.tasks_max, 512);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tree_fixture_setup, tree_fixture_teardown)

static int run_all(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_stranger_back_to_his_parent),
                TEST(test_stranger_is_not_sent_to_a_manager),
                TEST(test_stranger_whose_parent_says_nothing),
                TEST(test_stranger_who_differs_from_his_parent),
                TEST(test_no_member_any_more),
                TEST(test_sent_another),
                cmocka_unit_test(test_limits_of_the_quarantine),
        };

        return cmocka_run_group_tests_name("repair", tests, NULL, NULL);
}

int main(void) {
        return tree_fixture_run(run_all);
}
