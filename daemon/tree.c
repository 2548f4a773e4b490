/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <time.h>

#include "daemon/cgroup.h"
#include "daemon/thaw-journal.h"
#include "daemon/tree.h"
#include "lib/pidfd.h"
#include "lib/proc.h"
#include "lib/values.h"

#define TICK (USEC_PER_SEC / 1000)
#define TIME_MAX USEC_PER_SEC /* for everything to freeze and to be found: a unit stands still meanwhile */
#define TIME_EACH (USEC_PER_SEC / 1000) /* and for each that has been found: it takes a quarter of that, and others run too */
#define GROUPS_MAX 32  /* cgroups one tree may be spread over */

struct TreeScan {
        const Kernel *kernel;
        int journal_fd;
        Targets *targets;
        FrozenGroup *groups[GROUPS_MAX];
        size_t n_groups;
        size_t n_covered; /* targets whose cgroup is in GROUPS */
        uint64_t began; /* CLOCK_MONOTONIC, microseconds; 0: not yet */
        sd_event_source *timer;
        tree_may_t may;
        tree_charge_t charge;
        tree_ready_t ready;
        void *userdata;
};

void targets_done(Targets *targets) {
        for (size_t i = 0; i < targets->n; i++)
                target_done(&targets->items[i]);
        free(targets->items);
        *targets = (Targets) { .max = targets->max };
}

static bool targets_have(const Targets *targets, pid_t pid) {
        for (size_t i = 0; i < targets->n; i++)
                if (targets->items[i].pid == pid)
                        return true;
        return false;
}

static void targets_remove(Targets *targets, size_t i) {
        target_done(&targets->items[i]);
        targets->n--;
        memmove(&targets->items[i], &targets->items[i + 1], (targets->n - i) * sizeof(targets->items[0]));
}

int targets_add(const Kernel *kernel, Targets *targets, int pidfd) {
        Target target, *items;
        int r;

        r = target_read(kernel, pidfd, &target);
        if (r < 0)
                return r;

        if (targets_have(targets, target.pid)) {
                target_done(&target);
                return 0;
        }

        /* room grows by powers of two */
        if (targets->n >= targets->max)
                r = -E2BIG;
        else if ((targets->n & (targets->n - 1)) == 0) {
                items = reallocarray(targets->items, targets->n ? targets->n * 2 : 1, sizeof(*items));
                if (items)
                        targets->items = items;
                else
                        r = -ENOMEM;
        }
        if (r < 0) {
                target_done(&target);
                return r;
        }

        targets->items[targets->n++] = target;
        return 0;
}

/* One look at all processes: who is whose child. */
typedef struct Family {
        struct Child {
                pid_t pid, ppid;
        } * children;
        size_t n, size;
        int proc_fd;
} Family;

static void family_done(Family *family) {
        free(family->children);
}

static int family_add(pid_t pid, void *userdata) {
        Family *family = userdata;
        struct Child *children;
        ProcStat stat;

        if (proc_get_stat(family->proc_fd, pid, &stat) < 0)
                return 0;
        /* one with other threads has not ended */
        if ((stat.state == 'Z' || stat.state == 'X') && stat.n_threads <= 1)
                return 0;

        if (family->n == family->size) {
                family->size = family->size ? family->size * 2 : 256;
                children = reallocarray(family->children, family->size, sizeof(*children));
                if (!children)
                        return -ENOMEM;
                family->children = children;
        }
        family->children[family->n++] = (struct Child) { pid, stat.ppid };
        return 0;
}

/* A child that has ended meanwhile is no matter. */
static int add_child(const Kernel *kernel, Targets *targets, const struct Child *child) {
        Target *added;
        int pidfd, r;

        pidfd = pidfd_open_process(child->pid);
        if (pidfd < 0)
                return pidfd == -ESRCH ? 0 : pidfd;
        r = targets_add(kernel, targets, pidfd);
        if (r < 0)
                return r == -ESRCH ? 0 : r;

        /* the number may be another process's since the look at all */
        added = &targets->items[targets->n - 1];
        if (added->ppid != child->ppid) {
                targets_remove(targets, targets->n - 1);
                return 0;
        }
        return 1;
}

int targets_add_descendants(const Kernel *kernel, Targets *targets) {
        _cleanup_(family_done) Family family = { .proc_fd = kernel->proc_fd };
        size_t before = targets->n;
        int r;

        r = proc_each(kernel->proc_fd, family_add, &family);
        if (r < 0)
                return r;

        /* targets that are added on the way are looked at in turn */
        for (size_t i = 0; i < targets->n; i++)
                for (size_t k = 0; k < family.n; k++) {
                        if (family.children[k].ppid != targets->items[i].pid ||
                            targets_have(targets, family.children[k].pid))
                                continue;
                        r = add_child(kernel, targets, &family.children[k]);
                        if (r < 0)
                                return r;
                }
        return (int) (targets->n - before);
}

static bool scan_covers(const TreeScan *scan, const char *path) {
        for (size_t i = 0; i < scan->n_groups; i++)
                if (strcmp(frozen_group_path(scan->groups[i]), path) == 0)
                        return true;
        return false;
}

/* How many groups up from PATH the first one is that we froze; all of them if there is none. */
static unsigned levels_below_scan(const TreeScan *scan, const char *path) {
        unsigned nearest = UINT_MAX;

        for (size_t i = 0; i < scan->n_groups; i++) {
                const char *above = frozen_group_path(scan->groups[i]);
                size_t n = strlen(above);
                unsigned levels = 0;

                if (strncmp(path, above, n) != 0 || path[n] != '/')
                        continue;
                for (const char *p = path + n; *p; p++)
                        levels += *p == '/';
                if (levels < nearest)
                        nearest = levels;
        }
        return nearest;
}

static uint64_t get_usec(clockid_t clock) {
        struct timespec now;

        (void) clock_gettime(clock, &now);
        return (uint64_t) now.tv_sec * USEC_PER_SEC + (uint64_t) now.tv_nsec / 1000;
}

static bool scan_is_late(const TreeScan *scan) {
        return get_usec(CLOCK_MONOTONIC) >= scan->began + TIME_MAX + scan->targets->n * TIME_EACH;
}

static int freeze_target(TreeScan *scan, Target *target) {
        int r;

        if (scan_covers(scan, target->cgroup)) {
                target->frozen = false; /* by us */
                return scan->may(target, scan->userdata);
        }

        if (!target->gone) { /* by others than us */
                r = cgroup_is_told_to_freeze(target->cgroup_fd, levels_below_scan(scan, target->cgroup),
                                             &target->frozen);
                if (r < 0)
                        return r;
        }
        r = scan->may(target, scan->userdata);
        if (r != 0)
                return r;
        if (scan->n_groups == GROUPS_MAX)
                return -E2BIG;
        r = frozen_group_new(scan->journal_fd, target->cgroup, target->cgroup_fd, &scan->groups[scan->n_groups]);
        if (r < 0)
                return r;
        scan->n_groups++;
        return 0;
}

/* Freezes the cgroups of the targets that have come since the last time. Returns 1, or 0 if one of them has to be waited for:
 * who is killed often loses its first thread before the others, and is then no more. */
static int freeze_new(TreeScan *scan) {
        while (scan->n_covered < scan->targets->n) {
                Target *target = &scan->targets->items[scan->n_covered];
                int r;

                if (target->leader_ended && !pidfd_is_alive(target->pidfd)) {
                        targets_remove(scan->targets, scan->n_covered);
                        continue;
                }
                if (target->leader_ended && !scan_is_late(scan))
                        return 0;
                r = freeze_target(scan, target);
                if (r != 0)
                        return r;
                scan->n_covered++;
        }
        return 1;
}

static int all_frozen(const TreeScan *scan) {
        CgroupEvents events;
        int r;

        for (size_t i = 0; i < scan->n_groups; i++) {
                r = cgroup_get_events(frozen_group_fd(scan->groups[i]), "cgroup.events", &events);
                if (r < 0)
                        return r;
                if (!events.frozen)
                        return 0;
        }
        return 1;
}

/* Returns 1 when the set is complete, 0 to be called again. */
static int scan_step(TreeScan *scan) {
        int r;

        r = freeze_new(scan);
        if (r > 0)
                r = all_frozen(scan);
        if (r <= 0)
                return r;

        r = targets_add_descendants(scan->kernel, scan->targets);
        return r < 0 ? r : r == 0;
}

static int on_tick(sd_event_source *source, uint64_t usec, void *userdata) {
        uint64_t began = get_usec(CLOCK_THREAD_CPUTIME_ID);
        TreeScan *scan = userdata;
        int r;

        if (scan->began == 0)
                scan->began = get_usec(CLOCK_MONOTONIC);
        r = scan_step(scan);
        if (r == 0 && scan_is_late(scan))
                r = -EBUSY;
        scan->charge(get_usec(CLOCK_THREAD_CPUTIME_ID) - began, scan->userdata);
        if (r == 0) {
                r = sd_event_source_set_time_relative(source, TICK);
                if (r >= 0)
                        r = sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
                if (r >= 0)
                        return 0;
        }

        scan->ready(r > 0 ? 0 : r, scan->userdata);
        return 0;
}

int tree_scan_new(sd_event *event, const Kernel *kernel, int journal_fd, Targets *targets, tree_may_t may,
                  tree_charge_t charge, tree_ready_t ready, void *userdata, TreeScan **ret) {
        _cleanup_(tree_scan_freep) TreeScan *scan = NULL;
        int r;

        scan = calloc(1, sizeof(*scan));
        if (!scan)
                return -ENOMEM;

        *scan = (TreeScan) {
                .kernel = kernel,
                .journal_fd = journal_fd,
                .targets = targets,
                .may = may,
                .charge = charge,
                .ready = ready,
                .userdata = userdata,
        };
        r = sd_event_add_time_relative(event, &scan->timer, CLOCK_MONOTONIC, 0, 1, on_tick, scan);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(scan);
        return 0;
}

TreeScan *tree_scan_free(TreeScan *scan) {
        if (!scan)
                return NULL;

        (void) sd_event_source_disable_unref(scan->timer);
        while (scan->n_groups > 0)
                frozen_group_free(scan->groups[--scan->n_groups]);
        free(scan);
        return NULL;
}
