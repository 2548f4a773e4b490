/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/restart/unit-ports.h"

#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/proc.h"
#include "tools/net/time-wait.h"

#define PORT_RANGE_FILE "/proc/sys/net/ipv4/ip_local_port_range" /* ip(7) */
#define DEPTH_MAX 64

/* States in which a connection whose process has closed it keeps its port from a bind(2) without
 * SO_REUSEADDR. */
#define CLOSING                                                                                             \
        (TCP_STATE(TCP_TIME_WAIT) | TCP_STATE(TCP_FIN_WAIT1) | TCP_STATE(TCP_FIN_WAIT2) |                   \
         TCP_STATE(TCP_CLOSING) | TCP_STATE(TCP_LAST_ACK))

bool cgroup_is_within(const char *cgroup, const char *group) {
        size_t length = strlen(group);

        return length > 1 && strncmp(cgroup, group, length) == 0 &&
               (cgroup[length] == 0 || cgroup[length] == '/');
}

/* A port that bind(2) with port 0 could have given. */
static bool is_chosen_by_kernel(uint16_t port) {
        _cleanup_fclose_ FILE *f = fopen(PORT_RANGE_FILE, "re");
        unsigned first = 32768, last = 60999;

        if (f && fscanf(f, "%u %u", &first, &last) != 2)
                return false;
        return port >= first && port <= last;
}

static bool has_port(const uint16_t *list, size_t n, uint16_t port) {
        for (size_t i = 0; i < n; i++)
                if (list[i] == port)
                        return true;
        return false;
}

static void add_port(uint16_t *list, size_t *n, uint16_t port) {
        if (!has_port(list, *n, port) && *n < PLAN_PORTS_MAX)
                list[(*n)++] = port;
}

/* The sockets that listen. Of everyone's only root is told: other users can have as many as they like. Where
 * they have too many, that keeps root's units from no restart: then it is root's own for him, too. */
static int get_listeners(int proc_fd, PortHolderList *ret) {
        uid_t uid = getuid();

        return uid == 0 ? port_holders_get_or_of(proc_fd, TCP_STATE(TCP_LISTEN), uid, 0, ret)
                        : port_holders_get_of(proc_fd, TCP_STATE(TCP_LISTEN), 0, uid, ret);
}

/* Where nobody is seen who has it open (that of another user, or a program with capabilities) it is the
 * place where the socket was made that counts. */
static bool is_in_unit(const Unit *unit, const PortHolder *holder) {
        return cgroup_is_within(holder->cgroup, unit->control_group);
}

static bool listens(const PortHolderList *list, const Unit *unit, pid_t pid) {
        for (size_t i = 0; i < list->n; i++)
                if (list->items[i].pid == pid && is_in_unit(unit, &list->items[i]))
                        return true;
        return false;
}

/* Started by another process of the unit that listens. */
static bool is_of_command(int proc_fd, const PortHolderList *list, const Unit *unit, pid_t pid) {
        ProcStat stat;

        for (int i = 0; i < DEPTH_MAX && pid > 0 && proc_get_stat(proc_fd, pid, &stat) >= 0 && stat.ppid > 1;
             i++) {
                pid = stat.ppid;
                if (listens(list, unit, pid))
                        return true;
        }
        return false;
}

static void note_wanted(UnitPorts *ports, const TcpSocket *socket) {
        add_port(ports->wanted, &ports->n_wanted, socket->port);
        if (ports->n_noted < ELEMENTSOF(ports->noted))
                ports->noted[ports->n_noted++] = *socket;
}

int unit_ports_note(int proc_fd, const Unit *unit, UnitPorts *ports) {
        _cleanup_(port_holder_list_done) PortHolderList list = { .n = 0 };
        int r;

        r = get_listeners(proc_fd, &list);
        if (r < 0)
                return r;
        for (size_t i = 0; i < list.n; i++) {
                const PortHolder *holder = &list.items[i];
                uint16_t port = holder->socket.port;

                if (!is_in_unit(unit, holder) || is_of_command(proc_fd, &list, unit, holder->pid))
                        continue;
                if (has_port(ports->wanted, ports->n_wanted, port) || !is_chosen_by_kernel(port))
                        note_wanted(ports, &holder->socket);
                else
                        add_port(ports->any, &ports->n_any, port);
        }
        return 0;
}

/* --- who has them -------------------------------------------------------------------------------------- */

typedef struct Look {
        int proc_fd;
        const Unit *unit;
        const UnitPorts *ports;
        uint64_t restarted;
        UnitPortsState *state;
        Outcome *outcome;
} Look;

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

static bool is_of_instance(const Look *look, const PortHolder *holder) {
        const Unit *unit = look->unit;
        bool active = strcmp(unit->active_state, "active") == 0;

        if (holder->pid <= 0)
                return active && is_in_unit(unit, holder);
        if (active && unit->main_pid <= 0)
                return is_in_unit(unit, holder) && holder->starttime >= look->restarted;
        return is_below(look->proc_fd, holder->pid, unit->main_pid) ||
               is_below(look->proc_fd, holder->pid, unit->control_pid);
}

static bool is_left_over(const Look *look, const PortHolder *holder) {
        return holder->pid > 0 && is_in_unit(look->unit, holder) && holder->socket.uid == getuid() &&
               holder->starttime < look->restarted && !is_of_instance(look, holder);
}

void outcome_process_from_holder(const PortHolder *holder, OutcomeProcess *ret) {
        *ret = (OutcomeProcess){ .port = holder->socket.port,
                                 .pid = holder->pid,
                                 .uid = holder->socket.uid };
        (void) snprintf(ret->comm, sizeof(ret->comm), "%s", holder->comm);
        (void) snprintf(ret->source, sizeof(ret->source), "%.*s", (int) sizeof(ret->source) - 1,
                        holder->source);
        port_holder_text(holder, ret->text, sizeof(ret->text));
}

/* Somebody on another address of the same port keeps nobody from it. */
static bool is_in_the_way(const Look *look, const TcpSocket *socket) {
        bool known = false;

        for (size_t i = 0; i < look->ports->n_noted; i++) {
                const TcpSocket *noted = &look->ports->noted[i];

                if (noted->port != socket->port)
                        continue;
                if (tcp_socket_overlaps(noted, socket))
                        return true;
                known = true;
        }
        return !known;
}

typedef struct PortView {
        bool owned, left_over, foreign;
} PortView;

static PortView view_port(const Look *look, const PortHolderList *list, uint16_t port) {
        PortView view = { .owned = false };

        for (size_t i = 0; i < list->n; i++) {
                const PortHolder *holder = &list->items[i];

                if (holder->socket.port != port)
                        continue;
                if (is_of_instance(look, holder))
                        view.owned = true;
                else if (is_left_over(look, holder))
                        view.left_over = true;
                else if (is_in_the_way(look, &holder->socket))
                        view.foreign = true;
        }
        return view;
}

static void add_left_over(UnitPortsState *state, const PortHolder *holder) {
        for (size_t i = 0; i < state->n_left_overs; i++)
                if (state->left_overs[i].pid == holder->pid)
                        return;
        if (state->n_left_overs < OUTCOME_PROCESSES_MAX)
                state->left_overs[state->n_left_overs++] = *holder;
}

static void add_holders(const Look *look, const PortHolderList *list, uint16_t port) {
        OutcomeProcess process;

        for (size_t i = 0; i < list->n; i++) {
                const PortHolder *holder = &list->items[i];

                if (holder->socket.port != port || is_of_instance(look, holder) ||
                    !is_in_the_way(look, &holder->socket))
                        continue;
                outcome_process_from_holder(holder, &process);
                outcome_add_holder(look->outcome, &process);
                if (is_left_over(look, holder))
                        add_left_over(look->state, holder);
                else if (look->state->foreign.socket.port == 0)
                        look->state->foreign = *holder;
        }
}

/* One that none of our own sockets is on. */
static int look_elsewhere(const Look *look, uint16_t port) {
        _cleanup_(port_holder_list_done) PortHolderList list = { .n = 0 };
        TcpSocket socket;
        PortView view;
        int r;

        r = port_holders_find(look->proc_fd, TCP_STATE(TCP_LISTEN), port, &list);
        if (r < 0)
                return r;
        view = view_port(look, &list, port);
        if (view.owned) /* by now */
                return 0;
        look->state->n_missing++;
        if (view.left_over)
                look->state->n_left_over++;
        else if (view.foreign)
                look->state->n_foreign++;
        else {
                r = socket_diag_find(CLOSING, port, &socket);
                look->state->n_time_wait += r > 0 && time_wait_blocks(&socket);
        }
        add_holders(look, &list, port);
        return r < 0 ? r : 0;
}

static int look_at_wanted(const Look *look, const PortHolderList *list, uint16_t port) {
        PortView view = view_port(look, list, port);

        if (view.owned)
                return 0;
        if (!view.left_over && !view.foreign)
                return look_elsewhere(look, port);
        look->state->n_missing++;
        if (view.left_over)
                look->state->n_left_over++;
        else
                look->state->n_foreign++;
        add_holders(look, list, port);
        return 0;
}

/* Ports that are not known beforehand: enough of them must be there. If they are not, one that has not
 * changed after all may be held by a left-over. */
static void look_at_any(const Look *look, const PortHolderList *list, const UnitPorts *ports) {
        UnitPorts seen = { .n_any = 0 };

        for (size_t i = 0; i < list->n; i++) {
                uint16_t port = list->items[i].socket.port;

                if (!has_port(ports->wanted, ports->n_wanted, port) && is_of_instance(look, &list->items[i]))
                        add_port(seen.any, &seen.n_any, port);
        }
        if (seen.n_any >= ports->n_any)
                return;
        look->state->n_missing += ports->n_any - seen.n_any;
        for (size_t i = 0; i < ports->n_any; i++)
                if (view_port(look, list, ports->any[i]).left_over) {
                        look->state->n_left_over++;
                        add_holders(look, list, ports->any[i]);
                }
}

int unit_ports_look(int proc_fd, const Unit *unit, const UnitPorts *ports, uint64_t restarted,
                    UnitPortsState *ret, Outcome *outcome) {
        _cleanup_(port_holder_list_done) PortHolderList list = { .n = 0 };
        UnitPortsState state = { .n_missing = 0 };
        const Look look = {
                .proc_fd = proc_fd,
                .unit = unit,
                .ports = ports,
                .restarted = restarted,
                .state = &state,
                .outcome = outcome,
        };
        int r = 0;

        if (ports->n_wanted > 0 || ports->n_any > 0)
                r = get_listeners(proc_fd, &list);
        for (size_t i = 0; r >= 0 && i < ports->n_wanted; i++)
                r = look_at_wanted(&look, &list, ports->wanted[i]);
        if (r < 0)
                return r;
        if (ports->n_any > 0)
                look_at_any(&look, &list, ports);
        *ret = state;
        return 0;
}
