/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Inside of job: the set's tables (job.c), and how a job ends (job-end.c). */

#include "daemon/job.h"

struct JobUser {
        LIST_ENTRY(JobUser) users;
        LIST_HEAD(JobList, Job) jobs;
        uid_t uid;
        unsigned n_jobs;
};

/* A pool in which not every group could be taken over: the rest is, later. */
typedef struct HalfFound {
        SLIST_ENTRY(HalfFound) halves;
        Pool *pool; /* held */
} HalfFound;

struct JobSet {
        sd_event *event;
        const Kernel *kernel;
        const Settings *settings;
        JobStore *store;
        JobListener listener;
        int inotify_fd; /* -1: there are too many already; tried again with the first job, and later */
        sd_event_source *inotify;
        sd_event_source *again; /* see job_look_again() */
        bool is_blind;          /* the last watch was not to be had, which has been said */
        SLIST_HEAD(HalfFoundList, HalfFound) half_found;
        void *by_id;    /* tsearch(3) trees of Job */
        void *by_watch;
        LIST_HEAD(JobUserList, JobUser) users; /* as many as there are pools: few */
        unsigned n_jobs;
};

uint64_t job_now(void); /* CLOCK_REALTIME, microseconds */

int job_watches_init(JobSet *set);
void job_watches_done(JobSet *set);

/* Watches the group of JOB, or has it looked at again where no watch is to be had. Returns 0 or, if there is
 * no group, a negative errno. */
int job_watch(Job *job);
void job_unwatch(Job *job);

/* Has JOB looked at, and what it lacks done, in a second or a little more. Cannot fail. */
void job_look_again(Job *job);

/* Takes the job out of all tables; its group is another matter. */
void job_unlink(Job *job);
void job_free(Job *job);

/* If its runtime limit has passed: to end it has been given up, and is tried again later. */
void job_runtime_again(Job *job);

/* Writes the record to the group FD. */
int job_save(const Job *job, int fd);

/* RECORD: NULL if the set is freed. */
void job_tell_waiters(Job *job, const JobRecord *record);
