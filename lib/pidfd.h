/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Process descriptors: pidfd_open(2), pidfd_send_signal(2), and the "Pid:" line of /proc/self/fdinfo/FD. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Returns a close-on-exec descriptor; -ESRCH; -EINVAL for a thread that leads no group, and for a PID below
 * 1. */
int pidfd_open_process(pid_t pid);

/* The same for a child of ours; -ESRCH also if it has ended and is reaped, be its number another's by now (children are
 * reaped at once where SIGCHLD is ignored). */
int pidfd_open_child(pid_t pid);

/* The PID in the namespace of PROC_FD's /proc. -EBADF if FD is no pidfd; -ESRCH if its process is reaped or
 * not visible here. */
int pidfd_get_pid(int proc_self_fdinfo_fd, int fd, pid_t *ret);

/* Whether FD is a pidfd by the kernel's own word. Descriptors of other kinds can have a line like a pidfd's in their
 * fdinfo: a dma-buf shows a name there that is its maker's choice. (Of a folder /proc/PID it says so too; that has no
 * such line.) */
bool pidfd_is_genuine(int fd);

/* True until the process has ended (a zombie has). */
bool pidfd_is_alive(int fd);

/* Waits until the process has ended, USEC microseconds at most (UINT64_MAX: for ever), whatever signals come. Returns
 * whether it has. */
bool pidfd_wait(int fd, uint64_t usec);

int pidfd_kill(int fd, int sig);
