/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/cgroup.h"
#include "daemon/log.h"
#include "daemon/move.h"
#include "daemon/pool-room.h"
#include "daemon/pool-tree.h"
#include "daemon/repair.h"
#include "lib/pidfd.h"
#include "lib/proc.h"
#include "lib/values.h"

#define ROUNDS_MAX 64    /* passes over a group until nobody is left to be sent away */
#define ANCESTORS_MAX 64 /* generations of forks that may happen while processes freeze */
#define DYING_TICK 2     /* ms */
#define DYING_TICKS_MAX                                                                                     \
        10 /* for those that were killed; else moves that fail would leave groups behind, one each */

static int set_limit(const Pool *pool, int fd, const char *controller, const char *attribute, uint64_t value,
                     uint64_t unset) {
        if (value == unset || !pool_has_controller(pool, controller))
                return 0;

        return cgroup_write_u64(fd, attribute, value);
}

int move_set_limits(const Pool *pool, int fd, const Limits *limits) {
        int r;

        r = set_limit(pool, fd, "pids", "pids.max", limits->tasks_max, LIMIT_NONE);
        if (r >= 0)
                r = set_limit(pool, fd, "memory", "memory.max", limits->memory_max, LIMIT_NONE);
        if (r >= 0)
                r = set_limit(pool, fd, "cpu", "cpu.weight", limits->cpu_weight, 0);
        return r;
}

/* Everything that can fail for want of memory or disk is done before anybody is moved. */
static int make_group(const Move *move, const char *name, int *ret_fd) {
        _cleanup_free_ char *text = NULL;
        _cleanup_close_ int fd = -1;
        int r;

        r = job_record_encode(move->record, &text);
        if (r < 0)
                return r;

        r = cgroup_create(pool_fd(move->pool), name, &fd);
        if (r < 0)
                return r;

        r = cgroup_freeze(fd, true);
        if (r >= 0)
                r = move_set_limits(move->pool, fd, &move->record->limits);
        if (r >= 0)
                r = cgroup_set_record(fd, text, strlen(text));
        if (r < 0) {
                (void) cgroup_remove(pool_fd(move->pool), name);
                return r;
        }

        *ret_fd = TAKE_FD(fd);
        return 0;
}

/* The directory of /proc stays the process's own: it is opened while the process is known to live, and reads
 * ESRCH once it does not. */
static int reset_oom_score(const Move *move, const Target *target) {
        _cleanup_close_ int dir = -1, file = -1;
        char text[32];
        ssize_t n;

        (void) snprintf(text, sizeof(text), "%d", (int) target->pid);
        dir = openat(move->kernel->proc_fd, text, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (dir < 0)
                return errno == ENOENT ? 0 : -errno;
        if (!pidfd_is_alive(target->pidfd))
                return 0;
        file = openat(dir, "oom_score_adj", O_RDWR | O_CLOEXEC);
        if (file < 0)
                return errno == ENOENT ? 0 : -errno;

        n = read(file, text, sizeof(text) - 1);
        text[n > 0 ? n : 0] = '\0';
        if (atoi(text) <= 0)
                return 0;
        return pwrite(file, "0", 1, 0) < 0 && errno != ESRCH ? -errno : 0;
}

/* Who arrives here has not run yet, so that there is no instant between this look and the move in which the
 * source could be frozen without being seen. A source that is gone holds nobody. */
static int check_source_runs(const Move *move, const Target *target, MoveFailure *ret_failure) {
        bool frozen = false;
        int r;

        if (move->held || target->cgroup_fd < 0)
                return 0;
        r = cgroup_is_told_to_freeze(target->cgroup_fd, UINT_MAX, &frozen);
        if (r < 0 || !frozen)
                return r == -ENODEV ? 0 : r;
        *ret_failure = MOVE_FROZEN;
        return -EAGAIN;
}

/* Writes the number and sees whom it meant. */
static int attach_target(const Move *move, int fd, Target *target, MoveFailure *ret_failure) {
        ProcStatus status;
        int r;

        r = move->fresh ? 0 : target_check(move->kernel, target);
        if (r == 0)
                r = cgroup_attach(fd, target->pid);
        if (r == -ESRCH || (r >= 0 && !pidfd_is_alive(target->pidfd))) {
                *ret_failure = MOVE_GONE;
                return -ESRCH;
        }
        if (r < 0)
                return r;

        /* it may have executed a set-uid program before it froze */
        if (r == 0)
                r = proc_get_status(move->kernel->proc_fd, target->pid, &status);
        if (r < 0)
                return r;
        if (r > 0 || memcmp(status.uid, target->status.uid, sizeof(status.uid)) != 0) {
                *ret_failure = MOVE_CHANGED;
                return -EAGAIN;
        }
        r = check_source_runs(move, target, ret_failure);
        if (r < 0)
                return r;
        return move->reset_oom_score ? reset_oom_score(move, target) : 0;
}

/* As it stands in /proc/PID/cgroup of its members. */
static void job_path(const Pool *pool, const JobRecord *record,
                     char ret[static POOL_PATH_MAX + JOB_GROUP_NAME_MAX]) {
        char name[JOB_GROUP_NAME_MAX];

        job_group_name(record->id, name);
        (void) snprintf(ret, POOL_PATH_MAX + JOB_GROUP_NAME_MAX, "%s/%s", pool_path(pool), name);
}

static const Target *find_target(const Move *move, pid_t pid) {
        for (size_t i = 0; i < move->n_targets; i++)
                if (move->targets[i].pid == pid && pidfd_is_alive(move->targets[i].pidfd))
                        return &move->targets[i];
        return NULL;
}

/* The target that PID is or was forked by, generations back; NULL for one who has come by a reused number.
 */
static const Target *find_ancestor(const Move *move, pid_t pid) {
        const Target *target = NULL;
        ProcStat stat;

        for (unsigned i = 0; i < ANCESTORS_MAX && pid > 1; i++) {
                target = find_target(move, pid);
                if (target || proc_get_stat(move->kernel->proc_fd, pid, &stat) < 0)
                        break;
                pid = stat.ppid;
        }
        return target;
}

/* Whether the process PID of STATUS may have been forked by TARGET: whoever has another user is somebody else, who
 * has come from a place of his own, though he may descend from it (sudo, su). */
static bool is_fork(const Move *move, const Target *target, const ProcStatus *status) {
        ProcStatus now;

        return proc_status_is_of(status, move->record->uid) ||
               (proc_get_status(move->kernel->proc_fd, target->pid, &now) >= 0 &&
                memcmp(status->uid, now.uid, sizeof(now.uid)) == 0);
}

typedef enum SweepKind {
        SWEEP_FORKS, /* what targets forked while they froze goes to that target's source */
        SWEEP_TARGETS, /* targets go to their own source; after their forks, or those would look like strangers */
        SWEEP_OTHERS, /* the rest is expelled */
} SweepKind;

typedef struct Sweep {
        const Move *move;
        SweepKind kind;
        char path[POOL_PATH_MAX + JOB_GROUP_NAME_MAX]; /* of the job's group */
        unsigned n_moved;
        pid_t ended; /* the one who was ended last; he is seen again while he dies */
} Sweep;

static void send_back(const Move *move, const Target *target, pid_t pid, int pidfd,
                      const ProcStatus *status) {
        RepairPlace source = { target->cgroup_fd, target->cgroup, move->record->uid };
        int r = -ENOENT;

        if (target->cgroup_fd >= 0)
                r = repair_send(move->kernel, move->pool, move->record, &source, pid, pidfd);
        /* Its source does not take it back: it was stopped with all that was in it; or the group is the
         * user's own, and he has removed or changed it, which is not to get him a place outside of all jobs.
         * What he could kill himself ends as the unit has. */
        if (r < 0 && r != -ESRCH)
                r = status->uid[0] == move->record->uid
                                    ? pidfd_kill(pidfd, SIGKILL)
                                    : repair_quarantine(move->kernel, move->pool, move->record, pid, pidfd);
        if (r < 0 && r != -ESRCH)
                log_failure(move->record, "Process %d cannot be sent back to %s: %s", (int) pid,
                            target->cgroup, strerror(-r));
}

static int sweep_each(pid_t pid, void *userdata) {
        _cleanup_close_ int pidfd = -1;
        Sweep *sweep = userdata;
        const Target *target;
        ProcStatus status;
        bool is_target;

        pidfd = repair_open_member(sweep->move->kernel, sweep->path, pid, &status);
        if (pidfd < 0)
                return 0; /* has ended; the number is no member's any more */

        target = find_ancestor(sweep->move, pid);
        is_target = target && target->pid == pid;
        if (target && !is_target && !is_fork(sweep->move, target, &status))
                target = NULL;

        if (sweep->kind == SWEEP_OTHERS && !target) {
                if (pid == sweep->ended)
                        return 0;
                if (repair_stranger(sweep->move->kernel, sweep->move->pool, sweep->move->record, sweep->path,
                                    pid) > 0)
                        sweep->ended = pid;
        } else if (target && is_target == (sweep->kind == SWEEP_TARGETS) && sweep->kind != SWEEP_OTHERS)
                send_back(sweep->move, target, pid, pidfd, &status);
        else
                return 0;

        sweep->n_moved++;
        return 0;
}

static void sweep_group(Sweep *sweep, int fd, SweepKind kind) {
        sweep->kind = kind;
        for (unsigned i = 0; i < ROUNDS_MAX; i++) {
                sweep->n_moved = 0;
                if (cgroup_each_process(fd, sweep_each, sweep) < 0 || sweep->n_moved == 0)
                        return;
        }
}

static void undo(const Move *move, int fd, const char *name) {
        Sweep sweep = { .move = move };
        int r;

        if (move->reserve)
                fd_reserve_release(move->reserve);

        job_path(move->pool, move->record, sweep.path);
        sweep_group(&sweep, fd, SWEEP_OTHERS);
        sweep_group(&sweep, fd, SWEEP_FORKS);
        sweep_group(&sweep, fd, SWEEP_TARGETS);

        /* who was in the middle of a fork when he arrived stops only behind it: such a child may have come
         * since */
        sweep_group(&sweep, fd, SWEEP_FORKS);
        sweep_group(&sweep, fd, SWEEP_OTHERS);

        r = cgroup_remove(pool_fd(move->pool), name);
        for (unsigned i = 0; i < DYING_TICKS_MAX && r == -EBUSY; i++) {
                (void) poll(NULL, 0, DYING_TICK);
                r = cgroup_remove(pool_fd(move->pool), name);
        }
        if (r < 0) {
                /* Somebody is dying there still: the group must not look like a job, nor hold anybody in
                 * ice. It is removed when the daemon starts next or the pool stops. */
                (void) cgroup_remove_record(fd);
                (void) cgroup_freeze(fd, false);
        }
}

/* A migration is never refused for pids.max. Since tasks were counted the targets may have made threads, and
 * the user's other jobs may have filled the pool, or those of others the slice of all. In ice the newcomers
 * make no more. */
static int check_tasks(const Move *move, int fd, MoveFailure *ret_failure) {
        uint64_t max = move->record->limits.tasks_max, current;
        RoomFull full;
        int r = 0;

        if (!pool_has_controller(move->pool, "pids"))
                return 0;

        if (max != LIMIT_NONE) {
                r = cgroup_read_u64(fd, "pids.current", &current);
                if (r >= 0)
                        r = current > max;
        }
        if (r == 0 && room_newcomers(move->record->uid, move->targets, move->n_targets) > 0)
                r = room_is_lacking(pool_fd(move->pool), 0, &full);
        if (r <= 0)
                return r;
        *ret_failure = MOVE_GROWN;
        return -EAGAIN;
}

int move_into_job(const Move *move, MoveFailure *ret_failure, size_t *ret_index) {
        char name[JOB_GROUP_NAME_MAX];
        _cleanup_close_ int fd = -1;
        size_t i;
        int r;

        *ret_failure = MOVE_FAILED;
        *ret_index = 0;
        job_group_name(move->record->id, name);
        r = move->reserve ? fd_reserve_fill(move->reserve) : 0;
        if (r >= 0)
                r = make_group(move, name, &fd);
        if (r < 0)
                return r;

        for (i = 0; i < move->n_targets && r >= 0; i++)
                r = attach_target(move, fd, &move->targets[i], ret_failure);
        if (r >= 0)
                r = check_tasks(move, fd, ret_failure);
        if (r >= 0)
                r = cgroup_freeze(fd, false);
        if (r < 0) {
                *ret_index = i > 0 ? i - 1 : 0;
                undo(move, fd, name);
                return r;
        }
        return 0;
}

static int expel_each_stranger(pid_t pid, void *userdata) {
        char path[POOL_PATH_MAX + JOB_GROUP_NAME_MAX];
        const Move *move = userdata;
        ProcStatus status;

        if (proc_get_status(move->kernel->proc_fd, pid, &status) >= 0 &&
            !proc_status_is_of(&status, move->record->uid)) {
                job_path(move->pool, move->record, path);
                (void) repair_stranger(move->kernel, move->pool, move->record, path, pid);
        }
        return 0;
}

int move_complete(const Kernel *kernel, Pool *pool, int fd, const JobRecord *record) {
        Move move = { .kernel = kernel, .pool = pool, .record = record };

        (void) cgroup_each_process(fd, expel_each_stranger, &move);
        return cgroup_freeze(fd, false);
}
