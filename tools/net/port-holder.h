/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Who holds TCP ports: sockets, joined with the processes that have them open.
 *
 * A left-over child that inherited a listening socket has the same socket, inode and cgroup id as its
 * parent: only /proc/PID/fd tells them apart, hence one entry for each pair of a socket and a process. */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/job-record.h"
#include "tools/net/socket-diag.h"

typedef struct PortHolder {
        TcpSocket socket;
        pid_t pid;               /* 0: no process that the caller may look into has it open */
        uint64_t starttime;      /* of the process, clock ticks since boot; 0 with pid 0 */
        char comm[32];           /* of the process; "" with pid 0; may hold any byte but NUL */
        /* the place of the process ("user:NAME", "system:NAME", "session", "job", as source_to_string()), or
         * with pid 0 of the cgroup the socket was made in, if that still exists; "" if not known */
        char source[JOB_RECORD_SOURCE_MAX];
        char cgroup[512];        /* that cgroup's path, "/..."; "" if not known */
} PortHolder;

typedef struct PortHolderList {
        PortHolder *items;
        size_t n;
} PortHolderList;

void port_holder_list_done(PortHolderList *list);

/* One entry for each socket in STATES (see socket_diag_get()) on PORT (0: any) and each visible process that
 * has it open; a socket without such a process comes once, with pid 0. Returns 0 or what socket_diag_get()
 * returns, -ENOMEM. */
int port_holders_get(int proc_fd, uint32_t states, uint16_t port, PortHolderList *ret);

/* "PID 17 (node) of user alice in user:gateway.service", "a connection in TIME_WAIT", "user 1001, in
 * system:x.service": the most that is known, for people; printable. TEXT of SIZE bytes. */
void port_holder_text(const PortHolder *holder, char *text, size_t size);
