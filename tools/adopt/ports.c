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
#include "tools/net/port-holder.h"

#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

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

int unit_ports_find(const char *control_group, pid_t main_pid, DropIn *drop_in) {
        PortHolderList list = { .n = 0 };
        _cleanup_close_ int proc = -1;
        DropIn found = *drop_in;
        int r;

        proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (proc < 0)
                return -errno;
        r = port_holders_get_or_of(proc, TCP_STATE(TCP_LISTEN), geteuid(), main_pid, &list);
        if (r < 0)
                return r;
        /* Most servers set it. Where that cannot be told: rather a start that fails once, and is tried
         * again, than one that waits for a minute each time. */
        found.n_ports = 0;
        found.reuse = true;
        for (size_t i = 0; i < list.n; i++) {
                const PortHolder *holder = &list.items[i];
                PortAddress port;

                if (!is_within(holder->cgroup, control_group))
                        continue;
                if (!port_address_tells(&holder->socket))
                        continue; /* the unit would wait for another's IPv4, which is not in its way */
                port = port_address_of(&holder->socket);
                (void) drop_in_add_port(&found, &port);
                if (get_reuse(holder) == 0)
                        found.reuse = false;
        }
        port_holder_list_done(&list);
        *drop_in = found;
        return 0;
}
