/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/restart/calling.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/pidfd.h"
#include "lib/proc.h"
#include "lib/source.h"
#include "tools/net/port-holder.h"

int calling_is_inside(int proc_fd, pid_t pid, const RestartPlan *plan) {
        _cleanup_free_ char *path = NULL;
        bool deleted;
        Source source;
        int r;

        r = proc_get_cgroup(proc_fd, pid, &path, &deleted);
        if (r < 0)
                return r;
        source_from_cgroup_path(path, &source);
        if (strcmp(source.unit, plan->unit) != 0)
                return 0;
        return plan->system ? source.kind == SOURCE_SYSTEM_UNIT
                            : source.kind == SOURCE_USER_UNIT && source.owner_uid == getuid();
}

/* The ones that are nearest to the main process count, should there be too many. */
static void add_ancestor(RestartPlan *plan, pid_t pid, uint64_t starttime) {
        if (plan->n_ancestors == PLAN_ANCESTORS_MAX) {
                plan->n_ancestors--;
                memmove(plan->ancestors, plan->ancestors + 1,
                        plan->n_ancestors * sizeof(plan->ancestors[0]));
        }
        plan->ancestors[plan->n_ancestors++] = (PlanProcess){ .pid = pid, .starttime = starttime };
}

void calling_note_ancestors(int proc_fd, RestartPlan *plan) {
        pid_t pid = getpid();
        ProcStat stat;

        plan->n_ancestors = 0;
        while (pid > 1 && calling_is_inside(proc_fd, pid, plan) > 0 &&
               proc_get_stat(proc_fd, pid, &stat) >= 0) {
                add_ancestor(plan, pid, stat.starttime);
                pid = stat.ppid;
        }
}

int calling_set_command(RestartPlan *plan, pid_t pid) {
        for (size_t i = 0; i < plan->n_ancestors; i++)
                if (plan->ancestors[i].pid == pid) {
                        plan->ancestors[0] = plan->ancestors[i];
                        plan->n_ancestors = 1;
                        return 0;
                }

        return -ESRCH;
}

/* The place of the uppermost process that the service is not known to be itself. */
static size_t find_top(const RestartPlan *plan, pid_t main_pid, bool *ret_below_main) {
        for (size_t i = 1; i < plan->n_ancestors; i++)
                if (plan->ancestors[i].pid == main_pid) {
                        *ret_below_main = true;
                        return i - 1;
                }
        *ret_below_main = false;
        return plan->n_ancestors - 1;
}

const PlanProcess *calling_command(const RestartPlan *plan, pid_t main_pid,
                                   const bool listens[static PLAN_ANCESTORS_MAX]) {
        bool below_main;
        size_t top;

        if (plan->n_ancestors == 0)
                return NULL;
        top = find_top(plan, main_pid, &below_main);
        /* where the main process listens itself, those below may have its socket only because they inherited
         * it */
        if (!below_main || !listens[top + 1])
                for (size_t i = top; i > 0; i--)
                        if (listens[i])
                                return &plan->ancestors[i - 1];
        return &plan->ancestors[top];
}

const PlanProcess *calling_find_command(int proc_fd, const RestartPlan *plan, pid_t main_pid) {
        _cleanup_(port_holder_list_done) PortHolderList list = { .n = 0 };
        bool listens[PLAN_ANCESTORS_MAX] = { false };

        if (plan->n_ancestors > 0) /* nothing else to go by if it fails */
                (void) port_holders_get_of(proc_fd, TCP_STATE(TCP_LISTEN), 0, getuid(), &list);
        for (size_t i = 0; i < list.n; i++)
                for (size_t j = 0; j < plan->n_ancestors; j++)
                        listens[j] |= list.items[i].pid == plan->ancestors[j].pid;
        return calling_command(plan, main_pid, listens);
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
