/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/adopt/ports.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/pidfd.h"
#include "tools/doctor/ask-as.h"
#include "tools/net/port-holder.h"

#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

#define REUSE_PATIENCE (UINT64_C(3) * 1000000) /* microseconds */

int drop_in_add_port(DropIn *d, const PortAddress *port) {
        size_t i = 0;

        while (i < d->n_ports && port_address_compare(&d->ports[i], port) < 0)
                i++;
        if (i < d->n_ports && port_address_compare(&d->ports[i], port) == 0)
                return 0;
        if (d->n_ports == DROP_IN_PORTS_MAX)
                return -E2BIG;
        memmove(d->ports + i + 1, d->ports + i, (d->n_ports - i) * sizeof(d->ports[0]));
        d->ports[i] = *port;
        d->n_ports++;
        return 0;
}

static bool is_within(const char *cgroup, const char *group) {
        size_t n = strlen(group);

        return strncmp(cgroup, group, n) == 0 && (cgroup[n] == '\0' || cgroup[n] == '/');
}

/* The number that PID knows the socket by; -ENOENT. */
static int find_descriptor(pid_t pid, uint64_t inode) {
        _cleanup_closedir_ DIR *dir = NULL;
        char path[64], wanted[40], target[40];
        struct dirent *entry;

        (void) snprintf(path, sizeof(path), "/proc/%d/fd", (int) pid);
        (void) snprintf(wanted, sizeof(wanted), "socket:[%" PRIu64 "]", inode);
        dir = opendir(path);
        if (!dir)
                return -errno;
        while ((entry = readdir(dir))) {
                ssize_t n = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);

                if (n <= 0)
                        continue;
                target[n] = '\0';
                if (strcmp(target, wanted) == 0)
                        return atoi(entry->d_name);
        }
        return -ENOENT;
}

/* Whether a socket of another process has SO_REUSEADDR: by a copy of it (pidfd_getfd(2)), which needs the
 * right to trace the process. A negative errno without. */
static int get_reuse(const PortHolder *holder) {
        _cleanup_close_ int pidfd = -1, fd = -1;
        int number, value;
        socklen_t size = sizeof(value);

        if (holder->pid == 0)
                return -ENOENT;
        pidfd = pidfd_open_process(holder->pid);
        if (pidfd < 0)
                return pidfd;
        number = find_descriptor(holder->pid, holder->socket.inode);
        if (number < 0)
                return number;
        fd = (int) syscall(SYS_pidfd_getfd, pidfd, number, 0);
        if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, &size) < 0)
                return -errno;
        return value != 0;
}

typedef struct UnitPorts {
        PortHolderList list;
        const char *control_group;
} UnitPorts;

static bool is_of_unit(const UnitPorts *ports, const PortHolder *holder) {
        /* not what leaves IPv4 free: the unit would wait for another's, which is not in its way */
        return is_within(holder->cgroup, ports->control_group) && port_address_tells(&holder->socket);
}

/* Most servers set it. Where that cannot be told: rather a start that fails once, and is tried again, than
 * one that waits for a minute each time. */
static int look_for_reuse(void *userdata, void *answer) {
        const UnitPorts *ports = userdata;
        bool *reuse = answer;

        *reuse = true;
        for (size_t i = 0; i < ports->list.n; i++)
                if (is_of_unit(ports, &ports->list.items[i]) && get_reuse(&ports->list.items[i]) == 0)
                        *reuse = false;
        return 0;
}

/* By the time that a socket of somebody else's is copied, its number may be that of a file in a file system
 * of his own, and to close that can take for ever: root has it done by a process that is given up. */
static bool get_reuse_of_all(UnitPorts *ports) {
        bool reuse = true;

        if (geteuid() != 0)
                (void) look_for_reuse(ports, &reuse);
        else if (ask_as(0, look_for_reuse, ports, REUSE_PATIENCE, &reuse, sizeof(reuse)) < 0)
                reuse = true;
        return reuse;
}

int unit_ports_find(const char *control_group, pid_t main_pid, DropIn *drop_in) {
        UnitPorts ports = { .control_group = control_group };
        _cleanup_close_ int proc = -1;
        DropIn found = *drop_in;
        int r;

        proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (proc < 0)
                return -errno;
        r = port_holders_get_or_of(proc, TCP_STATE(TCP_LISTEN), geteuid(), main_pid, &ports.list);
        if (r < 0)
                return r;
        found.n_ports = 0;
        for (size_t i = 0; i < ports.list.n; i++) {
                PortAddress port;

                if (!is_of_unit(&ports, &ports.list.items[i]))
                        continue;
                port = port_address_of(&ports.list.items[i].socket);
                (void) drop_in_add_port(&found, &port);
        }
        found.reuse = get_reuse_of_all(&ports);
        port_holder_list_done(&ports.list);
        *drop_in = found;
        return 0;
}
