/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* cgroupfs for real: what cgroup.c says of it, and who can read a record. */

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/cgroup.h"
#include "lib/cleanup.h"
#include "lib/limits.h"
#include "lib/values.h"
#include "tests/unit/cgroup-fixture.h"

static CgroupFixture *need(void **state) {
        if (!*state)
                skip();
        return *state;
}

static void test_create_and_remove(void **state) {
        CgroupFixture *fixture = need(state);
        _cleanup_close_ int fd = -1, below = -1;

        assert_int_equal(cgroup_create(fixture->fd, "job-1", &fd), 0);
        assert_int_equal(cgroup_create(fixture->fd, "job-1", &below), -EEXIST);
        assert_int_equal(cgroup_create(fd, "deeper", &below), 0);
        assert_int_equal(cgroup_remove(fixture->fd, "job-1"), 0); /* with what is below it */
        assert_int_equal(cgroup_remove(fixture->fd, "job-1"), 0); /* is gone already */
}

static void test_open_stays_below(void **state) {
        CgroupFixture *fixture = need(state);
        int fd = -1;

        assert_int_equal(cgroup_open(fixture->root_fd, fixture->path, &fd), 0);
        closep(&fd);
        assert_int_equal(cgroup_open(fixture->fd, "/..", &fd), -EINVAL);
        assert_int_equal(cgroup_open(fixture->fd, "/a/../..", &fd), -EINVAL);
        assert_int_equal(cgroup_open(fixture->fd, "/..a", &fd), -ENOENT);
        assert_int_equal(cgroup_open(fixture->fd, "relative", &fd), -EINVAL);
        assert_int_equal(cgroup_open(fixture->fd, "/none", &fd), -ENOENT);
}

static void test_attach_freeze_kill(void **state) {
        CgroupFixture *fixture = need(state);
        pid_t pid = cgroup_fixture_spawn(fixture->fd);
        CgroupEvents events = {};
        bool frozen;

        assert_true(pid > 0);
        assert_int_equal(cgroup_get_events(fixture->fd, "cgroup.events", &events), 0);
        assert_true(events.populated);
        assert_int_equal(cgroup_remove(fixture->root_fd, fixture->path + 1), -EBUSY);

        assert_int_equal(cgroup_is_frozen(fixture->fd, &frozen), 0);
        assert_false(frozen);
        assert_int_equal(cgroup_freeze(fixture->fd, true), 0);
        assert_int_equal(cgroup_is_frozen(fixture->fd, &frozen), 0);
        assert_true(frozen); /* from the switch on, not only once everybody stands still */
        assert_int_equal(cgroup_freeze(fixture->fd, false), 0);

        assert_int_equal(cgroup_kill(fixture->fd), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        assert_int_equal(cgroup_attach(fixture->fd, pid), -ESRCH);
}

static void test_told_to_freeze(void **state) {
        CgroupFixture *fixture = need(state);
        _cleanup_close_ int middle = -1, inner = -1;
        bool told = true;

        assert_int_equal(cgroup_create(fixture->fd, "middle", &middle), 0);
        assert_int_equal(cgroup_create(middle, "inner", &inner), 0);
        assert_int_equal(cgroup_is_told_to_freeze(inner, UINT_MAX, &told), 0);
        assert_false(told);

        assert_int_equal(cgroup_freeze(fixture->fd, true), 0); /* from far above */
        assert_int_equal(cgroup_is_told_to_freeze(inner, UINT_MAX, &told), 0);
        assert_true(told);
        assert_int_equal(cgroup_is_told_to_freeze(inner, 3, &told), 0);
        assert_true(told);
        assert_int_equal(cgroup_is_told_to_freeze(inner, 2, &told), 0); /* not looked at */
        assert_false(told);
        assert_int_equal(cgroup_freeze(fixture->fd, false), 0);

        assert_int_equal(cgroup_freeze(inner, true), 0);
        assert_int_equal(cgroup_is_told_to_freeze(inner, 1, &told), 0);
        assert_true(told);
        assert_int_equal(cgroup_is_told_to_freeze(middle, UINT_MAX, &told), 0); /* what is below does not count */
        assert_false(told);
}

/* Deeper than is looked at: it may be frozen further up. */
static void test_told_to_freeze_far_below(void **state) {
        CgroupFixture *fixture = need(state);
        bool told = true;
        int fd = dup(fixture->fd);

        assert_true(fd >= 0);
        for (unsigned i = 1; i <= 64; i++) {
                int below = -1;

                assert_int_equal(cgroup_create(fd, "deeper", &below), 0);
                closep(&fd);
                fd = below;
        }
        assert_int_equal(cgroup_is_told_to_freeze(fd, 64, &told), 0);
        assert_false(told);
        assert_int_equal(cgroup_is_told_to_freeze(fd, UINT_MAX, &told), 0);
        assert_true(told);
        closep(&fd);
}

static void test_values(void **state) {
        CgroupFixture *fixture = need(state);
        uint64_t value;

        assert_int_equal(cgroup_read_u64(fixture->fd, "cgroup.max.depth", &value), 0);
        assert_true(value == LIMIT_NONE);
        assert_int_equal(cgroup_write_u64(fixture->fd, "cgroup.max.depth", 3), 0);
        assert_int_equal(cgroup_read_u64(fixture->fd, "cgroup.max.depth", &value), 0);
        assert_int_equal(value, 3);
        assert_int_equal(cgroup_read_u64(fixture->fd, "cgroup.events", &value), -EBADMSG);
        assert_int_equal(cgroup_read_key(fixture->fd, "cgroup.events", "populated", &value), 0);
        assert_int_equal(value, 0);
        assert_int_equal(cgroup_read_key(fixture->fd, "cgroup.events", "popul", &value), -ENODATA);
}

static void test_record(void **state) {
        CgroupFixture *fixture = need(state);
        char buffer[64];
        size_t size;
        int status;
        pid_t pid;

        assert_int_equal(cgroup_get_record(fixture->fd, buffer, sizeof(buffer), &size), -ENODATA);
        assert_int_equal(cgroup_set_record(fixture->fd, "{}", 2), 0);
        assert_int_equal(cgroup_get_record(fixture->fd, buffer, sizeof(buffer), &size), 0);
        assert_int_equal(size, 2);
        assert_memory_equal(buffer, "{}", 2);

        /* nobody else reads or writes it */
        pid = fork();
        if (pid == 0) {
                if (setuid(65534) < 0)
                        _exit(2);
                _exit(cgroup_get_record(fixture->fd, buffer, sizeof(buffer), &size) != -EACCES ||
                      cgroup_set_record(fixture->fd, "[]", 2) != -EACCES);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_create_and_remove, cgroup_fixture_setup, cgroup_fixture_teardown),
                cmocka_unit_test_setup_teardown(test_open_stays_below, cgroup_fixture_setup, cgroup_fixture_teardown),
                cmocka_unit_test_setup_teardown(test_attach_freeze_kill, cgroup_fixture_setup,
                                                cgroup_fixture_teardown),
                cmocka_unit_test_setup_teardown(test_told_to_freeze, cgroup_fixture_setup, cgroup_fixture_teardown),
                cmocka_unit_test_setup_teardown(test_told_to_freeze_far_below, cgroup_fixture_setup,
                                                cgroup_fixture_teardown),
                cmocka_unit_test_setup_teardown(test_values, cgroup_fixture_setup, cgroup_fixture_teardown),
                cmocka_unit_test_setup_teardown(test_record, cgroup_fixture_setup, cgroup_fixture_teardown),
        };

        return cmocka_run_group_tests_name("cgroup", tests, NULL, NULL);
}
