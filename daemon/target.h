/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A process that is to be moved, and the facts about it. A pidfd is held over everything that is decided
 * about it. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/kernel.h"
#include "lib/proc.h"
#include "lib/source.h"

typedef enum Knowledge { UNKNOWN, NO, YES } Knowledge;

typedef struct Target {
        int pidfd;
        pid_t pid;
        pid_t ppid;
        ProcStatus status;
        uint64_t n_threads;
        bool kernel_thread;
        bool leader_ended;      /* its first thread has ended, and others of its threads have not */
        char *cgroup;           /* its path */
        int cgroup_fd;          /* that directory; -1 if it is gone */
        bool gone;              /* the group is being removed, or has a name that says so */
        Source source;
        bool frozen;            /* the source is frozen */
        bool passed_over;       /* refused for another reason, so that its manager need not be asked: see main-process.h */
        Knowledge unit_process; /* whether it is the main or control process of its unit, as its manager says */
        bool written;           /* to the group of a job, by move_into_job() */
        Knowledge sandbox_lost; /* whether a cgroup BPF program would not be effective at the destination */
        const char *sandbox;    /* of what kind */
} Target;

#define TARGET_INIT { .pidfd = -1, .cgroup_fd = -1 }

/* Reads the facts of the process behind PIDFD, which is the target's from then on (also on failure).
 * Returns 0; -EBADF if it is no pidfd, or one of a thread; -ESRCH if the process has ended or can't be seen from here. */
int target_read(const Kernel *kernel, int pidfd, Target *ret);

/* Reads them again. Returns 0, or 1 if what was decided on is not so any more: user ids or cgroup differ;
 * -ESRCH. */
int target_check(const Kernel *kernel, Target *target);

/* The name of the process (comm), for display; plain (text.h). Not its command line: that lies in its own
 * memory, and whoever reads there waits for its mmap_lock, which a process can hold for as long as it likes
 * with a file system of its own (FUSE, in a user namespace). Returns 0 or a negative errno; the caller frees
 * *ret. */
int target_get_name(const Kernel *kernel, const Target *target, char **ret);

void target_done(Target *target);
