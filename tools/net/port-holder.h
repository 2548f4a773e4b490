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
        pid_t pid;          /* 0: no process that the caller may look into has it open */
        uint64_t starttime; /* of the process, clock ticks since boot; 0 with pid 0 */
        char comm[32];      /* of the process; "" with pid 0; may hold any byte but NUL */
        /* the place of the process ("user:NAME", "system:NAME", "session", "job", as source_to_string()), or
         * with pid 0 of the cgroup the socket was made in, if that still exists; "" if not known */
        char source[JOB_RECORD_SOURCE_MAX];
        char cgroup[512]; /* that cgroup's path, "/...", of any bytes; "" if not known */
} PortHolder;

typedef struct PortHolderList {
        PortHolder *items;
        size_t n;
} PortHolderList;

void port_holder_list_done(PortHolderList *list);

/* One entry for each socket in STATES (see socket_diag_get()) on PORT (0: any) and each visible process that
 * has it open; a socket without such a process comes once, with pid 0; those that no process can have any
 * more (inode 0, as in TCP_TIME_WAIT) come once for each port and state, however many there are. A process
 * that has ended, or was not the same throughout, is not told; what its threads have open in tables of their
 * own is not seen. Returns 0 or what socket_diag_get() returns; -ENOMEM; -E2BIG for more entries than
 * PORT_HOLDERS_MAX. */
#define PORT_HOLDERS_MAX (64 * 1024)
int port_holders_get(int proc_fd, uint32_t states, uint16_t port, PortHolderList *ret);

/* The same, only of sockets that FILTER is true for (some ports, one user's): with PORT 0 every user of the
 * host can otherwise make the list as long as it likes, or too long. */
int port_holders_get_if(int proc_fd, uint32_t states, uint16_t port, tcp_socket_filter_t filter,
                        const void *userdata, PortHolderList *ret);

/* The same, only of sockets that user UID made (UID_NONE: anybody). */
int port_holders_get_of(int proc_fd, uint32_t states, uint16_t port, uid_t uid, PortHolderList *ret);

/* Everybody's on any port, or, where those are too many to be looked at, which any user can bring about, only
 * the sockets that UID or the user of process PID (0: none) made: those of others that matter are found by
 * their ports. */
int port_holders_get_or_of(int proc_fd, uint32_t states, uid_t uid, pid_t pid, PortHolderList *ret);

/* Anybody's socket in STATES on PORT; one is enough. */
int port_holders_find(int proc_fd, uint32_t states, uint16_t port, PortHolderList *ret);

/* The part of it that is not the kernel's: SOCKETS, joined with what is below PROC_FD and CGROUP_FD (-1: no
 * cgroups are looked for), which a test can make up. */
int port_holders_join(int proc_fd, int cgroup_fd, const TcpSocketList *sockets, PortHolderList *ret);

/* "PID 17 (node) of user alice in user:gateway.service", "a connection in TIME_WAIT", "user bob in
 * system:x.service", "user 1001": the most that is known, for people; printable. TEXT of SIZE bytes. */
void port_holder_text(const PortHolder *holder, char *text, size_t size);

/* "LISTEN", "TIME_WAIT", ...; "BOUND" for TCP_CLOSE, which is in no list otherwise. */
const char *tcp_state_to_string(uint8_t state);
