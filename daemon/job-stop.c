/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "daemon/cgroup.h"
#include "daemon/job-private.h"
#include "daemon/job-stop.h"
#include "daemon/log.h"
#include "lib/pidfd.h"
#include "lib/proc.h"
#include "lib/protocol.h"
#include "lib/values.h"

#define KILL_TIMEOUT (10 * USEC_PER_SEC) /* a process that does not die of SIGKILL by then waits for a dead disk */

struct JobStop {
        Job *job;
        JobReach reach;
        sd_event_source *timer;
        bool killing;
        uint64_t kill_until; /* CLOCK_MONOTONIC; 0: no SIGKILL yet, or for want of descriptors or memory none now */
        uint64_t interval;   /* until the next round */
        unsigned n_reached;  /* by the round before */
        job_stop_given_up_t given_up;
        void *userdata;
};

typedef struct Sweep {
        const Job *job;
        const Kernel *kernel;
        JobReach reach;
        int sig;
        int error; /* why one could not be signalled */
        JobSignalled result;
} Sweep;

/* The number came from cgroup.procs a moment ago; now that a pidfd is held, see whether it still means a
 * member. Returns 1, 0, or a negative errno. */
static int is_member(const Sweep *sweep, pid_t pid) {
        _cleanup_free_ char *path = NULL;
        Source source;
        bool deleted;
        int r;

        r = proc_get_cgroup(sweep->kernel->proc_fd, pid, &path, &deleted);
        if (r < 0)
                return r == -ESRCH ? 0 : r;

        source_from_cgroup_path(path, &source);
        return source.kind == SOURCE_JOB && source.job == sweep->job->record->id;
}

static int is_reached(const Sweep *sweep, pid_t pid) {
        ProcStatus status;
        int r;

        if (sweep->reach == JOB_REACH_EVERYONE)
                return 1;
        r = proc_get_status(sweep->kernel->proc_fd, pid, &status);
        return r < 0 ? r : proc_status_is_of(&status, sweep->job->record->uid);
}

static int signal_one(Sweep *sweep, pid_t pid) {
        _cleanup_close_ int pidfd = -1;
        int r;

        pidfd = pidfd_open_process(pid);
        if (pidfd < 0)
                return pidfd;
        r = is_member(sweep, pid);
        if (r <= 0)
                return r;
        r = is_reached(sweep, pid);
        if (!pidfd_is_alive(pidfd) || r < 0)
                return r;

        if (r == 0) {
                sweep->result.left++;
                return 0;
        }
        r = pidfd_kill(pidfd, sweep->sig);
        if (r >= 0)
                sweep->result.signalled++;
        return r;
}

static int signal_each(pid_t pid, void *userdata) {
        Sweep *sweep = userdata;
        int r;

        r = signal_one(sweep, pid);
        if (r < 0 && r != -ESRCH)
                sweep->error = r;
        return 0;
}

int job_signal(Job *job, JobReach reach, int sig, JobSignalled *ret) {
        Sweep sweep = { .job = job, .kernel = job_set_kernel(job->set), .reach = reach, .sig = sig };
        _cleanup_close_ int fd = -1;
        int r;

        r = job_open(job, &fd);
        if (r >= 0)
                r = cgroup_each_process(fd, signal_each, &sweep);
        if (r >= 0 && sweep.result.signalled == 0)
                r = sweep.error;
        if (r < 0)
                return r;

        *ret = sweep.result;
        return 0;
}

/* What cannot be thawed now is thawed later: nobody stays in ice. */
static void freeze(Job *job, bool on) {
        _cleanup_close_ int fd = -1;
        int r;

        r = job_open(job, &fd);
        if (r >= 0)
                r = cgroup_freeze(fd, on);
        if (r < 0 && r != -ENOENT && r != -ENODEV && !on) {
                job->must_thaw = true;
                job_look_again(job);
        }
}

/* The record says that a stop is under way before anybody feels it: a daemon that is started meanwhile goes
 * on with it. That it cannot be written is no reason to let the job go on. */
static void keep(const Job *job) {
        _cleanup_close_ int fd = -1;

        if (job_open(job, &fd) >= 0)
                (void) job_save(job, fd);
}

static void forget(Job *job) {
        job->stop = job_stop_free(job->stop);
        job->record->stop_reach = JOB_REACH_NOBODY;
        job->record->stop_kill_at = 0;
}

static void give_up(JobStop *stop, unsigned left) {
        Job *job = stop->job;
        job_stop_given_up_t given_up = stop->given_up;
        void *userdata = stop->userdata;

        forget(job);
        if (given_up)
                given_up(job, left, userdata);
        keep(job);
        job_runtime_again(job);
}

uint64_t job_stop_next_interval(uint64_t interval, unsigned n_before, unsigned n_reached) {
        if (interval == 0)
                return JOB_KILL_INTERVAL_MIN;
        if (n_reached < n_before / 2)
                return interval;
        return interval < JOB_KILL_INTERVAL_MAX / 2 ? interval * 2 : JOB_KILL_INTERVAL_MAX;
}

static bool is_want(int error) {
        return error == -EMFILE || error == -ENFILE || error == -ENOMEM;
}

/* Whom it reached is not told. It does not reach a process whose first thread has ended, which has to be killed by itself; in
 * ice, so that a process that forks faster than we kill can't outrun us. */
static int kill_everyone(const JobStop *stop, JobSignalled *ret) {
        _cleanup_close_ int fd = -1;
        int r;

        r = job_open(stop->job, &fd);
        if (r >= 0) {
                freeze(stop->job, true);
                r = cgroup_kill(fd);
                if (r >= 0)
                        r = job_signal(stop->job, stop->reach, SIGKILL, ret);
                freeze(stop->job, false);
        }
        ret->signalled = 1;
        return r;
}

/* By the clock: a round takes its time itself, where there are many processes. */
static bool kill_time_is_up(JobStop *stop) {
        uint64_t now;

        if (sd_event_now(job_set_event(stop->job->set), CLOCK_MONOTONIC, &now) < 0)
                return false;
        if (stop->kill_until == 0)
                stop->kill_until = now + KILL_TIMEOUT;
        return now >= stop->kill_until;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        JobStop *stop = userdata;
        Job *job = stop->job;
        JobSignalled result = {};
        int r;

        if (!stop->killing) {
                stop->killing = true;
                if (stop->reach == JOB_REACH_OWNER) /* for as long as it takes, see kill_everyone() */
                        freeze(job, true);
        }
        if (kill_time_is_up(stop)) {
                log_failure(job->record, "Processes of job %llu do not end on SIGKILL",
                            (unsigned long long) job->record->id);
                give_up(stop, 0);
                return 0;
        }

        r = stop->reach == JOB_REACH_EVERYONE ? kill_everyone(stop, &result)
                                              : job_signal(job, stop->reach, SIGKILL, &result);
        if (is_want(r))
                stop->kill_until = 0; /* they had no time to end of it. Of any other error: it is ending */
        if (result.signalled == 0 && result.left > 0) {
                give_up(stop, result.left);
                return 0;
        }
        stop->interval = job_stop_next_interval(stop->interval, stop->n_reached, result.signalled);
        stop->n_reached = result.signalled;
        (void) sd_event_source_set_time_relative(stop->timer, stop->interval);
        (void) sd_event_source_set_enabled(stop->timer, SD_EVENT_ONESHOT);
        return 0;
}

static int stop_new(Job *job, JobReach reach, uint64_t wait, JobStop **ret) {
        JobStop *stop;
        int r;

        stop = calloc(1, sizeof(*stop));
        if (!stop)
                return -ENOMEM;

        *stop = (JobStop) { .job = job, .reach = reach };
        r = sd_event_add_time_relative(job_set_event(job->set), &stop->timer, CLOCK_MONOTONIC, wait, 0, on_timer,
                                       stop);
        if (r < 0) {
                free(stop);
                return r;
        }

        *ret = stop;
        return 0;
}

/* Whom it reaches, and when it comes to SIGKILL, as the record says it. */
static void set_reach(Job *job, JobReach reach, int first_signal, const char *result) {
        JobRecord *record = job->record;
        uint64_t kill_at = job_now() + (first_signal == SIGKILL ? 0 : JOB_STOP_TIMEOUT);

        if (record->stop_reach == JOB_REACH_NOBODY || kill_at < record->stop_kill_at)
                record->stop_kill_at = kill_at;
        if (record->stop_reach != JOB_REACH_EVERYONE)
                record->stop_reach = reach;
        if (!record->stop_result)
                record->stop_result = result;
        keep(job);
        if (record->stop_reach == job->stop->reach)
                return;

        /* what was tried, and for how long, was not this */
        job->stop->reach = record->stop_reach;
        job->stop->kill_until = job->stop->interval = job->stop->n_reached = 0;
        freeze(job, false);
}

/* It has not begun after all. */
static void take_back(Job *job, const char *result_before) {
        job->record->stop_result = result_before;
        forget(job);
        keep(job);
}

int job_stop_begin(Job *job, JobReach reach, int first_signal, const char *result, job_stop_given_up_t given_up,
                   void *userdata) {
        const char *result_before = job->record->stop_result;
        bool is_new = !job->stop;
        JobSignalled signalled;
        int r;

        if (is_new) {
                r = stop_new(job, reach, JOB_STOP_TIMEOUT, &job->stop);
                if (r < 0)
                        return r;
        }
        set_reach(job, reach, first_signal, result);
        if (given_up) {
                job->stop->given_up = given_up;
                job->stop->userdata = userdata;
        }

        if (first_signal == SIGKILL)
                return sd_event_source_set_time_relative(job->stop->timer, 0);

        r = job_signal(job, job->stop->reach, first_signal, &signalled);
        if (r < 0 && r != -ENOENT && r != -ENODEV && is_new)
                take_back(job, result_before); /* nobody is ended without having been asked to */
        if (r < 0)
                return r;
        /* nothing to wait for, the timer finds out what remains */
        return signalled.signalled == 0 ? sd_event_source_set_time_relative(job->stop->timer, 0) : 0;
}

int job_kill(Job *job, JobReach reach, JobSignalled *ret) {
        const char *result_before = job->record->stop_result;
        bool is_new = !job->stop;
        int r;

        r = job_stop_begin(job, reach, SIGKILL, CGMOVE_RESULT_KILLED, NULL, NULL);
        if (r < 0)
                return r;
        r = job_signal(job, reach, SIGKILL, ret);
        if (is_new && (r < 0 || ret->signalled == 0))
                take_back(job, result_before);
        return r;
}

int job_stop_resume(Job *job, bool frozen) {
        uint64_t now = job_now(), kill_at = job->record->stop_kill_at, wait;
        JobSignalled signalled;
        int r;

        /* the clock may have been put back since */
        wait = frozen || kill_at <= now ? 0 : kill_at - now;
        if (wait > JOB_STOP_TIMEOUT)
                wait = JOB_STOP_TIMEOUT;
        r = stop_new(job, job->record->stop_reach, wait, &job->stop);
        if (r < 0) {
                if (frozen)
                        freeze(job, false); /* nobody else would */
                return r;
        }

        job->stop->killing = frozen;
        if (job->stop->reach == JOB_REACH_EVERYONE)
                freeze(job, false);
        /* whether they were asked already is not known; to be asked twice is better than never */
        if (wait > 0)
                (void) job_signal(job, job->stop->reach, SIGTERM, &signalled);
        return 0;
}

JobStop *job_stop_free(JobStop *stop) {
        if (!stop)
                return NULL;

        if (stop->killing && stop->reach == JOB_REACH_OWNER)
                freeze(stop->job, false);
        (void) sd_event_source_disable_unref(stop->timer);
        free(stop);
        return NULL;
}
