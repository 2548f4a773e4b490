/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A cgroup of one's own for tests that need a real tree: below the cgroup v2 mount of this host, gone
 * afterwards. As an ordinary user, or without such a mount, the test is skipped. */

typedef struct CgroupFixture {
        int fd;           /* of the group */
        int root_fd;      /* of the mount */
        char mount[256];
        char path[64];    /* of the group, "/cgmove-test-PID" */
} CgroupFixture;

/* cmocka set-up and tear-down: *state is a CgroupFixture, or NULL where the test must be skipped. */
int cgroup_fixture_setup(void **state);
int cgroup_fixture_teardown(void **state);

#include <sys/types.h>

/* Starts a child of this test that waits in the group FD for SIGKILL. */
pid_t cgroup_fixture_spawn(int fd);
void cgroup_fixture_reap(pid_t pid);
