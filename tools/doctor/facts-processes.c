/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/proc.h"
#include "tools/doctor/gather.h"
#include "tools/net/port-holder.h"

#define PIDS_MAX 4096
#define DEPTH_MAX 8        /* of groups below the unit's */
#define GENERATIONS_MAX 64 /* between a process and the unit's main one */

typedef struct Processes {
        int proc;            /* /proc */
        uint64_t main_start; /* ticks since boot; 0: there is no main process */
        pid_t pids[PIDS_MAX];
        size_t n;
} Processes;

static void processes_done(Processes *processes) {
        if (processes->proc >= 0)
                (void) close(processes->proc);
}

/* --- who is there ------------------------------------------------------------------------------------- */

static void read_group(int directory, Processes *processes) {
        _cleanup_fclose_ FILE *f = NULL;
        int fd = openat(directory, "cgroup.procs", O_RDONLY | O_CLOEXEC), pid;

        if (fd < 0)
                return;
        f = fdopen(fd, "r");
        if (!f) {
                (void) close(fd);
                return;
        }
        while (processes->n < PIDS_MAX && fscanf(f, "%d", &pid) == 1)
                if (pid > 0)
                        processes->pids[processes->n++] = pid;
}

static void read_tree(int directory, unsigned depth, Processes *processes) {
        _cleanup_closedir_ DIR *dir = NULL;
        int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        const struct dirent *entry;

        if (copy < 0)
                return;
        dir = fdopendir(copy);
        if (!dir) {
                (void) close(copy);
                return;
        }
        read_group(directory, processes);
        while (depth < DEPTH_MAX && (entry = readdir(dir))) {
                _cleanup_close_ int child = -1;

                /* ".control" has what the manager waits for: reload and stop commands */
                if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
                        continue;
                child = openat(directory, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                if (child >= 0)
                        read_tree(child, depth + 1, processes);
        }
}

static bool is_below(const Processes *processes, pid_t pid, pid_t ancestor) {
        ProcStat stat;

        for (unsigned i = 0; ancestor > 0 && pid > 1 && i < GENERATIONS_MAX; i++) {
                if (pid == ancestor)
                        return true;
                if (proc_get_stat(processes->proc, pid, &stat) < 0)
                        return false;
                pid = stat.ppid;
        }
        return false;
}

/* --- left-overs --------------------------------------------------------------------------------------- */

static bool is_older(const Processes *processes, pid_t pid) {
        ProcStat stat;

        return processes->main_start == 0 ||
               (proc_get_stat(processes->proc, pid, &stat) >= 0 && stat.starttime < processes->main_start);
}

static bool is_of_instance(const Processes *processes, const UnitFacts *unit, pid_t pid) {
        return is_below(processes, pid, unit->main_pid) || is_below(processes, pid, unit->control_pid);
}

static void add_left_over(const Processes *processes, pid_t pid, UnitFacts *unit) {
        ProcessFacts process = { .pid = pid, .older = is_older(processes, pid) };
        _cleanup_free_ char *comm = NULL;

        if (proc_get_comm(processes->proc, pid, &comm) < 0)
                return; /* it has gone */
        (void) snprintf(process.comm, sizeof(process.comm), "%s", comm);
        if (unit->n_left_overs < PROCESSES_TOLD)
                unit->left_overs[unit->n_left_overs] = process;
        unit->n_left_overs++;
        unit->n_older += process.older;
}

static bool is_of_user(const Processes *processes, pid_t pid, uid_t uid) {
        ProcStatus status;

        return proc_get_status(processes->proc, pid, &status) >= 0 && proc_status_is_of(&status, uid);
}

static void look_at_processes(const Processes *processes, uid_t uid, UnitFacts *unit) {
        for (size_t i = 0; i < processes->n; i++) {
                pid_t pid = processes->pids[i];

                if (pid == getpid())
                        continue;
                if (unit->sample == 0 && pid != unit->main_pid && pid != unit->control_pid &&
                    is_of_user(processes, pid, uid))
                        unit->sample = pid;
                if (!is_of_instance(processes, unit, pid))
                        add_left_over(processes, pid, unit);
        }
}

/* --- ports -------------------------------------------------------------------------------------------- */

static bool is_in_unit(const UnitFacts *unit, const PortHolder *holder) {
        size_t n = strlen(unit->control_group);

        return n > 0 && strncmp(holder->cgroup, unit->control_group, n) == 0 &&
               (holder->cgroup[n] == 0 || holder->cgroup[n] == '/');
}

static PortState find_state(const Processes *processes, const UnitFacts *unit, const PortHolder *holder) {
        if (holder->socket.state != TCP_LISTEN)
                return PORT_TIME_WAIT;
        if (!is_in_unit(unit, holder))
                return PORT_FOREIGN;
        if (holder->pid == 0 || is_of_instance(processes, unit, holder->pid))
                return PORT_OWN;
        return is_older(processes, holder->pid) ? PORT_LEFT_OVER : PORT_DETACHED;
}

/* What says more about a port that several hold: a left-over that inherited the socket of its parent has it
 * as well as the new main process. */
static unsigned rank(PortState state) {
        static const unsigned ranks[] = {
                [PORT_FREE] = 0, [PORT_TIME_WAIT] = 1, [PORT_FOREIGN] = 2,
                [PORT_OWN] = 3,  [PORT_DETACHED] = 4,  [PORT_LEFT_OVER] = 5,
        };

        return ranks[state];
}

static PortFacts *find_port(UnitFacts *unit, uint16_t port) {
        for (size_t i = 0; i < unit->n_ports; i++)
                if (unit->ports[i].port == port)
                        return &unit->ports[i];
        return NULL;
}

static void add_holder(const Processes *processes, uid_t uid, const PortHolder *holder, UnitFacts *unit) {
        PortState state = find_state(processes, unit, holder);
        PortFacts *port = find_port(unit, holder->socket.port);

        if (!port && rank(state) >= rank(PORT_OWN) && unit->n_ports < PORTS_MAX) {
                port = &unit->ports[unit->n_ports++];
                *port = (PortFacts){ .port = holder->socket.port, .state = PORT_FREE };
        }
        if (!port || rank(state) <= rank(port->state))
                return;
        port->state = state;
        port->pid = holder->pid;
        port->own_user = holder->socket.uid == uid;
        port_holder_text(holder, port->holder, sizeof(port->holder));
}

static void add_holders(const Processes *processes, uid_t uid, PortHolderList *holders, UnitFacts *unit) {
        for (size_t i = 0; i < holders->n; i++)
                add_holder(processes, uid, &holders->items[i], unit);
        port_holder_list_done(holders);
}

/* Of the unit's ports those that nobody has so far: where the host has too many sockets, those of others were
 * not looked at. */
static void look_at_free_ports(const Processes *processes, uid_t uid, UnitFacts *unit) {
        static const uint32_t states[] = { TCP_STATE(TCP_LISTEN), TCP_STATE(TCP_TIME_WAIT) };
        PortHolderList holders = { .n = 0 };

        for (size_t i = 0; i < unit->n_ports; i++)
                for (size_t j = 0; j < ELEMENTSOF(states) && unit->ports[i].state == PORT_FREE; j++)
                        if (port_holders_find(processes->proc, states[j], unit->ports[i].port, &holders) >= 0)
                                add_holders(processes, uid, &holders, unit);
}

static void look_at_ports(const Processes *processes, uid_t uid, UnitFacts *unit) {
        PortHolderList holders = { .n = 0 };

        if (port_holders_get_or_of(processes->proc, TCP_STATE(TCP_LISTEN) | TCP_STATE(TCP_TIME_WAIT), uid,
                                   unit->main_pid, &holders) < 0)
                return;
        unit->ports_known = true;
        add_holders(processes, uid, &holders, unit);
        look_at_free_ports(processes, uid, unit);
}

/* --- all ---------------------------------------------------------------------------------------------- */

void gather_processes(const char *mount, uid_t uid, UnitFacts *unit) {
        _cleanup_(processes_done) Processes processes = { .proc = -1 };
        _cleanup_close_ int directory = -1;
        char path[DOCTOR_PATH_MAX + 256];
        ProcStat stat;

        processes.proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (processes.proc < 0)
                return;
        if (unit->main_pid > 0 && proc_get_stat(processes.proc, unit->main_pid, &stat) >= 0)
                processes.main_start = stat.starttime;
        if (mount[0] && unit->control_group[0]) {
                (void) snprintf(path, sizeof(path), "%s%s", mount, unit->control_group);
                directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        }
        if (directory >= 0) {
                read_tree(directory, 0, &processes);
                look_at_processes(&processes, uid, unit);
        }
        look_at_ports(&processes, uid, unit);
}
