/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "daemon/cgroup.h"
#include "daemon/log.h"
#include "daemon/move.h"
#include "daemon/pool-tree.h"
#include "daemon/repair.h"
#include "lib/pidfd.h"
#include "lib/proc.h"
#include "lib/source.h"
#include "lib/values.h"

#define QUARANTINE_TASKS_MAX 512 /* as a job has unless its policy says otherwise */
#define REPAIRED_TO_PARENT "its parent's cgroup"
#define REPAIRED_BY_END "its end, being its owner's own"
#define REPAIRED_BY_QUARANTINE "quarantine"

#define QUARANTINE_SHARE 2 /* of what the pool may have, at most */

/* What the guess is made from. */
typedef struct Relative {
        ProcStat stat;
        ProcStatus status;
        Source source;
        char *cgroup;
        bool deleted;
} Relative;

static void relative_done(Relative *relative) {
        free(relative->cgroup);
}

static int relative_read(const Kernel *kernel, pid_t pid, Relative *ret) {
        Relative relative = {};
        int r;

        r = proc_get_stat(kernel->proc_fd, pid, &relative.stat);
        if (r >= 0)
                r = proc_get_status(kernel->proc_fd, pid, &relative.status);
        if (r >= 0)
                r = proc_get_cgroup(kernel->proc_fd, pid, &relative.cgroup, &relative.deleted);
        if (r < 0)
                return r;

        source_from_cgroup_path(relative.cgroup, &relative.source);
        *ret = relative;
        return 0;
}

static bool parent_is_safe(const Relative *stranger, const Relative *parent, const Relative *leader) {
        switch (parent->source.kind) {
        case SOURCE_USER_UNIT:
        case SOURCE_SYSTEM_UNIT:
        case SOURCE_SESSION:
                break;
        default:
                return false;
        }

        return !parent->source.control && !parent->deleted &&
               memcmp(stranger->status.uid, parent->status.uid, sizeof(stranger->status.uid)) == 0 &&
               stranger->stat.session == parent->stat.session && stranger->stat.pgrp == parent->stat.pgrp &&
               strcmp(parent->cgroup, leader->cgroup) == 0;
}

int repair_open_member(const Kernel *kernel, const char *path, pid_t pid, ProcStatus *ret_status) {
        _cleanup_close_ int pidfd = -1;
        _cleanup_free_ char *cgroup = NULL;
        ProcStatus status;
        bool deleted;
        int r;

        pidfd = pidfd_open_process(pid);
        if (pidfd < 0)
                return pidfd;
        r = proc_get_status(kernel->proc_fd, pid, &status);
        if (r >= 0)
                r = proc_get_cgroup(kernel->proc_fd, pid, &cgroup, &deleted);
        if (r >= 0 && (strcmp(cgroup, path) != 0 || !pidfd_is_alive(pidfd)))
                r = -ESRCH;
        if (r < 0)
                return r;

        *ret_status = status;
        return TAKE_FD(pidfd);
}

/* As long as PIDFD's process has this parent its number is not another's. */
static bool is_still_parent(const Kernel *kernel, pid_t pid, int pidfd, pid_t ppid) {
        ProcStat stat;

        return proc_get_stat(kernel->proc_fd, pid, &stat) >= 0 && stat.ppid == ppid && pidfd_is_alive(pidfd);
}

/* Whether he may have been forked where he is, rather than have come there by his number. */
static bool is_at_home(const Kernel *kernel, const RepairPlace *place, pid_t pid, int pidfd,
                       const ProcStatus *status) {
        _cleanup_(relative_done) Relative parent = {};
        ProcStat stat;

        return place->uid != UID_NONE && proc_status_is_of(status, place->uid) &&
               proc_get_stat(kernel->proc_fd, pid, &stat) >= 0 &&
               relative_read(kernel, stat.ppid, &parent) >= 0 &&
               is_still_parent(kernel, pid, pidfd, stat.ppid) && strcmp(parent.cgroup, place->path) == 0;
}

int repair_send(const Kernel *kernel, Pool *pool, const JobRecord *record, const RepairPlace *place,
                pid_t pid, int pidfd) {
        _cleanup_close_ int newcomer = -1;
        ProcStatus status;
        int r;

        r = cgroup_attach(place->fd, pid);
        if (r < 0 || pidfd_is_alive(pidfd))
                return r;

        /* it goes on with that one in turn: each time it takes another race that was won */
        newcomer = repair_open_member(kernel, place->path, pid, &status);
        if (newcomer >= 0 && !is_at_home(kernel, place, pid, newcomer, &status))
                (void) repair_stranger(kernel, pool, record, place->path, pid);
        return -ESRCH;
}

static int to_parent(const Kernel *kernel, Pool *pool, const JobRecord *record, pid_t pid, int pidfd) {
        _cleanup_(relative_done) Relative stranger = {}, parent = {}, leader = {};
        _cleanup_close_ int fd = -1;
        int r;

        r = relative_read(kernel, pid, &stranger);
        if (r < 0)
                return r;
        if (stranger.stat.ppid <= 1)
                return -EPERM;

        r = relative_read(kernel, stranger.stat.ppid, &parent);
        if (r >= 0)
                r = relative_read(kernel, stranger.stat.pgrp, &leader);
        if (r < 0)
                return r;
        if (!is_still_parent(kernel, pid, pidfd, stranger.stat.ppid) ||
            !parent_is_safe(&stranger, &parent, &leader))
                return -EPERM;

        r = cgroup_open(kernel->cgroup_fd, parent.cgroup, &fd);
        if (r < 0)
                return r;

        RepairPlace place = { .fd = fd, .path = parent.cgroup, .uid = stranger.status.uid[0] };
        return repair_send(kernel, pool, record, &place, pid, pidfd);
}

static uint64_t smaller(uint64_t a, uint64_t b) {
        return a < b ? a : b;
}

static uint64_t share_of(uint64_t max) {
        return max == LIMIT_NONE || max < QUARANTINE_SHARE ? max : max / QUARANTINE_SHARE;
}

Limits repair_quarantine_limits(uint64_t pool_tasks_max, uint64_t pool_memory_max) {
        return (Limits){
                .tasks_max = smaller(QUARANTINE_TASKS_MAX, share_of(pool_tasks_max)),
                .memory_max = share_of(pool_memory_max),
                .runtime_max = LIMIT_NONE,
        };
}

static int make_quarantine(Pool *pool, int *ret_fd) {
        uint64_t tasks_max = LIMIT_NONE, memory_max = LIMIT_NONE;
        Limits limits;
        int r;

        r = cgroup_create(pool_fd(pool), QUARANTINE_GROUP, ret_fd);
        if (r == -EEXIST)
                return cgroup_open(pool_fd(pool), "/" QUARANTINE_GROUP, ret_fd);
        if (r < 0)
                return r;

        pool_hold_for_good(pool); /* nobody is told when it empties */
        if (pool_has_controller(pool, "pids"))
                (void) cgroup_read_u64(pool_fd(pool), "pids.max", &tasks_max);
        if (pool_has_controller(pool, "memory"))
                (void) cgroup_read_u64(pool_fd(pool), "memory.max", &memory_max);
        limits = repair_quarantine_limits(tasks_max, memory_max);
        r = move_set_limits(pool, *ret_fd, &limits);
        if (r < 0)
                log_failure(NULL, "The quarantine of %s has no limits: %s", pool_path(pool), strerror(-r));
        return 0;
}

int repair_quarantine(const Kernel *kernel, Pool *pool, const JobRecord *record, pid_t pid, int pidfd) {
        char path[POOL_PATH_MAX + sizeof(QUARANTINE_GROUP) + 1];
        _cleanup_close_ int fd = -1;
        int r;

        r = make_quarantine(pool, &fd);
        if (r < 0)
                return r;

        (void) snprintf(path, sizeof(path), "%s/" QUARANTINE_GROUP, pool_path(pool));
        RepairPlace place = { .fd = fd, .path = path, .uid = UID_NONE };
        return repair_send(kernel, pool, record, &place, pid, pidfd);
}

void repair_discover(Pool *pool) {
        CgroupEvents events;

        if (cgroup_get_events(pool_fd(pool), QUARANTINE_GROUP "/cgroup.events", &events) >= 0 && events.populated)
                pool_hold_for_good(pool);
}

int repair_stranger(const Kernel *kernel, Pool *pool, const JobRecord *record, const char *path, pid_t pid) {
        _cleanup_close_ int pidfd = -1;
        const char *where = REPAIRED_TO_PARENT;
        ProcStatus status;
        int r;

        pidfd = repair_open_member(kernel, path, pid, &status);
        if (pidfd < 0)
                return pidfd == -ESRCH ? 0 : pidfd;

        r = to_parent(kernel, pool, record, pid, pidfd);
        if (r < 0 && !pidfd_is_alive(pidfd))
                return 0;
        if (r < 0 && proc_status_is_of(&status, record->uid)) {
                where = REPAIRED_BY_END;
                r = pidfd_kill(pidfd, SIGKILL);
        } else if (r < 0) {
                where = REPAIRED_BY_QUARANTINE;
                r = repair_quarantine(kernel, pool, record, pid, pidfd);
        }
        if (r == -ESRCH)
                return 0;

        log_stranger(record, pid, where, r);
        return r < 0 ? r : strcmp(where, REPAIRED_BY_END) == 0;
}
