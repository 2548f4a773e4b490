/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Ending a job: SIGTERM, time to end, then SIGKILL. A job may hold processes of other users (sudo): its
 * owner reaches only his own processes, each by pidfd; runtime limits and root reach all. */

#include <signal.h>
#include <stdbool.h>
#include <systemd/sd-event.h>

#include "daemon/job.h"

#define JOB_STOP_TIMEOUT (10 * USEC_PER_SEC) /* between SIGTERM and SIGKILL */

/* How many processes of the job were reached by a signal, and how many were left alone. */
typedef struct JobSignalled {
        unsigned signalled;
        unsigned left;
} JobSignalled;

/* Sends SIG once. Returns 0, or a negative errno if it reached nobody for want of a descriptor, say. */
int job_signal(Job *job, JobReach reach, int sig, JobSignalled *ret);

/* Sends SIGKILL, and if that reached anybody goes on until nobody is left whom it may reach: the job ends as
 * CGMOVE_RESULT_KILLED. Returns 0 or a negative errno. */
int job_kill(Job *job, JobReach reach, JobSignalled *ret);

/* Starts to stop JOB, which will end with RESULT (a CGMOVE_RESULT_*). FIRST_SIGNAL is SIGTERM, or SIGKILL to
 * skip the wait. If that is under way already it is only made stricter. GIVEN_UP, if not NULL, is called
 * when all that may be done is done and processes of others remain; the job goes on then. */
typedef void (*job_stop_given_up_t)(Job *job, unsigned left, void *userdata);
int job_stop_begin(Job *job, JobReach reach, int first_signal, const char *result, job_stop_given_up_t given_up,
                   void *userdata);

/* How long to wait between two rounds of SIGKILL, of which the one before reached N_BEFORE processes and this
 * one N_REACHED; INTERVAL was the wait between them, 0 for the first. It doubles, unless there are less than
 * half as many: what does not end by SIGKILL, by whatever its owner does, is not to cost all others the
 * daemon's time. Pure. */
#define JOB_KILL_INTERVAL_MIN (20 * USEC_PER_SEC / 1000)
#define JOB_KILL_INTERVAL_MAX USEC_PER_SEC
uint64_t job_stop_next_interval(uint64_t interval, unsigned n_before, unsigned n_reached);

/* Goes on with the stop that the record of JOB, found again, tells of. FROZEN: it had come to SIGKILL.
 * Returns 0 or a negative errno. */
int job_stop_resume(Job *job, bool frozen);
JobStop *job_stop_free(JobStop *stop);
