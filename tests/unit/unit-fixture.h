/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A unit as far as its processes and ports go: a cgroup, with children of the test in it that have sockets of the test. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "tests/unit/cgroup-fixture.h"
#include "tools/restart/unit.h"

typedef struct UnitFixture {
        CgroupFixture *cgroup;
        int proc_fd;
        Unit unit; /* active, its control group is that of the fixture, without processes */
} UnitFixture;

/* cmocka set-up and tear-down: *state is a UnitFixture, or NULL where the test must be skipped. */
int unit_fixture_setup(void **state);
int unit_fixture_teardown(void **state);
UnitFixture *unit_fixture_need(void **state); /* or skips */

typedef struct Child {
        pid_t pid;
        uint64_t starttime; /* clock ticks since boot */
        pid_t child;        /* of it, which has the same descriptors; 0: none */
        uint16_t port;      /* that its child alone listens on; 0: none */
} Child;

enum {
        CHILD_FORKS = 1 << 0,
        CHILD_FORKS_LISTENER = 1 << 1,
        CHILD_IGNORES_TERM = 1 << 2,
        CHILD_OUTSIDE = 1 << 3, /* not in the unit's cgroup */
};

/* Starts one, with all user ids UID, that has all the descriptors that the test has, and waits. It ends with the fixture at
 * the latest, if it is in the unit. */
Child child_start(const UnitFixture *fixture, uid_t uid, int flags);
void child_kill(pid_t pid); /* and reaps it if it is the test's own */
bool child_is_alive(pid_t pid);

/* Returns once a process that is started now is younger than those before, as far as clock ticks can tell; and the time,
 * in ticks. */
uint64_t ticks_next(void);

enum {
        LISTEN_V6 = 1 << 0,
        LISTEN_V6ONLY = 1 << 1,
        LISTEN_REUSEPORT = 1 << 2,
};

/* A socket that listens on PORT, or (0) on one that the kernel has chosen. Returns -1 if the port is taken. */
int listener_open(uint16_t port, int flags, uint16_t *ret_port);
/* The same on some port below those that the kernel chooses from. */
int listener_open_fixed(int flags, uint16_t *ret_port);
