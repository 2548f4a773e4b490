/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Live jobs: the cgroups job-N below the pools. A job begins when a move is thawed (or when it is found
 * again at daemon start) and ends when its cgroup has no process left; then its result goes to the store and
 * it is gone. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <systemd/sd-event.h>

#include "daemon/job-store.h"
#include "daemon/kernel.h"
#include "daemon/pool.h"
#include "lib/job-record.h"
#include "lib/settings.h"

typedef struct Job Job;
typedef struct JobSet JobSet;
typedef struct JobStop JobStop;
typedef struct JobUser JobUser;
typedef struct JobWaiter JobWaiter;

#define JOB_GROUP_NAME_MAX 32 /* "job-" and 20 digits */

struct Job {
        LIST_ENTRY(Job) of_user;
        LIST_HEAD(JobWaiterList, JobWaiter) waiters;
        JobSet *set;
        JobUser *user; /* whose job it is; of the set */
        Pool *pool; /* held */
        JobRecord *record;
        JobStop *stop; /* ending it is under way; see job-stop.h */
        sd_event_source *timer; /* its runtime limit; once it has ended, the next try to keep its result */
        unsigned n_unkept;      /* it has ended, and so often its result could not be written */
        pid_t leader;           /* see job_set_leader(); 0: not known */
        uint64_t leader_start;
        bool must_look; /* something could not be done for want of memory or descriptors; see job_look_again() */
        bool must_thaw; /* that was the end of its ice */
        int watch;      /* inotify, on cgroup.events; -1: nobody tells when it ends, so it is looked at again and again */
};

/* Told once when the job has ended, or when the set is freed (RECORD is NULL then). Whoever embeds it
 * removes it from the list with job_waiter_cancel() if he goes first. */
struct JobWaiter {
        LIST_ENTRY(JobWaiter) of_job;
        void (*ended)(JobWaiter *waiter, const JobRecord *record);
        Job *job;
};

void job_waiter_add(JobWaiter *waiter, Job *job, void (*ended)(JobWaiter *waiter, const JobRecord *record));
void job_waiter_cancel(JobWaiter *waiter);

/* What else wants to know of every job. */
typedef struct JobListener {
        void (*added)(const Job *job, void *userdata);
        void (*ended)(const JobRecord *record, void *userdata);
        void *userdata;
} JobListener;

/* All pointers must outlive the set. */
int job_set_new(sd_event *event, const Kernel *kernel, const Settings *settings, JobStore *store,
                const JobListener *listener, JobSet **ret);
JobSet *job_set_free(JobSet *set); /* ends no job */
DEFINE_CLEANUP(JobSet, job_set_free)

sd_event *job_set_event(JobSet *set);
const Kernel *job_set_kernel(JobSet *set);

/* Takes over RECORD (also on failure): a job whose group exists in POOL. Watches it and starts its runtime
 * limit. Where it cannot be watched (inotify is used up) it is looked at again and again. Returns 0, -ENOENT
 * or -ENODEV without a group, -ENOMEM, ... */
int job_set_add(JobSet *set, Pool *pool, JobRecord *record, Job **ret);

Job *job_set_find(JobSet *set, uint64_t id);
unsigned job_set_count(JobSet *set);
unsigned job_set_count_of(JobSet *set, uid_t uid);

/* Calls EACH for the live jobs of UID, or of everybody for UID_NONE, until it returns non-zero, which is
 * passed on. */
typedef int (*job_each_t)(Job *job, void *userdata);
int job_set_each(JobSet *set, uid_t uid, job_each_t each, void *userdata);

/* At daemon start: takes over the groups of POOL. Jobs that ended meanwhile get their result, those that were
 * being stopped are stopped on; a move that was cut off half-way is completed (its group is frozen and
 * populated) or undone (nobody had arrived). Groups that cannot be taken over now are later. Returns 0 or a
 * negative errno. */
int job_set_discover(JobSet *set, Pool *pool);

/* The same for groups that are not known yet, in a second or a little more. Returns 0 or -ENOMEM. */
int job_set_discover_later(JobSet *set, Pool *pool);

/* The name of a job's group below its pool. */
void job_group_name(uint64_t id, char ret[static JOB_GROUP_NAME_MAX]);

/* The reverse; false for any other name. */
bool job_group_name_parse(const char *name, uint64_t *ret_id);

/* The process that JOB was made for, which is in it now. Not kept beyond the daemon. */
void job_set_leader(Job *job, pid_t pid);

/* Whether that process is known, and has ended or left the job; others may still be there. */
bool job_has_lost_leader(const Job *job);

/* Opens its cgroup directory. -ENOENT: it is ending. */
int job_open(const Job *job, int *ret_fd);

/* The status of its command, as its supervisor reports it; kept on the cgroup. -EALREADY if one is known. */
int job_set_status(Job *job, int exit_code, int exit_signal);

/* What is known of its user's login now, as in its record; kept on the cgroup. */
int job_set_login(Job *job, const char *login, bool logged_in);

/* What the job tells of its restart (see job_outcome_is_valid()), in place of what it told before; kept on
 * the cgroup. -EINVAL if it is not valid, or the job is no restart. */
int job_set_outcome(Job *job, const char *outcome);

/* Looks whether the job has ended, and ends it then: JOB may be freed. Called when its cgroup changes. */
void job_check(Job *job);
