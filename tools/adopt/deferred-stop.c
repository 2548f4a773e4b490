/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/adopt/deferred-stop.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "tools/adopt/manager.h"
#include "tools/escape.h"
#include "tools/job.h"
#include "tools/logfile.h"
#include "tools/restart/calling.h"

#define STOP_GIVE_UP (UINT64_C(3) * 1000000)

/* "stop-" and what a job's name can have of UNIT's. */
static void job_name(const char *unit, char ret[static CGMOVE_JOB_NAME_MAX + 1]) {
        static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@._:-";
        size_t n = strlen(unit), suffix = strlen(".service");

        if (n > suffix && strcmp(unit + n - suffix, ".service") == 0)
                n -= suffix;
        (void) snprintf(ret, CGMOVE_JOB_NAME_MAX + 1, "stop-%.*s", (int) n, unit);
        for (char *p = ret; *p; p++)
                if (!strchr(allowed, *p))
                        *p = '_';
}

int deferred_find(Client **client, bool system, const char *unit, Deferred *ret, Failure *failure) {
        char name[CGMOVE_JOB_NAME_MAX + 1], source[sizeof("system:") + UNIT_NAME_MAX];
        _cleanup_(job_list_done) JobList list = { .n = 0 };
        Deferred found = { .stop = 0 };
        int r;

        job_name(unit, name);
        (void) snprintf(source, sizeof(source), "%s:%s", system ? "system" : "user", unit);
        r = job_list_get(client, false, &list, failure);
        if (r != 0)
                return r;
        for (size_t i = 0; i < list.n; i++) {
                const Job *job = &list.jobs[i];

                if (job->uid != getuid() || !job_is_running(job))
                        continue;
                if (strcmp(job->unit, source) == 0)
                        found.restart = job->id;
                /* two units can have the same job's name, and anybody may choose it */
                if (strcmp(job->name, name) == 0 && strcmp(job->source, source) == 0)
                        found.stop = job->id;
        }
        *ret = found;
        return 0;
}

/* By the last of the phases that the job has told. */
static RestartProgress progress_of(const json_t *outcome) {
        static const char *const done[] = { "watching", "stabilising", "healing" };
        const json_t *phases = json_object_get(outcome, "phases");
        size_t n = json_array_size(phases);
        const json_t *phase = n > 0 ? json_array_get(phases, n - 1) : NULL;
        const char *last = json_string_value(json_object_get(phase, "name"));

        for (size_t i = 0; last && i < ELEMENTSOF(done); i++)
                if (strcmp(last, done[i]) == 0)
                        return RESTART_WAS_DONE;
        return last && strcmp(last, "restarting") == 0 ? RESTART_GOES_ON : RESTART_WAITS;
}

int deferred_restart_look(Client **client, uint64_t job, RestartProgress *ret, Failure *failure) {
        json_t *outcome;
        Job found;
        int r;

        r = job_get(client, job, 0, &found, failure);
        if (r != 0)
                return r;
        outcome = job_outcome(&found);
        *ret = progress_of(outcome);
        json_decref(outcome);
        job_done(&found);
        return 0;
}

int deferred_cancel(Client **client, uint64_t job, Failure *failure) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *answer = NULL;
        int r;

        r = client_call_job(client, job, "Stop", CLIENT_TIMEOUT, STOP_GIVE_UP, NULL, &answer, failure);
        return r != 0 && strcmp(failure->code, "NoSuchJob") != 0 ? r : 0;
}

/* Who calls, and which start of the unit it is that shall be stopped: a later one is none of ours. */
static int make_plan(bool system, const char *unit, RestartPlan *plan, char invocation[static 33],
                     Failure *failure) {
        _cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
        _cleanup_(adopt_unit_done) AdoptUnit found = { .id = "" };
        _cleanup_close_ int proc = -1;
        int r;

        proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (proc < 0)
                return failure_errno(failure, errno, "Cannot open /proc");
        *plan = (RestartPlan){ .system = system };
        (void) snprintf(plan->unit, sizeof(plan->unit), "%s", unit);
        calling_note_ancestors(proc, plan);
        r = adopt_manager_open(system, &bus, failure);
        if (r == 0)
                r = adopt_unit_get(bus, unit, &found, failure);
        if (r == 0)
                (void) snprintf(invocation, 33, "%s", found.invocation_id);
        return r;
}

int deferred_stop_start(bool system, const char *unit, uint64_t *ret_job, Failure *failure) {
        char *command[PLAN_ARGUMENTS_MAX + 1] = { (char *) CGMOVE_LIBEXEC_DIR "/cgmove-client" };
        char name[CGMOVE_JOB_NAME_MAX + 1], shown[UNIT_NAME_MAX + 64], log[PATH_MAX], invocation[33];
        Escape escape = {
                .name = name,
                .shown = shown,
                .wait_for_caller = true,
                .command = command,
        };
        EscapeReport report = { .job = 0 };
        _cleanup_free_ char *buffer = NULL;
        RestartPlan plan;
        Progress progress;
        int r;

        r = make_plan(system, unit, &plan, invocation, failure);
        if (r != 0)
                return r;
        job_name(unit, name);
        (void) snprintf(shown, sizeof(shown), "systemctl %s stop %s", system ? "--system" : "--user", unit);
        r = plan_to_arguments(&plan, "stop-job", invocation, command + 1, &buffer);
        if (r < 0)
                return failure_errno(failure, r, "Cannot start the stop");
        if (logfile_directory(log, failure) == 0) /* a stop that cannot tell more is one all the same */
                escape.log_directory = log;
        progress_begin(&progress, true, "starting the stop");
        r = escape_run(&escape, &progress, &report);
        if (r != 0)
                *failure = report.failure;
        else
                *ret_job = report.job;
        return r;
}
