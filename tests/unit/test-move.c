/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The move through ice, with real processes in a real tree: who arrives, and that it is all or nothing. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "daemon/cgroup.h"
#include "lib/values.h"
#include "tests/unit/move-fixture.h"

/* --- what goes well ------------------------------------------------------------------------------------ */

static void test_arrives_thawed_with_record(void **state) {
        const TreeFixture *fixture = tree_fixture_need(state);
        _cleanup_free_ char *expected = NULL;
        _cleanup_close_ int fd = -1;
        char text[JOB_RECORD_SIZE_MAX];
        bool frozen = true;
        Process process;
        Attempt attempt;
        size_t size;

        process = process_start(fixture->source_fd, TREE_OWNER);
        attempt_init(&attempt, fixture);
        attempt_add(&attempt, process.pid);
        assert_int_equal(attempt_run(&attempt), 0);

        assert_runs_in(fixture, &process, TREE_JOB);
        assert_false(tree_fixture_populated(fixture, TREE_SOURCE));
        fd = tree_fixture_group(fixture, TREE_JOB);
        assert_int_equal(cgroup_is_frozen(fd, &frozen), 0);
        assert_false(frozen);
        assert_int_equal(job_record_encode(attempt.record, &expected), 0);
        assert_int_equal(cgroup_get_record(fd, text, sizeof(text), &size), 0);
        assert_int_equal(size, strlen(expected));
        assert_memory_equal(text, expected, size);

        attempt_done(&attempt);
        process_end(&process);
}

static void test_moves_several(void **state) {
        const TreeFixture *fixture = tree_fixture_need(state);
        _cleanup_close_ int other_fd = tree_fixture_group(fixture, TREE_MANAGER "/app.slice/other.service");
        Process processes[TARGETS_MAX];
        Attempt attempt;

        attempt_init(&attempt, fixture);
        for (size_t i = 0; i < TARGETS_MAX; i++) {
                processes[i] = process_start(i % 2 ? other_fd : fixture->source_fd, TREE_OWNER);
                attempt_add(&attempt, processes[i].pid);
        }
        assert_int_equal(attempt_run(&attempt), 0);

        for (size_t i = 0; i < TARGETS_MAX; i++) {
                assert_runs_in(fixture, &processes[i], TREE_JOB);
                process_end(&processes[i]);
        }
        attempt_done(&attempt);
}

/* The group PATH is frozen after the target was read: it goes back into the ice. */
static void freeze_on_the_way(const TreeFixture *fixture, const char *path) {
        _cleanup_close_ int fd = tree_fixture_group(fixture, path);
        Process process;
        Attempt attempt;

        process = process_start(fixture->source_fd, TREE_OWNER);
        attempt_init(&attempt, fixture);
        attempt_add(&attempt, process.pid);
        assert_int_equal(cgroup_freeze(fd, true), 0);
        assert_int_equal(attempt_run(&attempt), -EAGAIN);
        assert_int_equal(attempt.failure, MOVE_FROZEN);
        assert_string_equal(tree_fixture_where(fixture, process.pid), TREE_SOURCE);
        assert_false(tree_fixture_exists(fixture, TREE_JOB));

        assert_int_equal(cgroup_freeze(fd, false), 0);
        assert_runs_in(fixture, &process, TREE_SOURCE);
        attempt_done(&attempt);
        process_end(&process);
}

static void test_source_frozen_on_the_way(void **state) {
        freeze_on_the_way(tree_fixture_need(state), TREE_SOURCE);
}

static void test_ancestor_frozen_on_the_way(void **state) {
        freeze_on_the_way(tree_fixture_need(state), TREE_MANAGER "/app.slice");
}

/* However few descriptors are left: all of it, or nothing, and nobody stays in ice. */
static void test_without_descriptors(void **state) {
        const TreeFixture *fixture = tree_fixture_need(state);
        FdReserve reserve = {};
        bool moved = false;

        for (size_t room = 0; room < 32 && !moved; room++) {
                Process processes[2];
                Attempt attempt;
                int r;

                attempt_init(&attempt, fixture);
                for (size_t i = 0; i < ELEMENTSOF(processes); i++) {
                        processes[i] = process_start(fixture->source_fd, TREE_OWNER);
                        attempt_add(&attempt, processes[i].pid);
                }
                attempt.move.reserve = &reserve;
                assert_int_equal(fd_reserve_fill(&reserve), 0);
                tree_fixture_leave_fds(room);
                r = attempt_run(&attempt);
                tree_fixture_leave_fds(SIZE_MAX);

                moved = r >= 0;
                for (size_t i = 0; i < ELEMENTSOF(processes); i++) {
                        assert_runs_in(fixture, &processes[i], moved ? TREE_JOB : TREE_SOURCE);
                        process_end(&processes[i]);
                }
                assert_true(moved || (r == -EMFILE && !tree_fixture_exists(fixture, TREE_JOB)));
                attempt_done(&attempt);
        }
        assert_true(moved);
        fd_reserve_release(&reserve);
}

static bool set_oom_score(pid_t pid, const char *value) {
        _cleanup_close_ int fd = -1;
        char path[64];

        (void) snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int) pid);
        fd = open(path, O_WRONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        return write(fd, value, strlen(value)) >= 0;
}

static int get_oom_score(pid_t pid) {
        _cleanup_fclose_ FILE *file = NULL;
        char path[64];
        int value;

        (void) snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", (int) pid);
        file = fopen(path, "re");
        assert_non_null(file);
        assert_int_equal(fscanf(file, "%d", &value), 1);
        return value;
}

static void test_oom_score_is_never_lowered(void **state) {
        const TreeFixture *fixture = tree_fixture_need(state);
        Process raised, lowered;
        Attempt attempt;
        bool may_lower;

        raised = process_start(fixture->source_fd, TREE_OWNER);
        lowered = process_start(fixture->source_fd, TREE_OWNER);
        assert_true(set_oom_score(raised.pid, "200"));
        may_lower = set_oom_score(lowered.pid, "-100"); /* needs CAP_SYS_RESOURCE */
        attempt_init(&attempt, fixture);
        attempt_add(&attempt, raised.pid);
        attempt_add(&attempt, lowered.pid);
        attempt.move.reset_oom_score = true;
        assert_int_equal(attempt_run(&attempt), 0);
        assert_int_equal(get_oom_score(raised.pid), 0);
        assert_int_equal(get_oom_score(lowered.pid), may_lower ? -100 : 0);

        attempt_done(&attempt);
        process_end(&raised);
        process_end(&lowered);
}

/* Nothing of a move that is refused stays behind. */
static void test_oom_score_of_a_refused_move(void **state) {
        const TreeFixture *fixture = tree_fixture_need(state);
        Process process, dead;
        Attempt attempt;

        process = process_start(fixture->source_fd, TREE_OWNER);
        dead = process_start(fixture->source_fd, TREE_OWNER);
        assert_true(set_oom_score(process.pid, "200"));
        attempt_init(&attempt, fixture);
        attempt_add(&attempt, process.pid);
        attempt_add(&attempt, dead.pid);
        attempt.move.reset_oom_score = true;
        process_end(&dead);
        assert_int_equal(attempt_run(&attempt), -ESRCH);
        assert_int_equal(get_oom_score(process.pid), 200);
        assert_runs_in(fixture, &process, TREE_SOURCE);

        attempt_done(&attempt);
        process_end(&process);
}

/* --- all or nothing ------------------------------------------------------------------------------------ */

static void test_ended_before(void **state) {
        const TreeFixture *fixture = tree_fixture_need(state);
        Process process;
        Attempt attempt;

        process = process_start(fixture->source_fd, TREE_OWNER);
        attempt_init(&attempt, fixture);
        attempt_add(&attempt, process.pid);
        process_end(&process);
        assert_int_equal(attempt_run(&attempt), -ESRCH);
        assert_int_equal(attempt.failure, MOVE_GONE);
        assert_false(tree_fixture_exists(fixture, TREE_JOB));
        attempt_done(&attempt);
}

/* Not reaped yet, so that its number is still its own. */
static void test_zombie(void **state) {
        const TreeFixture *fixture = tree_fixture_need(state);
        Process process;
        Attempt attempt;
        siginfo_t info;

        process = process_start(fixture->source_fd, TREE_OWNER);
        attempt_init(&attempt, fixture);
        attempt_add(&attempt, process.pid);
        assert_int_equal(kill(process.pid, SIGKILL), 0);
        assert_int_equal(waitid(P_PID, (id_t) process.pid, &info, WEXITED | WNOWAIT), 0);
        assert_int_equal(attempt_run(&attempt), -ESRCH);
        assert_int_equal(attempt.failure, MOVE_GONE);
        assert_false(tree_fixture_exists(fixture, TREE_JOB));
        attempt_done(&attempt);
        process_end(&process);
}

/* Another thread than the first one, which is known to have ended. */
static pid_t other_thread(pid_t pid) {
        _cleanup_closedir_ DIR *dir = NULL;
        struct dirent *entry;
        char path[64];
        pid_t tid = 0;

        (void) snprintf(path, sizeof(path), "/proc/%d/task", (int) pid);
        dir = opendir(path);
        assert_non_null(dir);
        while ((entry = readdir(dir)))
                if (entry->d_name[0] != '.' && atoi(entry->d_name) != pid)
                        tid = atoi(entry->d_name);
        assert_true(tid > 0);
        return tid;
}

/* It is not listed where its other threads have gone, and yet all of them are back. */
static void test_leader_ended(void **state) {
        const TreeFixture *fixture = tree_fixture_need(state);
        Process process, other;
        Attempt attempt;

        process = process_start_body(fixture->source_fd, TREE_OWNER, process_lose_leader);
        process_await_leader_end(fixture, process.pid);
        other = process_start(fixture->source_fd, TREE_OWNER);
        attempt_init(&attempt, fixture);
        attempt_add(&attempt, other.pid);
        attempt_add(&attempt, process.pid);
        assert_false(attempt.targets[0].leader_ended);
        assert_true(attempt.targets[1].leader_ended); /* and is refused for it */

        /* as if it had lived when that was looked at */
        assert_int_equal(attempt_run(&attempt), -EAGAIN);
        assert_int_equal(attempt.failure, MOVE_CHANGED);
        assert_int_equal(attempt.index, 1);
        assert_runs_in(fixture, &other, TREE_SOURCE);
        assert_string_equal(tree_fixture_where(fixture, other_thread(process.pid)), TREE_SOURCE);
        assert_false(tree_fixture_exists(fixture, TREE_JOB));
        assert_false(attempt.left);

        attempt_done(&attempt);
        process_end(&process);
        process_end(&other);
}

/* It would tell of the end of that thread, while others of the process are in the group. */
static void test_descriptor_of_a_thread(void **state) {
        const TreeFixture *fixture = tree_fixture_need(state);
        Process process;
        Target target;
        int fd;

        process = process_start(fixture->source_fd, TREE_OWNER);
        fd = (int) syscall(SYS_pidfd_open, process.pid, O_EXCL); /* PIDFD_THREAD, from Linux 6.9 on */
        if (fd >= 0)
                assert_int_equal(target_read(&fixture->kernel, fd, &target), -EBADF);
        process_end(&process);
        if (fd < 0)
                skip();
}

static void test_changed_user_before(void **state) {
        const TreeFixture *fixture = tree_fixture_need(state);
        Process process;
        Attempt attempt;

        process = process_start(fixture->source_fd, 0);
        attempt_init(&attempt, fixture);
        attempt_add(&attempt, process.pid);
        assert_true(process_becomes(&process, TREE_OWNER));
        assert_int_equal(attempt_run(&attempt), -EAGAIN);
        assert_int_equal(attempt.failure, MOVE_CHANGED);
        assert_runs_in(fixture, &process, TREE_SOURCE);
        assert_false(tree_fixture_exists(fixture, TREE_JOB));
        attempt_done(&attempt);
        process_end(&process);
}

/* Its own source is where it was when that was looked at: what has been decided on. */
static void test_changed_cgroup_before(void **state) {
        const TreeFixture *fixture = tree_fixture_need(state);
        _cleanup_close_ int other_fd = tree_fixture_group(fixture, TREE_MANAGER "/app.slice/other.service");
        Process process;
        Attempt attempt;

        process = process_start(fixture->source_fd, TREE_OWNER);
        attempt_init(&attempt, fixture);
        attempt_add(&attempt, process.pid);
        assert_int_equal(cgroup_attach(other_fd, process.pid), 0);
        assert_int_equal(attempt_run(&attempt), -EAGAIN);
        assert_int_equal(attempt.failure, MOVE_CHANGED);
        assert_string_not_equal(tree_fixture_where(fixture, process.pid), TREE_JOB);
        assert_true(process_answers(&process));
        assert_false(tree_fixture_exists(fixture, TREE_JOB));
        attempt_done(&attempt);
        process_end(&process);
}

static void test_one_bad_target_and_all_are_back(void **state) {
        const TreeFixture *fixture = tree_fixture_need(state);
        _cleanup_close_ int other_fd = tree_fixture_group(fixture, TREE_MANAGER "/app.slice/other.service");
        Process processes[TARGETS_MAX];
        Attempt attempt;
        pid_t child;

        attempt_init(&attempt, fixture);
        for (size_t i = 0; i < TARGETS_MAX; i++) {
                processes[i] = process_start(i % 2 ? other_fd : fixture->source_fd, TREE_OWNER);
                attempt_add(&attempt, processes[i].pid);
        }
        child = process_fork(&processes[1]); /* is no target */
        process_end(&processes[5]);
        assert_int_equal(attempt_run(&attempt), -ESRCH);
        assert_int_equal(attempt.failure, MOVE_GONE);
        assert_int_equal(attempt.index, 5);
        assert_false(tree_fixture_exists(fixture, TREE_JOB));

        for (size_t i = 0; i < TARGETS_MAX; i++) {
                if (i == 5)
                        continue;
                assert_runs_in(fixture, &processes[i],
                               i % 2 ? TREE_MANAGER "/app.slice/other.service" : TREE_SOURCE);
        }
        assert_string_equal(tree_fixture_where(fixture, child), TREE_MANAGER "/app.slice/other.service");
        for (size_t i = 0; i < TARGETS_MAX; i++)
                if (i != 5)
                        process_end(&processes[i]);
        attempt_done(&attempt);
}

static void test_group_that_exists_is_left_alone(void **state) {
        const TreeFixture *fixture = tree_fixture_need(state);
        _cleanup_close_ int job_fd = tree_fixture_group(fixture, TREE_JOB);
        Process process, inhabitant;
        Attempt attempt;

        inhabitant = process_start(job_fd, TREE_OWNER);
        process = process_start(fixture->source_fd, TREE_OWNER);
        attempt_init(&attempt, fixture);
        attempt_add(&attempt, process.pid);
        assert_int_equal(attempt_run(&attempt), -EEXIST);
        assert_int_equal(attempt.failure, MOVE_FAILED);
        assert_runs_in(fixture, &process, TREE_SOURCE);
        assert_runs_in(fixture, &inhabitant, TREE_JOB);
        attempt_done(&attempt);
        process_end(&process);
        process_end(&inhabitant);
}

#define CHILDREN 300

static void fork_often(void) {
        for (int i = 0; i < CHILDREN; i++)
                if (fork() == 0)
                        break;
        for (;;)
                (void) pause();
}

static int count(pid_t pid, void *userdata) {
        unsigned *n = userdata;

        (*n)++;
        return 0;
}

static unsigned n_processes(int fd) {
        unsigned n = 0;

        assert_int_equal(cgroup_each_process(fd, count, &n), 0);
        return n;
}

/* However it is caught forking: it is back where it was, and so is everything of its, alive. */
static void test_forking_target_goes_back_whole(void **state) {
        const TreeFixture *fixture = tree_fixture_need(state);
        Process dead, forker;
        Attempt attempt;

        attempt_init(&attempt, fixture);
        dead = process_start(fixture->source_fd, TREE_OWNER);
        forker = process_start_body(fixture->source_fd, TREE_OWNER, fork_often);
        attempt_add(&attempt, forker.pid);
        attempt_add(&attempt, dead.pid);
        process_end(&dead);

        for (int i = 0; i < 3000 && n_processes(fixture->source_fd) <= CHILDREN; i++) {
                assert_int_equal(attempt_run(&attempt), -ESRCH);
                assert_int_equal(attempt.index, 1);
                assert_string_equal(tree_fixture_where(fixture, forker.pid), TREE_SOURCE);
                assert_false(tree_fixture_exists(fixture,
                                                 TREE_JOB)); /* nobody is there, nobody was killed */
                assert_false(tree_fixture_exists(fixture, TREE_QUARANTINE));
                (void) usleep(100);
        }
        assert_int_equal(n_processes(fixture->source_fd), CHILDREN + 1);
        attempt_done(&attempt);
        process_end(&forker);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tree_fixture_setup, tree_fixture_teardown)

static int run_all(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_arrives_thawed_with_record),
                TEST(test_moves_several),
                TEST(test_source_frozen_on_the_way),
                TEST(test_ancestor_frozen_on_the_way),
                TEST(test_without_descriptors),
                TEST(test_oom_score_is_never_lowered),
                TEST(test_oom_score_of_a_refused_move),
                TEST(test_ended_before),
                TEST(test_zombie),
                TEST(test_leader_ended),
                TEST(test_descriptor_of_a_thread),
                TEST(test_changed_user_before),
                TEST(test_changed_cgroup_before),
                TEST(test_one_bad_target_and_all_are_back),
                TEST(test_group_that_exists_is_left_alone),
                TEST(test_forking_target_goes_back_whole),
        };

        return cmocka_run_group_tests_name("move", tests, NULL, NULL);
}

int main(void) {
        return tree_fixture_run(run_all);
}
