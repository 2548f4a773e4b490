/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The move through ice when something happens on the way: a target that changes, one who has come by a
 * reused number; and a move that was cut off. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "daemon/cgroup.h"
#include "lib/pidfd.h"
#include "lib/values.h"
#include "tests/unit/move-fixture.h"

/* --- between the write and the look -------------------------------------------------------------------- */

/* Holds a move up just after its process has arrived: the status of PID is read from pipes with names,
 * which a helper feeds: the first one with the truth, the second, once PID is in the job, with the truth or a
 * lie. Meanwhile it moves COMPANION there too, who then looks like one whose number was another's before. */
typedef struct Ambush {
        char pipes[2][64], status[64];
        pid_t helper;
} Ambush;

static void put_before(const Ambush *ambush, const char *pipe) {
        if (mount(pipe, ambush->status, NULL, MS_BIND, NULL) < 0)
                _exit(1);
}

/* Waits for a reader. NEXT stands there before he goes on: from a pipe that is being closed he would read
 * nothing. */
static void feed(const Ambush *ambush, const char *pipe, const char *next, const char *text, size_t size) {
        int fd = open(pipe, O_WRONLY | O_CLOEXEC);

        if (fd < 0 || umount2(ambush->status, MNT_DETACH) < 0)
                _exit(1);
        if (next)
                put_before(ambush, next);
        if (write(fd, text, size) != (ssize_t) size || close(fd) < 0)
                _exit(1);
}

static void help(const TreeFixture *fixture, const Ambush *ambush, pid_t pid, pid_t companion, uid_t uid) {
        char text[8192], *line;
        FILE *file = fopen(ambush->status, "re");
        size_t n = file ? fread(text, 1, sizeof(text) - 1, file) : 0;
        int job_fd = -1;

        text[n] = '\0';
        line = strstr(text, "\nUid:");
        if (!line)
                _exit(1);
        put_before(ambush, ambush->pipes[0]);
        if (kill(getppid(), SIGUSR1) < 0)
                _exit(1);

        feed(ambush, ambush->pipes[0], ambush->pipes[1], text, n);
        while (strcmp(tree_fixture_where(fixture, pid), TREE_JOB) != 0)
                (void) usleep(1000);
        if (companion > 0 && (cgroup_open(fixture->kernel.cgroup_fd, TREE_JOB, &job_fd) < 0 ||
                              cgroup_attach(job_fd, companion) < 0))
                _exit(1);

        /* cut after the line, and put another one before the next */
        if (uid != TREE_OWNER)
                n = (size_t) (line - text) +
                    (size_t) sprintf(line, "\nUid:\t%u\t%u\t%u\t%u\nGid:\t0\t0\t0\t0\n", uid, uid, uid, uid);
        feed(ambush, ambush->pipes[1], NULL, text, n); /* its last word: the rest may be read as it is */
        _exit(0);
}

static void ambush_lay(Ambush *ambush, const TreeFixture *fixture, pid_t pid, pid_t companion, uid_t uid) {
        sigset_t signals;
        int sig;

        for (int i = 0; i < 2; i++) {
                (void) snprintf(ambush->pipes[i], sizeof(ambush->pipes[i]), "%s/status-%d", fixture->folder,
                                i);
                assert_int_equal(mkfifo(ambush->pipes[i], 0600), 0);
        }
        (void) snprintf(ambush->status, sizeof(ambush->status), "/proc/%d/status", (int) pid);

        (void) sigemptyset(&signals);
        (void) sigaddset(&signals, SIGUSR1);
        (void) sigaddset(&signals, SIGCHLD); /* it failed */
        (void) sigprocmask(SIG_BLOCK, &signals, NULL);
        ambush->helper = fork();
        assert_true(ambush->helper >= 0);
        if (ambush->helper == 0)
                help(fixture, ambush, pid, companion, uid);
        assert_int_equal(sigwait(&signals, &sig), 0);
        assert_int_equal(sig, SIGUSR1);
        (void) sigprocmask(SIG_UNBLOCK, &signals, NULL);
}

static void ambush_clear(Ambush *ambush) {
        int status;

        assert_int_equal(waitpid(ambush->helper, &status, 0), ambush->helper);
        assert_int_equal(status, 0);
}

static void test_changed_user_on_the_way(void **state) {
        const TreeFixture *fixture = tree_fixture_need(state);
        Process process;
        Attempt attempt;
        Ambush ambush;

        process = process_start(fixture->source_fd, TREE_OWNER);
        attempt_init(&attempt, fixture);
        attempt_add(&attempt, process.pid);
        ambush_lay(&ambush, fixture, process.pid, 0, 0);
        assert_int_equal(attempt_run(&attempt), -EAGAIN);
        ambush_clear(&ambush);
        assert_int_equal(attempt.failure, MOVE_CHANGED);
        assert_runs_in(fixture, &process, TREE_SOURCE);
        assert_false(tree_fixture_exists(fixture, TREE_JOB));
        attempt_done(&attempt);
        process_end(&process);
}

/* The target goes home, the stranger out of every job's reach. */
static void test_stranger_on_the_way(void **state) {
        const TreeFixture *fixture = tree_fixture_need(state);
        Process process, stranger;
        Attempt attempt;
        Ambush ambush;

        process = process_start(fixture->source_fd, TREE_OWNER);
        stranger = process_start(fixture->source_fd, TREE_OTHER);
        attempt_init(&attempt, fixture);
        attempt_add(&attempt, process.pid);
        ambush_lay(&ambush, fixture, process.pid, stranger.pid, 0);
        assert_int_equal(attempt_run(&attempt), -EAGAIN);
        ambush_clear(&ambush);
        assert_runs_in(fixture, &process, TREE_SOURCE);
        assert_runs_in(fixture, &stranger, TREE_QUARANTINE);
        assert_false(tree_fixture_exists(fixture, TREE_JOB));
        attempt_done(&attempt);
        process_end(&process);
        process_end(&stranger);
}

/* Nobody knows where the owner's own process was, and its end touches nobody else. */
static void test_owners_own_stranger_on_the_way(void **state) {
        const TreeFixture *fixture = tree_fixture_need(state);
        Process process, stranger;
        Attempt attempt;
        Ambush ambush;
        int status;

        process = process_start(fixture->source_fd, TREE_OWNER);
        stranger = process_start(fixture->source_fd, TREE_OWNER);
        attempt_init(&attempt, fixture);
        attempt_add(&attempt, process.pid);
        ambush_lay(&ambush, fixture, process.pid, stranger.pid, 0);
        assert_int_equal(attempt_run(&attempt), -EAGAIN);
        ambush_clear(&ambush);
        assert_runs_in(fixture, &process, TREE_SOURCE);
        assert_int_equal(waitpid(stranger.pid, &status, 0), stranger.pid);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        attempt_done(&attempt);
        process_end(&process);
        (void) close(stranger.fd);
}

/* What a target forked while it was on the way goes where that target goes, not as a stranger. */
static void test_fork_on_the_way(void **state) {
        const TreeFixture *fixture = tree_fixture_need(state);
        Process process;
        Attempt attempt;
        Ambush ambush;
        pid_t child;

        process = process_start(fixture->source_fd, TREE_OWNER);
        attempt_init(&attempt, fixture);
        attempt_add(&attempt, process.pid);
        child = process_fork(&process);
        ambush_lay(&ambush, fixture, process.pid, child, 0);
        assert_int_equal(attempt_run(&attempt), -EAGAIN);
        ambush_clear(&ambush);
        assert_runs_in(fixture, &process, TREE_SOURCE);
        assert_string_equal(tree_fixture_where(fixture, child), TREE_SOURCE);
        assert_false(tree_fixture_exists(fixture, TREE_JOB));
        attempt_done(&attempt);
        process_end(&process);
}

/* --- a move that was cut off --------------------------------------------------------------------------- */

/* Its source was removed while it was in ice: no quarantine for what is the owner's own. */
static void test_source_removed_on_the_way(void **state) {
        const TreeFixture *fixture = tree_fixture_need(state);
        Process process, dead;
        Attempt attempt;
        int gone_fd;

        gone_fd = tree_fixture_group(fixture, TREE_SOURCE "/gone");
        assert_int_equal(cgroup_remove(fixture->source_fd, "gone"), 0);

        attempt_init(&attempt, fixture);
        process = process_start(fixture->source_fd, TREE_OWNER);
        dead = process_start(fixture->source_fd, TREE_OWNER);
        attempt_add(&attempt, process.pid);
        attempt_add(&attempt, dead.pid);
        process_end(&dead);
        (void) close(attempt.targets[0].cgroup_fd);
        attempt.targets[0].cgroup_fd = gone_fd;

        assert_int_equal(attempt_run(&attempt), -ESRCH);
        assert_false(pidfd_is_alive(attempt.targets[0].pidfd));
        assert_false(tree_fixture_exists(fixture, TREE_QUARANTINE));
        assert_false(tree_fixture_exists(fixture, TREE_JOB));

        attempt_done(&attempt);
        process_end(&process);
}

static void test_completed_without_the_stranger(void **state) {
        const TreeFixture *fixture = tree_fixture_need(state);
        _cleanup_(job_record_freep) JobRecord *record = tree_fixture_record(7);
        _cleanup_close_ int fd = tree_fixture_frozen_job(fixture);
        unsigned n_holds = pool_n_jobs(fixture->pool);
        Process process, stranger;

        process = process_start(fixture->source_fd, TREE_OWNER);
        stranger = process_start(fixture->source_fd, TREE_OTHER);
        assert_int_equal(cgroup_attach(fd, process.pid), 0);
        assert_int_equal(cgroup_attach(fd, stranger.pid), 0);
        assert_true(process_is_silent(&process));

        assert_int_equal(move_complete(&fixture->kernel, fixture->pool, fd, record), 0);
        assert_runs_in(fixture, &process, TREE_JOB);
        assert_runs_in(fixture, &stranger, TREE_QUARANTINE);
        assert_int_equal(pool_n_jobs(fixture->pool), n_holds + 1); /* is not stopped over him */

        process_end(&process);
        process_end(&stranger);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tree_fixture_setup, tree_fixture_teardown)

static int run_all(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_changed_user_on_the_way),        TEST(test_stranger_on_the_way),
                TEST(test_owners_own_stranger_on_the_way), TEST(test_fork_on_the_way),
                TEST(test_source_removed_on_the_way),      TEST(test_completed_without_the_stranger),
        };

        return cmocka_run_group_tests_name("move-stranger", tests, NULL, NULL);
}

int main(void) {
        return tree_fixture_run(run_all);
}
