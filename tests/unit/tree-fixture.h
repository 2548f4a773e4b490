/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A host's whole cgroup tree for tests of what depends on systemd's names: the program runs in a cgroup
 * and a mount namespace of its own, whose root is a fresh group of this host and is mounted at
 * /sys/fs/cgroup, as on a machine that systemd has booted. /proc/PID/cgroup then shows paths such as
 * TREE_SOURCE. The test itself is in a group beside, and is a subreaper, so that nobody gets away. When
 * the program ends, however it does, everybody in that group is killed and it is removed. As an ordinary
 * user, or where such namespaces cannot be had, tests are skipped. */

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "daemon/kernel.h"
#include "daemon/pool.h"
#include "lib/job-record.h"

#define TREE_OWNER 1000
#define TREE_OTHER 65534 /* another user */

#define TREE_MANAGER "/user.slice/user-1000.slice/user@1000.service"
#define TREE_SOURCE TREE_MANAGER "/app.slice/gateway.service"
#define TREE_POOL "/user.slice/user-cgmove.slice/user-cgmove-1000.slice/cgmove@1000.service"
#define TREE_SYSTEM_UNIT "/system.slice/other.service"

typedef struct TreeFixture {
        Kernel kernel;
        sd_event *event;
        Settings settings; /* TREE_DIRECT */
        PoolSet *pools;
        Pool *pool;      /* of TREE_OWNER, held */
        int source_fd;   /* TREE_SOURCE */
        char folder[32]; /* for files, gone afterwards */
} TreeFixture;

/* Calls TESTS, which runs the cmocka tests, in the namespaces, and returns what it returned. */
int tree_fixture_run(int (*tests)(void));

/* cmocka set-up and tear-down: an empty tree with the source and the pool, nothing left of it afterwards.
 * *state is a TreeFixture, or NULL where the test must be skipped. */
int tree_fixture_setup(void **state);
int tree_fixture_teardown(void **state);

TreeFixture *tree_fixture_need(void **state); /* or skips */

/* Opens the group PATH, made as far as it is missing; the caller closes it. */
int tree_fixture_group(const TreeFixture *fixture, const char *path);

/* The path of the group that PID is in, in a buffer that lasts until the next call; "" if it has ended. */
const char *tree_fixture_where(const TreeFixture *fixture, pid_t pid);

/* Whether a living process is in the group PATH or below it; false if there is no such group. */
bool tree_fixture_populated(const TreeFixture *fixture, const char *path);
bool tree_fixture_exists(const TreeFixture *fixture, const char *path);

/* Runs the loop until *done; fails the test if that takes too long. */
void tree_fixture_loop(const TreeFixture *fixture, const bool *done);

/* Leaves ROOM descriptors to open, or SIZE_MAX for as many as before. */
void tree_fixture_leave_fds(size_t room);

/* A record as a request makes it, without limits. */
JobRecord *tree_fixture_record(uint64_t id);

/* --- processes ----------------------------------------------------------------------------------------- */

/* A process that does what it is told, and nothing until then. */
typedef struct Process {
        pid_t pid;
        int fd;
} Process;

/* Starts one in the group FD; UID is all of its user ids. */
Process process_start(int fd, uid_t uid);
/* The same in a session of its own that runs BODY instead, which never returns; nothing can be told to
 * it. */
Process process_start_body(int fd, uid_t uid, void (*body)(void));
/* A body: its first thread ends, and another one lives on. */
void process_lose_leader(void);
/* The same, when it is told by process_end_leader(). */
void process_may_lose_leader(void);
void process_end_leader(const TreeFixture *fixture, pid_t pid);
/* Waits until the first thread of PID has ended. */
void process_await_leader_end(const TreeFixture *fixture, pid_t pid);
void process_end(Process *process); /* kills and reaps it */

bool process_answers(const Process *process); /* it lives, and is not frozen */
/* Does not answer for a while; it answers once, later, if it is thawed. */
bool process_is_silent(const Process *process);
bool process_becomes(const Process *process, uid_t uid);
/* Has it fork one that only waits. */
pid_t process_fork(const Process *process);
