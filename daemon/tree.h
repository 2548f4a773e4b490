/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* All descendants of some processes, none left behind.
 *
 * A process that forks and exits while it is looked for leaves a child whose parent is a subreaper, and
 * nothing tells any more whose child it was. So the cgroups that members of the tree are in are frozen (for
 * milliseconds) before it is looked at, and again where a member turns up in another one, until nothing new
 * is found. */

#include <stddef.h>
#include <systemd/sd-event.h>

#include "daemon/target.h"
#include "lib/cleanup.h"

/* A growing set of targets. */
typedef struct Targets {
        Target *items;
        size_t n;
        size_t max; /* -E2BIG beyond */
} Targets;

void targets_done(Targets *targets);

/* Takes over PIDFD (also on failure). A process that is in the set already is not added again. */
int targets_add(const Kernel *kernel, Targets *targets, int pidfd);

/* Adds every descendant that is there now. Returns how many were added, or a negative errno. */
int targets_add_descendants(const Kernel *kernel, Targets *targets);

/* Whether a process may be moved as far as is known; a tree of which one may not be moved is given up before
 * its cgroup is frozen. Returns 0 or a negative errno, which is passed on. */
typedef int (*tree_may_t)(const Target *target, void *userdata);
/* After each step, with the processor time (microseconds) that it took: what is to be paid for, see connection_charge(). */
typedef void (*tree_charge_t)(uint64_t usec, void *userdata);
/* ERROR: 0, TARGETS is complete and everything in it is frozen until the scan is freed; -EBUSY: something
 * would not freeze, or more was found again and again, for a second and a millisecond for each process; -E2BIG; what MAY
 * returned, or another negative errno. */
typedef void (*tree_ready_t)(int error, void *userdata);

typedef struct TreeScan TreeScan;
/* JOURNAL_FD: see thaw-journal.h. READY is called later, never from within. */
int tree_scan_new(sd_event *event, const Kernel *kernel, int journal_fd, Targets *targets, tree_may_t may,
                  tree_charge_t charge, tree_ready_t ready, void *userdata, TreeScan **ret);
TreeScan *tree_scan_free(TreeScan *scan); /* thaws */
DEFINE_CLEANUP(TreeScan, tree_scan_free)
