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

struct JobSet {
        sd_event *event;
        const Kernel *kernel;
        const Settings *settings;
        JobStore *store;
        JobListener listener;
        int inotify_fd;
        sd_event_source *inotify;
        void *by_id;    /* tsearch(3) trees of Job */
        void *by_watch;
        LIST_HEAD(JobUserList, JobUser) users; /* as many as there are pools: few */
        unsigned n_jobs;
};

uint64_t job_now(void); /* CLOCK_REALTIME, microseconds */

/* Takes the job out of all tables; its group is another matter. */
void job_unlink(Job *job);
void job_free(Job *job);

/* Writes the record to the group FD. */
int job_save(const Job *job, int fd);

/* RECORD: NULL if the set is freed. */
void job_tell_waiters(Job *job, const JobRecord *record);
