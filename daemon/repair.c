/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "daemon/cgroup.h"
#include "daemon/log.h"
#include "daemon/repair.h"
#include "lib/pidfd.h"
#include "lib/proc.h"
#include "lib/source.h"

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

static bool same_unit(const Source *a, const Source *b) {
        return a->kind == b->kind && a->owner_uid == b->owner_uid && strcmp(a->unit, b->unit) == 0;
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
               same_unit(&parent->source, &leader->source);
}

static int to_parent(const Kernel *kernel, pid_t pid) {
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
        if (!parent_is_safe(&stranger, &parent, &leader))
                return -EPERM;

        r = cgroup_open(kernel->cgroup_fd, parent.cgroup, &fd);
        return r < 0 ? r : cgroup_attach(fd, pid);
}

int repair_quarantine(Pool *pool, pid_t pid) {
        _cleanup_close_ int fd = -1;
        int r;

        r = cgroup_create(pool_fd(pool), QUARANTINE_GROUP, &fd);
        if (r == -EEXIST)
                r = cgroup_open(pool_fd(pool), "/" QUARANTINE_GROUP, &fd);
        else if (r >= 0)
                pool_hold_for_good(pool); /* nobody is told when it empties */
        return r < 0 ? r : cgroup_attach(fd, pid);
}

void repair_discover(Pool *pool) {
        CgroupEvents events;

        if (cgroup_get_events(pool_fd(pool), QUARANTINE_GROUP "/cgroup.events", &events) >= 0 && events.populated)
                pool_hold_for_good(pool);
}

int repair_stranger(const Kernel *kernel, Pool *pool, const JobRecord *record, pid_t pid) {
        _cleanup_close_ int pidfd = -1;
        const char *where = "its parent's cgroup";
        int r;

        pidfd = pidfd_open_process(pid);
        if (pidfd < 0)
                return pidfd == -ESRCH ? 0 : pidfd;

        r = to_parent(kernel, pid);
        if (r < 0 && pidfd_is_alive(pidfd)) {
                where = "quarantine";
                r = repair_quarantine(pool, pid);
        }
        if (!pidfd_is_alive(pidfd))
                return 0;

        log_stranger(record, pid, where, r);
        return r;
}
