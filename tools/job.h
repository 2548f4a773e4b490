/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A job as the daemon tells it: the dictionary of GetJob() and ListJobs(), see org.cgmove1(5). */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

#include "lib/cleanup.h"
#include "tools/client.h"
#include "tools/failure.h"

typedef struct Job {
        sd_bus_message *message; /* holds the strings */
        uint64_t id;
        uint64_t uid;
        uint64_t created; /* CLOCK_REALTIME, microseconds */
        uint64_t ended;   /* 0: it runs */
        uint64_t status_known;
        uint64_t exit_code;
        uint64_t exit_signal;
        uint64_t tasks_max, memory_max, runtime_max; /* UINT64_MAX: none */
        uint64_t cpu_weight;                         /* 0: default */
        uint64_t tasks, memory_current, cpu_usage;   /* UINT64_MAX: not known */
        uint64_t log_max;                            /* bytes; UINT64_MAX: not known or none */
        const char *invocation_id, *name, *kind, *state, *result, *source, *section, *command, *log,
                        *control_group,
                        *unit,    /* "user:NAME.service" or "system:NAME.service" that a restart is about, or "" */
                        *on_logout, *origin, /* see cgmove.conf(5); "" in a list */
                        *outcome; /* what a restart tells of itself: a JSON object, or "" (always in a list) */
        const uint32_t *processes;
        size_t n_processes;
        char **scrub_environment; /* NULL-terminated, or NULL */
        char **limits_missing;    /* the same */
} Job;

/* Reads one a{sv} at the place MESSAGE is at. Returns 0, or a negative errno; on success the caller
 * calls job_done(). */
int job_read(sd_bus_message *message, Job *ret);
void job_done(Job *job);

bool job_is_running(const Job *job);

/* The word for a table: "running", or the result. */
const char *job_state_word(const Job *job);

/* The exit status a command's end is told with: its own, 128 + signal, or STATUS_OWN_FAILURE if none
 * is known. */
int job_exit_status(const Job *job);

/* "done", "exit status 3", "killed by SIGTERM", "stopped", ... */
void job_describe_end(const Job *job, char *buffer, size_t size);

/* The object of cgmove(1), "JSON". NULL: out of memory. */
json_t *job_to_json(const Job *job);

/* The same for a job that has just been made, which the daemon is asked about. It was made whether that
 * succeeds or not: if it does not, there is a sentence on the standard error, and the object has the number
 * alone. */
json_t *job_made_to_json(Client **client, uint64_t id);

/* Microseconds: for a daemon that is restarted just when it has made a job. */
#define JOB_MADE_GIVE_UP (UINT64_C(30) * 1000000)

/* What a restart tells of itself, see tools/restart/outcome.h; NULL if that is nothing, or no object. The caller
 * drops the reference. */
json_t *job_outcome(const Job *job);

typedef struct JobList {
        Job *jobs;
        size_t n;
} JobList;

void job_list_done(JobList *list);

/* The answer to ListJobs(), in the order of the numbers. Returns 0 or a negative errno. */
int job_list_read(sd_bus_message *answer, JobList *ret);

/* These return 0, or an exit status with FAILURE filled. GIVE_UP as in client_call_again(). */
int job_get(Client **client, uint64_t id, uint64_t give_up, Job *ret, Failure *failure);
/* The same without a line of progress, for who shows one already, or is in the middle of a line of something else. */
int job_get_quietly(Client **client, uint64_t id, uint64_t give_up, Job *ret, Failure *failure);
/* In the order of their numbers. */
int job_list_get(Client **client, bool all, JobList *ret, Failure *failure);

/* The id for what a user wrote: a number, or the name of exactly one running job of his; if none runs,
 * of exactly one that has ended. */
int job_find(Client **client, const char *word, uint64_t *ret, Failure *failure);
