/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The notes of what is frozen: a daemon that dies leaves nobody in ice. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/cgroup.h"
#include "daemon/thaw-journal.h"
#include "lib/cleanup.h"
#include "tests/unit/tree-fixture.h"

#define OTHER_UNIT TREE_MANAGER "/app.slice/other.service"

static int open_journal(const TreeFixture *fixture) {
        int fd = open(fixture->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        assert_true(fd >= 0);
        return fd;
}

/* It must be empty. */
static void close_journal(int fd) {
        assert_int_equal(unlinkat(fd, "0", 0), -1);
        (void) close(fd);
}

static bool is_frozen(int fd) {
        CgroupEvents events;

        assert_int_equal(cgroup_get_events(fd, "cgroup.events", &events), 0);
        return events.frozen;
}

/* A daemon that dies leaves its notes, and the groups frozen. */
static void test_replay(void **state) {
        const TreeFixture *fixture = tree_fixture_need(state);
        Process process;
        int journal_fd = open_journal(fixture);
        pid_t pid;

        process = process_start(fixture->source_fd, TREE_OWNER);
        pid = fork();
        if (pid == 0) {
                FrozenGroup *group;

                _exit(frozen_group_new(journal_fd, TREE_SOURCE, fixture->source_fd, &group) < 0 ||
                      frozen_group_new(journal_fd, OTHER_UNIT, fixture->source_fd, &group) < 0);
        }
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        assert_true(process_is_silent(&process));
        assert_int_equal(faccessat(journal_fd, "1", F_OK, 0), 0); /* of a group that is gone by then */

        thaw_journal_replay(journal_fd, fixture->kernel.cgroup_fd);
        assert_false(is_frozen(fixture->source_fd));
        assert_true(process_answers(&process));
        assert_int_equal(faccessat(journal_fd, "0", F_OK, 0), -1);
        assert_int_equal(faccessat(journal_fd, "1", F_OK, 0), -1);
        thaw_journal_replay(journal_fd, fixture->kernel.cgroup_fd); /* has nothing to do */

        close_journal(journal_fd);
        process_end(&process);
}

/* A note is written before, so that it also covers a freeze that fails; then it goes again. */
static void test_note_of_a_group_that_is_gone(void **state) {
        const TreeFixture *fixture = tree_fixture_need(state);
        _cleanup_close_ int fd = tree_fixture_group(fixture, OTHER_UNIT), app_fd = -1;
        FrozenGroup *group = NULL;
        int journal_fd = open_journal(fixture);

        assert_int_equal(cgroup_open(fixture->kernel.cgroup_fd, TREE_MANAGER "/app.slice", &app_fd), 0);
        assert_int_equal(cgroup_remove(app_fd, "other.service"), 0);
        assert_true(frozen_group_new(journal_fd, OTHER_UNIT, fd, &group) < 0);
        assert_null(group);
        close_journal(journal_fd); /* whose journal is empty */
}

/* Whoever froze it thaws it, though there are no descriptors left; and a note that cannot be read stays. */
static void test_without_descriptors(void **state) {
        const TreeFixture *fixture = tree_fixture_need(state);
        FrozenGroup *group = NULL;
        Process process;
        int journal_fd = open_journal(fixture);
        int note;

        process = process_start(fixture->source_fd, TREE_OWNER);
        assert_int_equal(frozen_group_new(journal_fd, TREE_SOURCE, fixture->source_fd, &group), 0);
        tree_fixture_leave_fds(0);
        group = frozen_group_free(group);
        tree_fixture_leave_fds(SIZE_MAX);
        assert_true(process_answers(&process));
        assert_int_equal(faccessat(journal_fd, "0", F_OK, 0), -1);

        note = openat(journal_fd, "0", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_int_equal(write(note, TREE_SOURCE, strlen(TREE_SOURCE)), strlen(TREE_SOURCE));
        (void) close(note);
        assert_int_equal(cgroup_freeze(fixture->source_fd, true), 0);
        for (size_t room = 0; room < 3;
             room++) { /* the journal, the note, the group, and none for its switch */
                tree_fixture_leave_fds(room);
                assert_int_equal(thaw_journal_replay(journal_fd, fixture->kernel.cgroup_fd), -EMFILE);
                tree_fixture_leave_fds(SIZE_MAX);
                assert_int_equal(faccessat(journal_fd, "0", F_OK, 0), 0);
        }
        assert_int_equal(thaw_journal_replay(journal_fd, fixture->kernel.cgroup_fd), 0);
        assert_int_equal(faccessat(journal_fd, "0", F_OK, 0), -1);
        assert_true(process_answers(&process));
        close_journal(journal_fd);
        process_end(&process);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tree_fixture_setup, tree_fixture_teardown)

static int run_all(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_replay),
                TEST(test_note_of_a_group_that_is_gone),
                TEST(test_without_descriptors),
        };

        return cmocka_run_group_tests_name("thaw-journal", tests, NULL, NULL);
}

int main(void) {
        return tree_fixture_run(run_all);
}
