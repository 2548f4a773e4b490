/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/restart/calling.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/pidfd.h"
#include "lib/proc.h"
#include "lib/source.h"

bool calling_is_inside(int proc_fd, pid_t pid, const RestartPlan *plan) {
        _cleanup_free_ char *path = NULL;
        bool deleted;
        Source source;

        if (proc_get_cgroup(proc_fd, pid, &path, &deleted) < 0)
                return false;
        source_from_cgroup_path(path, &source);
        if (strcmp(source.unit, plan->unit) != 0)
                return false;
        return plan->system ? source.kind == SOURCE_SYSTEM_UNIT
                            : source.kind == SOURCE_USER_UNIT && source.owner_uid == getuid();
}

/* The ones that are nearest to the main process count, should there be too many. */
static void add_ancestor(RestartPlan *plan, pid_t pid, uint64_t starttime) {
        if (plan->n_ancestors == PLAN_ANCESTORS_MAX) {
                plan->n_ancestors--;
                memmove(plan->ancestors, plan->ancestors + 1, plan->n_ancestors * sizeof(plan->ancestors[0]));
        }
        plan->ancestors[plan->n_ancestors++] = (PlanProcess) { .pid = pid, .starttime = starttime };
}

void calling_note_ancestors(int proc_fd, RestartPlan *plan) {
        pid_t pid = getpid();
        ProcStat stat;

        plan->n_ancestors = 0;
        while (pid > 1 && calling_is_inside(proc_fd, pid, plan) && proc_get_stat(proc_fd, pid, &stat) >= 0) {
                add_ancestor(plan, pid, stat.starttime);
                pid = stat.ppid;
        }
}

const PlanProcess *calling_command(const RestartPlan *plan, pid_t main_pid) {
        for (size_t i = 1; i < plan->n_ancestors; i++)
                if (plan->ancestors[i].pid == main_pid)
                        return &plan->ancestors[i - 1];
        return plan->n_ancestors > 0 ? &plan->ancestors[plan->n_ancestors - 1] : NULL;
}

int plan_process_open(int proc_fd, const PlanProcess *process) {
        _cleanup_close_ int pidfd = -1;
        ProcStat stat;
        int r;

        pidfd = pidfd_open_process(process->pid);
        if (pidfd < 0)
                return pidfd;
        r = proc_get_stat(proc_fd, process->pid, &stat);
        if (r < 0)
                return r;
        if (stat.starttime != process->starttime || !pidfd_is_alive(pidfd))
                return -ESRCH;
        return TAKE_FD(pidfd);
}
