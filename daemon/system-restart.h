/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Restarts of system units on behalf of jobs: what a job has had PID 1 do, and the daemon's own part in
 * "a unit that was up is up after it": when the job dies without its command having a status, the daemon
 * waits until the unit has settled, and if it was up before the restart and has failed now, it is started
 * once more. Each restart has a mark (restart-mark.h), so that all of this goes on after the daemon was
 * killed; a start that it was killed in is made then. */

#include <systemd/sd-event.h>

#include "daemon/restart-decision.h"
#include "lib/job-record.h"

typedef struct Daemon Daemon;
typedef struct SystemRestarts SystemRestarts;

/* DIR_FD: the folder of marks, taken over (also on failure). The daemon has PID 1 to ask, and has found its
 * jobs; whatever earlier daemons left to be done is begun. Returns 0 or a negative errno. */
int system_restarts_new(Daemon *daemon, int dir_fd, SystemRestarts **ret);
SystemRestarts *system_restarts_free(SystemRestarts *set); /* the marks stay */
DEFINE_CLEANUP(SystemRestarts, system_restarts_free)

/* What JOB has done so far. */
ServiceHistory system_restarts_history(const SystemRestarts *set, uint64_t job);

/* Whether JOB may ask PID 1 something now: 100 times in 5 s. */
bool system_restarts_may_ask(SystemRestarts *restarts, uint64_t job);

/* Has PID 1 do ACT for JOB on SERVICE, as decide_service() allows, and tells DONE how that ended, as
 * systemd_result_t says; it goes on also when nobody wants to be told any more. Returns 0; -EBUSY while an
 * earlier act of that job goes on; another negative errno, and nothing was done. */
int system_restarts_act(SystemRestarts *set, const JobRecord *job, ServiceAct act,
                        const SystemdService *service, systemd_result_t done, void *userdata);
void system_restarts_forget(SystemRestarts *set, void *userdata);

/* Whether such an end of a SERVICE_RESTART means that it was not even begun: somebody has stopped the unit since it was
 * looked at. The job has restarted nothing then. */
bool system_restart_was_none(int error, const char *result);

/* Of every job that has ended. */
void system_restarts_job_ended(SystemRestarts *set, const JobRecord *record);
