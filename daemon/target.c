/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "daemon/cgroup.h"
#include "daemon/target.h"
#include "lib/pidfd.h"
#include "lib/proc.h"
#include "lib/text.h"

static int read_ids(const Kernel *kernel, Target *target) {
        ProcStat stat;
        int r;

        r = proc_get_status(kernel->proc_fd, target->pid, &target->status);
        if (r >= 0)
                r = proc_get_stat(kernel->proc_fd, target->pid, &stat);
        if (r < 0)
                return r;

        target->ppid = stat.ppid;
        target->n_threads = stat.n_threads;
        target->kernel_thread = stat.kernel_thread;
        /* it is asked later whether the process lives, with any of its threads */
        target->leader_ended = stat.state == 'Z' || stat.state == 'X';
        return 0;
}

static int read_place(const Kernel *kernel, Target *target) {
        bool deleted;
        int r;

        r = proc_get_cgroup(kernel->proc_fd, target->pid, &target->cgroup, &deleted);
        if (r < 0)
                return r;

        source_from_cgroup_path(target->cgroup, &target->source);
        r = deleted ? -ENOENT : cgroup_open(kernel->cgroup_fd, target->cgroup, &target->cgroup_fd);
        if (r == -ENOENT) {
                target->gone = true;
                return 0;
        }
        if (r < 0)
                return r;
        if (strcmp(target->cgroup, "/") == 0) /* kernel threads; it has no such attributes */
                return 0;

        return cgroup_is_frozen(target->cgroup_fd, &target->frozen);
}

/* PIDFD_THREAD of pidfd_open(2), which is O_EXCL: it tells of the end of one thread, not of the process. */
static bool is_of_thread(int pidfd) {
        int flags = fcntl(pidfd, F_GETFL);

        return flags >= 0 && (flags & O_EXCL);
}

static int read_all(const Kernel *kernel, Target *target) {
        int r;

        if (!pidfd_is_genuine(target->pidfd) || is_of_thread(target->pidfd))
                return -EBADF;

        r = pidfd_get_pid(kernel->fdinfo_fd, target->pidfd, &target->pid);
        if (r >= 0)
                r = read_ids(kernel, target);
        if (r >= 0)
                r = read_place(kernel, target);
        if (r < 0)
                return r;

        /* only now is it certain that the number meant this process all the time */
        return pidfd_is_alive(target->pidfd) ? 0 : -ESRCH;
}

int target_read(const Kernel *kernel, int pidfd, Target *ret) {
        Target target = TARGET_INIT;
        int r;

        target.pidfd = pidfd;
        r = read_all(kernel, &target);
        if (r < 0) {
                target_done(&target);
                return r;
        }

        *ret = target;
        return 0;
}

int target_check(const Kernel *kernel, Target *target) {
        _cleanup_free_ char *cgroup = NULL;
        ProcStatus status;
        bool deleted;
        int r;

        r = proc_get_status(kernel->proc_fd, target->pid, &status);
        if (r >= 0)
                r = proc_get_cgroup(kernel->proc_fd, target->pid, &cgroup, &deleted);
        if (r >= 0 && !pidfd_is_alive(target->pidfd))
                r = -ESRCH;
        if (r < 0)
                return r;

        return memcmp(status.uid, target->status.uid, sizeof(status.uid)) != 0 || strcmp(cgroup, target->cgroup) != 0;
}

int target_get_name(const Kernel *kernel, const Target *target, char **ret) {
        char *name;
        int r;

        r = proc_get_comm(kernel->proc_fd, target->pid, &name);
        if (r < 0)
                return r;
        (void) text_copy_plain(name, strlen(name) + 1, name);
        *ret = name;
        return 0;
}

void target_done(Target *target) {
        closep(&target->cgroup_fd);
        closep(&target->pidfd);
        free(target->cgroup);
        *target = (Target) TARGET_INIT;
}
