/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/restart/unit-ports.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/proc.h"

#define PORT_RANGE_FILE "/proc/sys/net/ipv4/ip_local_port_range" /* ip(7) */
#define DEPTH_MAX 64

bool cgroup_is_within(const char *cgroup, const char *group) {
        size_t length = strlen(group);

        return length > 1 && strncmp(cgroup, group, length) == 0 && (cgroup[length] == 0 || cgroup[length] == '/');
}

/* A port that bind(2) with port 0 could have given. */
static bool is_chosen_by_kernel(uint16_t port) {
        _cleanup_fclose_ FILE *f = fopen(PORT_RANGE_FILE, "re");
        unsigned first = 32768, last = 60999;

        if (f && fscanf(f, "%u %u", &first, &last) != 2)
                return false;
        return port >= first && port <= last;
}

static bool is_wanted(const UnitPorts *ports, uint16_t port) {
        for (size_t i = 0; i < ports->n_wanted; i++)
                if (ports->wanted[i] == port)
                        return true;
        return false;
}

/* Whether an earlier entry of the list is the same port with a process of the unit. */
static bool was_before(const PortHolderList *list, size_t index, const Unit *unit) {
        for (size_t i = 0; i < index; i++)
                if (list->items[i].socket.port == list->items[index].socket.port && list->items[i].pid > 0 &&
                    cgroup_is_within(list->items[i].cgroup, unit->control_group))
                        return true;
        return false;
}

int unit_ports_note(int proc_fd, const Unit *unit, UnitPorts *ports) {
        _cleanup_(port_holder_list_done) PortHolderList list = { .n = 0 };
        int r;

        r = port_holders_get(proc_fd, TCP_STATE(TCP_LISTEN), 0, &list);
        if (r < 0)
                return r;
        for (size_t i = 0; i < list.n; i++) {
                const PortHolder *holder = &list.items[i];

                if (holder->pid <= 0 || !cgroup_is_within(holder->cgroup, unit->control_group) ||
                    is_wanted(ports, holder->socket.port) || was_before(&list, i, unit))
                        continue;
                if (is_chosen_by_kernel(holder->socket.port))
                        ports->n_any++;
                else if (ports->n_wanted < PLAN_PORTS_MAX)
                        ports->wanted[ports->n_wanted++] = holder->socket.port;
        }
        return 0;
}

/* --- who has them -------------------------------------------------------------------------------------- */

static bool is_below(int proc_fd, pid_t pid, pid_t ancestor) {
        ProcStat stat;

        for (int i = 0; i < DEPTH_MAX && pid > 1 && ancestor > 0; i++) {
                if (pid == ancestor)
                        return true;
                if (proc_get_stat(proc_fd, pid, &stat) < 0)
                        return false;
                pid = stat.ppid;
        }
        return false;
}

static bool is_of_instance(int proc_fd, const Unit *unit, const PortHolder *holder) {
        return holder->pid > 0 && (is_below(proc_fd, holder->pid, unit->main_pid) ||
                                   is_below(proc_fd, holder->pid, unit->control_pid));
}

static bool is_left_over(const Unit *unit, const PortHolder *holder, uint64_t restarted) {
        return holder->pid > 0 && holder->socket.uid == getuid() && holder->starttime < restarted &&
               cgroup_is_within(holder->cgroup, unit->control_group);
}

void outcome_process_from_holder(const PortHolder *holder, OutcomeProcess *ret) {
        *ret = (OutcomeProcess) { .port = holder->socket.port, .pid = holder->pid, .uid = holder->socket.uid };
        (void) snprintf(ret->comm, sizeof(ret->comm), "%s", holder->comm);
        (void) snprintf(ret->source, sizeof(ret->source), "%.*s", (int) sizeof(ret->source) - 1, holder->source);
        port_holder_text(holder, ret->text, sizeof(ret->text));
}

typedef struct PortView {
        bool owned, left_over, foreign, time_wait;
} PortView;

static PortView look_at(int proc_fd, const Unit *unit, uint16_t port, const PortHolderList *list, uint64_t restarted) {
        PortView view = { .owned = false };

        for (size_t i = 0; i < list->n; i++) {
                const PortHolder *holder = &list->items[i];

                if (holder->socket.port != port)
                        continue;
                if (holder->socket.state == TCP_TIME_WAIT)
                        view.time_wait = true;
                else if (is_of_instance(proc_fd, unit, holder))
                        view.owned = true;
                else if (is_left_over(unit, holder, restarted))
                        view.left_over = true;
                else
                        view.foreign = true;
        }
        return view;
}

static void add_holders(int proc_fd, const Unit *unit, uint16_t port, const PortHolderList *list, uint64_t restarted,
                        UnitPortsState *state, Outcome *outcome) {
        OutcomeProcess process;

        for (size_t i = 0; i < list->n; i++) {
                const PortHolder *holder = &list->items[i];

                if (holder->socket.port != port || holder->socket.state == TCP_TIME_WAIT ||
                    is_of_instance(proc_fd, unit, holder))
                        continue;
                outcome_process_from_holder(holder, &process);
                outcome_add_holder(outcome, &process);
                if (is_left_over(unit, holder, restarted) && state->n_left_overs < OUTCOME_PROCESSES_MAX)
                        state->left_overs[state->n_left_overs++] = *holder;
        }
}

static void look_at_wanted(int proc_fd, const Unit *unit, uint16_t port, const PortHolderList *list, uint64_t restarted,
                           UnitPortsState *state, Outcome *outcome) {
        PortView view = look_at(proc_fd, unit, port, list, restarted);

        if (view.owned)
                return;
        state->n_missing++;
        if (view.left_over)
                state->n_left_over++;
        else if (view.foreign)
                state->n_foreign++;
        else if (view.time_wait)
                state->n_time_wait++;
        if (view.left_over || view.foreign)
                add_holders(proc_fd, unit, port, list, restarted, state, outcome);
}

/* Ports that are not known beforehand: enough of them must be there. */
static size_t count_other_ports(int proc_fd, const Unit *unit, const UnitPorts *ports, const PortHolderList *list) {
        UnitPorts seen = { .n_wanted = 0 };

        for (size_t i = 0; i < list->n; i++) {
                uint16_t port = list->items[i].socket.port;

                if (list->items[i].socket.state == TCP_LISTEN && !is_wanted(ports, port) && !is_wanted(&seen, port) &&
                    seen.n_wanted < PLAN_PORTS_MAX && is_of_instance(proc_fd, unit, &list->items[i]))
                        seen.wanted[seen.n_wanted++] = port;
        }
        return seen.n_wanted;
}

int unit_ports_look(int proc_fd, const Unit *unit, const UnitPorts *ports, uint64_t restarted, UnitPortsState *ret,
                    Outcome *outcome) {
        _cleanup_(port_holder_list_done) PortHolderList list = { .n = 0 };
        UnitPortsState state = { .n_missing = 0 };
        size_t n_other;
        int r;

        if (ports->n_wanted > 0 || ports->n_any > 0) {
                r = port_holders_get(proc_fd, TCP_STATE(TCP_LISTEN) | TCP_STATE(TCP_TIME_WAIT), 0, &list);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < ports->n_wanted; i++)
                look_at_wanted(proc_fd, unit, ports->wanted[i], &list, restarted, &state, outcome);
        n_other = ports->n_any > 0 ? count_other_ports(proc_fd, unit, ports, &list) : 0;
        if (n_other < ports->n_any)
                state.n_missing += ports->n_any - n_other;
        *ret = state;
        return 0;
}
