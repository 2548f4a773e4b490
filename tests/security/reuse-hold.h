/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Holds the daemon, by ptrace(2), at the very system calls between which a number can change hands. */

#include <sys/types.h>

typedef enum HoldPoint {
        HOLD_BEFORE_WRITE, /* NUMBER is about to be written to cgroup.procs */
        HOLD_AFTER_WRITE,  /* it has been */
        HOLD_AFTER_LIST,   /* the members of a group have been read; NUMBER is 0 */
} HoldPoint;

/* PATH: of the cgroup.procs. The daemon stands still meanwhile. */
typedef void (*hold_each_t)(HoldPoint point, pid_t number, const char *path, void *userdata);

/* From here on each system call of PID stops. SIGCHLD is blocked, and must be before the first child. */
void hold_begin(pid_t pid);
/* Lets PID go on, with a call of EACH at each point, until ANSWER_FD can be read. */
void hold_run(pid_t pid, int answer_fd, hold_each_t each, void *userdata);
void hold_end(pid_t pid);
