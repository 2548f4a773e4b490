/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A /proc, a cgroup tree and pidfds that the daemon takes for the kernel's. They lie in a temporary folder: ordinary files, which
 * the daemon's own code reads, and which are kept in step with each other here. What only a kernel can do (a migration, the end of
 * all that is in a group, what a pidfd says) stands in for the daemon's own function of that name; the linker puts it there
 * (--wrap), so that nothing of it is in the daemon.
 *
 * It is the judge, too: whatever the daemon does to a process or a group that it must not do ends the program. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/kernel.h"

/* Users that no machine has: managers of theirs are asked over their sockets. */
#define FALSE_ALICE 2111000001U
#define FALSE_BOB 2111000002U

#define FALSE_PATH_MAX 256

typedef struct FalseProcess {
        pid_t pid; /* 0: it has never been, or is reaped */
        pid_t ppid;
        uid_t uid[3]; /* real, effective, saved */
        char group[FALSE_PATH_MAX];
        char source[FALSE_PATH_MAX]; /* where it was before it was moved; empty: it was not */
        unsigned n_threads;
        bool kernel_thread, zombie;
        bool exec_suid;  /* it executes a set-uid program in the middle of the next move */
        bool dies;       /* it ends in the middle of it */
        bool taken_over; /* and then its number is another user's */
} FalseProcess;

#define FALSE_PROCESSES 24
extern FalseProcess false_processes[FALSE_PROCESSES];
extern int false_tree_fd;
extern char false_folder[FALSE_PATH_MAX]; /* has "conf", "state", "run" for the daemon */

extern bool false_root_asks; /* root was let in: he may move what nobody else may */

/* Once. */
void false_kernel_new(void);
/* All as it was in the beginning. */
void false_kernel_reset(void);

/* Nobody has left a group frozen that was not. */
void false_kernel_check(void);

FalseProcess *false_process_find(pid_t pid);
/* COMMAND is what stands in its "cmdline", with NULs. Returns NULL if there is no room. */
FalseProcess *false_process_start(pid_t ppid, uid_t uid, const char *group, const void *command,
                                  size_t size);
/* It has ended; with REAP its number is free, too. */
void false_process_end(FalseProcess *process, bool reap);
void false_process_become(FalseProcess *process, uid_t real, uid_t effective);
void false_process_go(FalseProcess *process, const char *group);
/* Every process of any job ends. */
void false_jobs_end(void);
/* A descriptor that counts as the pidfd of PROCESS, also when its number means another one. */
int false_pidfd_open(const FalseProcess *process);

/* Makes the group of a job as an earlier daemon might have left it, with any text for its record. */
void false_job_leave(uid_t uid, uint64_t id, const void *record, size_t size, bool frozen);
/* The administrator stops the pool of UID. */
void false_pool_stop(uid_t uid);

unsigned false_n_fds(void); /* that are open */
