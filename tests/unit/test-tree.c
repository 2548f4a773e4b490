/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Trees that fork while they are looked for: nobody is left behind, and nobody is left frozen. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "daemon/cgroup.h"
#include "daemon/thaw-journal.h"
#include "daemon/tree.h"
#include "lib/pidfd.h"
#include "lib/values.h"
#include "tests/unit/move-fixture.h"

#define OTHER_UNIT TREE_MANAGER "/app.slice/other.service"
#define ATTEMPTS 20 /* of what the user would be told to try again */

/* A scan of the tree of one process, and the journal of what it freezes. */
typedef struct Scan {
        const TreeFixture *fixture;
        int journal_fd;
        Targets targets;
        TreeScan *scan;
        pid_t refused; /* by may() */
        unsigned n_charges;
        pid_t killed;              /* when it has been found */
        const Process *accomplice; /* that forks between two steps */
        bool done;
        int error;
} Scan;

static void scan_init(Scan *scan, const TreeFixture *fixture) {
        *scan = (Scan){ .fixture = fixture, .targets.max = 4096 };
        scan->journal_fd = open(fixture->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(scan->journal_fd >= 0);
}

static void scan_add(Scan *scan, pid_t pid) {
        assert_int_equal(targets_add(&scan->fixture->kernel, &scan->targets, pidfd_open_process(pid)), 0);
}

static int may(const Target *target, void *userdata) {
        const Scan *scan = userdata;

        if (target->frozen)
                return -EDEADLK;
        if (target->leader_ended)
                return -EOWNERDEAD;
        return target->pid == scan->refused ? -EPERM : 0;
}

static void charge(uint64_t usec, void *userdata) {
        Scan *scan = userdata;

        assert_false(scan->done);
        scan->n_charges++;
        if (scan->killed > 0 && scan->targets.n > 1) {
                (void) kill(scan->killed, SIGKILL);
                scan->killed = 0;
        }
        if (scan->accomplice) {
                assert_int_equal(cgroup_freeze(scan->fixture->source_fd, false), 0);
                (void) process_fork(scan->accomplice);
                assert_int_equal(cgroup_freeze(scan->fixture->source_fd, true), 0);
                (void) usleep(20000);
        }
}

static void on_ready(int error, void *userdata) {
        Scan *scan = userdata;

        scan->done = true;
        scan->error = error;
}

static int scan_run(Scan *scan) {
        scan->done = false;
        assert_int_equal(tree_scan_new(scan->fixture->event, &scan->fixture->kernel, scan->journal_fd,
                                       &scan->targets, may, charge, on_ready, scan, &scan->scan),
                         0);
        assert_false(scan->done); /* never from within */
        scan->n_charges = 0;
        tree_fixture_loop(scan->fixture, &scan->done);
        assert_true(scan->n_charges > 0);
        return scan->error;
}

/* Thaws; the journal must be empty then. */
static void scan_thaw(Scan *scan) {
        scan->scan = tree_scan_free(scan->scan);
        assert_int_equal(unlinkat(scan->journal_fd, "0", 0), -1);
}

static void scan_done(Scan *scan) {
        scan_thaw(scan);
        targets_done(&scan->targets);
        (void) close(scan->journal_fd);
}

static bool scan_has(const Scan *scan, pid_t pid) {
        for (size_t i = 0; i < scan->targets.n; i++)
                if (scan->targets.items[i].pid == pid)
                        return true;
        return false;
}

static bool is_frozen(int fd) {
        CgroupEvents events;

        assert_int_equal(cgroup_get_events(fd, "cgroup.events", &events), 0);
        return events.frozen;
}

/* --- standing trees ------------------------------------------------------------------------------------ */

static void test_descendants(void **state) {
        const TreeFixture *fixture = tree_fixture_need(state);
        Process root, stranger;
        pid_t children[3], other;
        Scan scan;

        root = process_start(fixture->source_fd, TREE_OWNER);
        stranger = process_start(fixture->source_fd, TREE_OWNER);
        for (size_t i = 0; i < ELEMENTSOF(children); i++)
                children[i] = process_fork(&root);
        other = process_fork(&stranger);
        scan_init(&scan, fixture);
        scan_add(&scan, root.pid);
        scan_add(&scan, root.pid); /* is there already */
        assert_int_equal(scan.targets.n, 1);

        assert_int_equal(targets_add_descendants(&fixture->kernel, &scan.targets), ELEMENTSOF(children));
        for (size_t i = 0; i < ELEMENTSOF(children); i++)
                assert_true(scan_has(&scan, children[i]));
        assert_false(scan_has(&scan, stranger.pid));
        assert_false(scan_has(&scan, other));
        assert_int_equal(targets_add_descendants(&fixture->kernel, &scan.targets), 0);

        scan_done(&scan);
        process_end(&root);
        process_end(&stranger);
}

static void test_too_many(void **state) {
        const TreeFixture *fixture = tree_fixture_need(state);
        Process root;
        Scan scan;

        root = process_start(fixture->source_fd, TREE_OWNER);
        for (int i = 0; i < 4; i++)
                (void) process_fork(&root);
        scan_init(&scan, fixture);
        scan.targets.max = 4;
        scan_add(&scan, root.pid);
        assert_int_equal(scan_run(&scan), -E2BIG);
        assert_int_equal(scan.targets.n, 4);
        scan_thaw(&scan);
        assert_true(process_answers(&root));
        scan_done(&scan);
        process_end(&root);
}

/* In two groups, the second of which is only found from the first. */
static void test_frozen_until_freed(void **state) {
        const TreeFixture *fixture = tree_fixture_need(state);
        _cleanup_close_ int other_fd = tree_fixture_group(fixture, OTHER_UNIT);
        Process root, neighbour;
        pid_t child;
        Scan scan;

        root = process_start(fixture->source_fd, TREE_OWNER);
        neighbour = process_start(other_fd, TREE_OWNER);
        child = process_fork(&root);
        assert_int_equal(cgroup_attach(other_fd, child), 0);
        scan_init(&scan, fixture);
        scan_add(&scan, root.pid);
        assert_int_equal(scan_run(&scan), 0);
        assert_int_equal(scan.targets.n, 2);
        assert_true(is_frozen(fixture->source_fd));
        assert_true(is_frozen(other_fd));
        assert_true(process_is_silent(&neighbour));
        for (size_t i = 0; i < scan.targets.n; i++)
                assert_false(scan.targets.items[i].frozen); /* not by others */
        assert_int_equal(faccessat(scan.journal_fd, "0", F_OK, 0), 0);
        assert_int_equal(faccessat(scan.journal_fd, "1", F_OK, 0), 0);

        scan_thaw(&scan);
        assert_false(is_frozen(fixture->source_fd));
        assert_false(is_frozen(other_fd));
        assert_true(process_answers(&root));
        assert_true(process_answers(&neighbour));
        scan_done(&scan);
        process_end(&root);
        process_end(&neighbour);
}

/* Given up before its group is frozen, and what was frozen until then is thawed. */
static void test_one_that_may_not(void **state) {
        const TreeFixture *fixture = tree_fixture_need(state);
        _cleanup_close_ int other_fd = tree_fixture_group(fixture, OTHER_UNIT);
        Process root;
        Scan scan;

        root = process_start(fixture->source_fd, TREE_OWNER);
        scan_init(&scan, fixture);
        scan.refused = process_fork(&root);
        assert_int_equal(cgroup_attach(other_fd, scan.refused), 0);
        scan_add(&scan, root.pid);
        assert_int_equal(scan_run(&scan), -EPERM);
        assert_false(is_frozen(other_fd));
        scan_thaw(&scan);
        assert_false(is_frozen(fixture->source_fd));
        assert_true(process_answers(&root));
        scan_done(&scan);
        process_end(&root);
}

/* By others, above the group of the target, or between it and one that the scan has frozen. */
static void test_frozen_by_others(void **state) {
        const TreeFixture *fixture = tree_fixture_need(state);
        _cleanup_close_ int slice_fd = tree_fixture_group(fixture, TREE_MANAGER "/app.slice"), middle = -1,
                            inner = -1;
        Process root;
        Scan scan;

        assert_int_equal(cgroup_create(fixture->source_fd, "middle", &middle), 0);
        assert_int_equal(cgroup_create(middle, "inner", &inner), 0);
        root = process_start(fixture->source_fd, TREE_OWNER);
        assert_int_equal(cgroup_attach(inner, process_fork(&root)), 0);

        scan_init(&scan, fixture);
        scan_add(&scan, root.pid);
        assert_int_equal(cgroup_freeze(slice_fd, true), 0);
        assert_int_equal(scan_run(&scan), -EDEADLK);
        scan_thaw(&scan);
        assert_int_equal(cgroup_freeze(slice_fd, false), 0);

        assert_int_equal(cgroup_freeze(middle, true), 0);
        assert_int_equal(scan_run(&scan), -EDEADLK);
        scan_thaw(&scan);
        assert_true(is_frozen(inner)); /* as it was */
        assert_false(is_frozen(fixture->source_fd));
        assert_int_equal(cgroup_freeze(middle, false), 0);

        assert_int_equal(scan_run(&scan), 0);
        scan_done(&scan);
        process_end(&root);
}

/* Each look finds somebody more, since its owner thaws his group and freezes it again. */
static void test_never_complete(void **state) {
        const TreeFixture *fixture = tree_fixture_need(state);
        Process root;
        Scan scan;

        root = process_start(fixture->source_fd, TREE_OWNER);
        scan_init(&scan, fixture);
        scan_add(&scan, root.pid);
        (void) process_fork(&root); /* for the first look */
        scan.accomplice = &root;
        assert_int_equal(scan_run(&scan), -EBUSY);
        scan_thaw(&scan);
        assert_false(is_frozen(fixture->source_fd));
        assert_true(process_answers(&root));
        scan_done(&scan);
        process_end(&root);
}

static void fork_one_that_loses_its_leader(void) {
        if (fork() == 0)
                process_lose_leader();
        for (;;)
                (void) pause();
}

typedef struct Search {
        pid_t other, found;
} Search;

static int find_other(pid_t pid, void *userdata) {
        Search *search = userdata;

        if (pid != search->other)
                search->found = pid;
        return 0;
}

/* A tree of two, of which the child has lost its first thread; returns that. */
static pid_t start_half_dead(const TreeFixture *fixture, Process *ret_root) {
        Search search = {};

        *ret_root = process_start_body(fixture->source_fd, TREE_OWNER, fork_one_that_loses_its_leader);
        search.other = ret_root->pid;
        while (search.found == 0) {
                assert_int_equal(cgroup_each_process(fixture->source_fd, find_other, &search), 0);
                (void) usleep(1000);
        }
        process_await_leader_end(fixture, search.found);
        return search.found;
}

static void test_leader_ended(void **state) {
        const TreeFixture *fixture = tree_fixture_need(state);
        Process root;
        Scan scan;
        pid_t child;

        child = start_half_dead(fixture, &root);
        scan_init(&scan, fixture);
        scan_add(&scan, root.pid);
        assert_int_equal(scan_run(&scan), -EOWNERDEAD);
        assert_true(scan_has(&scan, child));
        scan_thaw(&scan);
        assert_false(is_frozen(fixture->source_fd));
        scan_done(&scan);
        assert_int_equal(kill(child, SIGKILL), 0); /* cgroup.kill would not */
        process_end(&root);
}

/* It was only about to end. */
static void test_leader_ended_before_the_others(void **state) {
        const TreeFixture *fixture = tree_fixture_need(state);
        Process root;
        Scan scan;
        pid_t child;

        child = start_half_dead(fixture, &root);
        scan_init(&scan, fixture);
        scan_add(&scan, root.pid);
        scan.killed = child;
        assert_int_equal(scan_run(&scan), 0);
        assert_false(scan_has(&scan, child));
        assert_int_equal(scan.targets.n, 1);
        scan_done(&scan);
        process_end(&root);
}

static void test_freed_before_it_is_ready(void **state) {
        const TreeFixture *fixture = tree_fixture_need(state);
        Process root;
        Scan scan;
        bool done;

        root = process_start(fixture->source_fd, TREE_OWNER);
        scan_init(&scan, fixture);
        scan_add(&scan, root.pid);
        assert_int_equal(tree_scan_new(fixture->event, &fixture->kernel, scan.journal_fd, &scan.targets, may,
                                       charge, on_ready, &scan, &scan.scan),
                         0);
        assert_true(sd_event_run(fixture->event, 0) >= 0);
        done = scan.done; /* is possible */
        scan_thaw(&scan);
        assert_true(sd_event_run(fixture->event, 20000) >= 0);
        assert_int_equal(scan.done, done);
        assert_true(process_answers(&root));
        scan_done(&scan);
        process_end(&root);
}

/* --- trees that do not stand still --------------------------------------------------------------------- */

static void sleep_for_ever(void) {
        for (;;)
                (void) pause();
}

/* A generation that lives while the next one is born. */
static void fork_for_ever(void) {
        for (;;) {
                pid_t pid = fork();

                if (pid == 0) {
                        (void) usleep(2000);
                        _exit(0);
                }
                while (waitpid(-1, NULL, WNOHANG) > 0)
                        ;
                (void) usleep(200);
        }
}

/* The classic way away from a parent, again and again: the one in the middle ends at once. */
static void double_fork_for_ever(void) {
        for (;;) {
                pid_t pid = fork();

                if (pid == 0) {
                        if (fork() == 0)
                                (void) usleep(20000);
                        _exit(0);
                }
                (void) waitpid(pid, NULL, 0);
                (void) usleep(500);
        }
}

/* Every child leads a session of its own, and leaves somebody there who lives on. */
static void setsid_for_ever(void) {
        for (;;) {
                pid_t pid = fork();

                if (pid == 0) {
                        (void) setsid();
                        if (fork() == 0)
                                sleep_for_ever();
                        (void) usleep(3000);
                        _exit(0);
                }
                (void) waitpid(pid, NULL, 0);
        }
}

/* As a request does: when it stands still, it is moved, and thawed after that. */
static void move_tree(Scan *scan) {
        _cleanup_(job_record_freep) JobRecord *record = tree_fixture_record(7);
        Move move = {
                .kernel = &scan->fixture->kernel,
                .pool = scan->fixture->pool,
                .record = record,
                .targets = scan->targets.items,
                .n_targets = scan->targets.n,
                .held = true,
        };
        MoveFailure failure;
        size_t index;
        bool left;

        assert_int_equal(move_into_job(&move, &failure, &index, &left), 0);
}

static void scan_until_ready(Scan *scan, pid_t pid) {
        int r = -EBUSY;

        for (int i = 0; i < ATTEMPTS && r == -EBUSY; i++) {
                scan_thaw(scan);
                targets_done(&scan->targets);
                scan_add(scan, pid);
                r = scan_run(scan);
        }
        assert_int_equal(r, 0);
}

static void test_forks_for_ever(void **state) {
        const TreeFixture *fixture = tree_fixture_need(state);
        Process root;
        Scan scan;

        root = process_start_body(fixture->source_fd, TREE_OWNER, fork_for_ever);
        (void) usleep(20000);
        scan_init(&scan, fixture);
        scan_until_ready(&scan, root.pid);
        move_tree(&scan);

        /* nobody else lived there, so nobody may now */
        assert_false(tree_fixture_populated(fixture, TREE_SOURCE));
        scan_done(&scan);
        assert_false(is_frozen(fixture->source_fd));
        assert_string_equal(tree_fixture_where(fixture, root.pid), TREE_JOB);
        process_end(&root);
}

typedef struct Relatives {
        const TreeFixture *fixture;
        const Scan *scan;
        unsigned n_left;
} Relatives;

/* Whoever's parent is to be moved must be moved too. */
static int count_left(pid_t pid, void *userdata) {
        Relatives *relatives = userdata;
        ProcStat stat;

        if (proc_get_stat(relatives->fixture->kernel.proc_fd, pid, &stat) >= 0 && stat.state != 'Z' &&
            scan_has(relatives->scan, stat.ppid) && !scan_has(relatives->scan, pid))
                relatives->n_left++;
        return 0;
}

/* Whoever has been orphaned before is nobody's; but once all stand still the family is whole, and so it
 * goes. */
static void check_daemonizer(const TreeFixture *fixture, void (*body)(void)) {
        for (int i = 0; i < 5; i++) {
                Relatives relatives = { .fixture = fixture };
                Process root;
                Scan scan;

                root = process_start_body(fixture->source_fd, TREE_OWNER, body);
                (void) usleep(10000);
                scan_init(&scan, fixture);
                scan_until_ready(&scan, root.pid);
                relatives.scan = &scan;
                assert_int_equal(cgroup_each_process(fixture->source_fd, count_left, &relatives), 0);
                assert_int_equal(relatives.n_left, 0);
                move_tree(&scan);
                assert_string_equal(tree_fixture_where(fixture, root.pid), TREE_JOB);
                scan_done(&scan);
                assert_false(is_frozen(fixture->source_fd));

                /* for the next one */
                process_end(&root);
                for (const char *const *path = (const char *const[]){ TREE_SOURCE, TREE_JOB, NULL }; *path;
                     path++) {
                        _cleanup_close_ int fd = tree_fixture_group(fixture, *path);

                        assert_int_equal(cgroup_kill(fd), 0);
                        while (tree_fixture_populated(fixture, *path))
                                (void) usleep(1000);
                }
                assert_int_equal(cgroup_remove(pool_fd(fixture->pool), "job-7"), 0);
                while (waitpid(-1, NULL, WNOHANG) > 0)
                        ;
        }
}

static void test_double_forks(void **state) {
        check_daemonizer(tree_fixture_need(state), double_fork_for_ever);
}

static void test_setsid(void **state) {
        check_daemonizer(tree_fixture_need(state), setsid_for_ever);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tree_fixture_setup, tree_fixture_teardown)

static int run_all(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_descendants),
                TEST(test_too_many),
                TEST(test_frozen_until_freed),
                TEST(test_one_that_may_not),
                TEST(test_frozen_by_others),
                TEST(test_never_complete),
                TEST(test_leader_ended),
                TEST(test_leader_ended_before_the_others),
                TEST(test_freed_before_it_is_ready),
                TEST(test_forks_for_ever),
                TEST(test_double_forks),
                TEST(test_setsid),
        };

        return cmocka_run_group_tests_name("tree", tests, NULL, NULL);
}

int main(void) {
        return tree_fixture_run(run_all);
}
