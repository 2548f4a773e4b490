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

/* As it stands in /proc/PID/cgroup of its members. */
static void job_path(const Pool *pool, const JobRecord *record,
                     char ret[static POOL_PATH_MAX + JOB_GROUP_NAME_MAX]) {
        char name[JOB_GROUP_NAME_MAX];

        job_group_name(record->id, name);
        (void) snprintf(ret, POOL_PATH_MAX + JOB_GROUP_NAME_MAX, "%s/%s", pool_path(pool), name);
}

/* Returns 1 if TARGET is not there as it was decided on, 0 if it is. It may have executed a set-uid program before it froze; and
 * a first thread that was about to end stays where it was, while the others have come. */
static int has_changed(const Move *move, const Target *target) {
        char path[POOL_PATH_MAX + JOB_GROUP_NAME_MAX];
        _cleanup_free_ char *cgroup = NULL;
        ProcStatus status;
        bool deleted;
        int r;

        r = proc_get_status(move->kernel->proc_fd, target->pid, &status);
        if (r >= 0)
                r = proc_get_cgroup(move->kernel->proc_fd, target->pid, &cgroup, &deleted);
        if (r < 0)
                return r;

        job_path(move->pool, move->record, path);
        return memcmp(status.uid, target->status.uid, sizeof(status.uid)) != 0 || strcmp(cgroup, path) != 0;
}

/* Writes the number and sees whom it meant. */
static int attach_target(const Move *move, int fd, Target *target, MoveFailure *ret_failure) {
        int r;

        r = move->fresh ? 0 : target_check(move->kernel, target);
        if (r == 0) {
                r = cgroup_attach(fd, target->pid);
                target->written = r >= 0;
        }
        if (r == -ESRCH || (r >= 0 && !pidfd_is_alive(target->pidfd))) {
                *ret_failure = MOVE_GONE;
                return -ESRCH;
        }
        if (r == 0)
                r = has_changed(move, target);
        if (r < 0)
                return r;
        if (r > 0) {
                *ret_failure = MOVE_CHANGED;
                return -EAGAIN;
        }
        return check_source_runs(move, target, ret_failure);
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
        SWEEP_FORKS,  /* what targets forked while they froze goes to that target's source */
        SWEEP_OTHERS, /* the rest is expelled, but for the targets */
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
        } else if (sweep->kind == SWEEP_FORKS && target && !is_target)
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

/* To their own sources; after their forks, or those would look like strangers. Not who is listed in the group, but who was
 * written to it: it lists nobody of a process whose first thread has stayed behind. */
static void send_targets_back(const Move *move) {
        for (size_t i = 0; i < move->n_targets; i++) {
                const Target *target = &move->targets[i];
                ProcStatus status;

                if (target->written && proc_get_status(move->kernel->proc_fd, target->pid, &status) >= 0 &&
                    pidfd_is_alive(target->pidfd))
                        send_back(move, target, target->pid, target->pidfd, &status);
        }
}

/* Returns whether somebody is left in the group: in the middle of his end, or because the group could not be read. It stays
 * as a move that was cut off, with its record and in ice. */
static bool undo(const Move *move, int fd, const char *name) {
        Sweep sweep = { .move = move };
        int r;

        if (move->reserve)
                fd_reserve_release(move->reserve);

        job_path(move->pool, move->record, sweep.path);
        sweep_group(&sweep, fd, SWEEP_OTHERS);
        sweep_group(&sweep, fd, SWEEP_FORKS);
        send_targets_back(move);

        /* who was in the middle of a fork when he arrived stops only behind it: such a child may have come
         * since */
        sweep_group(&sweep, fd, SWEEP_FORKS);
        sweep_group(&sweep, fd, SWEEP_OTHERS);

        r = cgroup_remove(pool_fd(move->pool), name);
        for (unsigned i = 0; i < DYING_TICKS_MAX && r == -EBUSY; i++) {
                (void) poll(NULL, 0, DYING_TICK);
                r = cgroup_remove(pool_fd(move->pool), name);
        }
        return r < 0;
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

/* Once nothing else can fail, for what is refused is to be as it was. */
static void reset_oom_scores(const Move *move) {
        for (size_t i = 0; i < move->n_targets && move->reset_oom_score; i++) {
                int r = reset_oom_score(move, &move->targets[i]);

                if (r < 0)
                        log_failure(move->record, "The oom_score_adj of process %d cannot be reset: %s",
                                    (int) move->targets[i].pid, strerror(-r));
        }
}

static int fill_group(const Move *move, int fd, MoveFailure *ret_failure, size_t *ret_index) {
        _cleanup_close_ int freezer = -1;
        int r = 0;

        for (size_t i = 0; i < move->n_targets && r >= 0; i++) {
                *ret_index = i;
                r = attach_target(move, fd, &move->targets[i], ret_failure);
        }
        if (r >= 0)
                r = check_tasks(move, fd, ret_failure);
        if (r >= 0)
                r = cgroup_open_freezer(fd, &freezer);
        if (r < 0)
                return r;

        reset_oom_scores(move);
        return cgroup_thaw(freezer);
}

int move_into_job(const Move *move, MoveFailure *ret_failure, size_t *ret_index, bool *ret_left) {
        char name[JOB_GROUP_NAME_MAX];
        _cleanup_close_ int fd = -1;
        int r;

        *ret_failure = MOVE_FAILED;
        *ret_index = 0;
        *ret_left = false;
        for (size_t i = 0; i < move->n_targets; i++)
                move->targets[i].written = false;
        job_group_name(move->record->id, name);
        r = move->reserve ? fd_reserve_fill(move->reserve) : 0;
        if (r >= 0)
                r = make_group(move, name, &fd);
        if (r < 0)
                return r;

        r = fill_group(move, fd, ret_failure, ret_index);
        if (r < 0)
                *ret_left = undo(move, fd, name);
        return r < 0 ? r : 0;
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
