/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/arguments.h"
#include "tools/job.h"
#include "tools/remote.h"
#include "tools/status.h"

#define GIVE_UP (UINT64_C(3) * 1000000)

void job_list_done(JobList *list) {
        for (size_t i = 0; i < list->n; i++)
                job_done(&list->jobs[i]);
        free(list->jobs);
        *list = (JobList){ .n = 0 };
}

static int build_get(Client *client, void *userdata, sd_bus_message **ret, Failure *failure) {
        const uint64_t *id = userdata;
        int r;

        r = client_message(client, 0, "GetJob", ret, failure);
        if (r != 0)
                return r;
        r = sd_bus_message_append_basic(*ret, 't', id);
        return r < 0 ? client_bad_message(r, failure) : 0;
}

static int get(Client **client, uint64_t id, uint64_t give_up, Progress *progress, Job *ret,
               Failure *failure) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *answer = NULL;
        int r;

        r = client_call_again(client, build_get, &id, CLIENT_TIMEOUT, give_up, progress, &answer, failure);
        if (r != 0)
                return r;
        r = job_read(answer, ret);
        return r < 0 ? client_bad_message(r, failure) : 0;
}

int job_get(Client **client, uint64_t id, uint64_t give_up, Job *ret, Failure *failure) {
        Progress progress;

        progress_begin(&progress, false, PROGRESS_DAEMON);
        return get(client, id, give_up, &progress, ret, failure);
}

int job_get_quietly(Client **client, uint64_t id, uint64_t give_up, Job *ret, Failure *failure) {
        return get(client, id, give_up, NULL, ret, failure);
}

static int build_list(Client *client, void *userdata, sd_bus_message **ret, Failure *failure) {
        const bool *all = userdata;
        int r;

        r = client_message(client, 0, "ListJobs", ret, failure);
        if (r != 0)
                return r;
        r = sd_bus_message_append(*ret, "a{sv}", 1, "all", "b", (int) *all);
        return r < 0 ? client_bad_message(r, failure) : 0;
}

static int read_list(sd_bus_message *m, JobList *list) {
        int r;

        r = sd_bus_message_enter_container(m, 'a', "a{sv}");
        while (r >= 0 && (r = sd_bus_message_at_end(m, false)) == 0) {
                Job *jobs = realloc(list->jobs, (list->n + 1) * sizeof(Job));

                if (!jobs)
                        return -ENOMEM;
                list->jobs = jobs;
                r = job_read(m, &jobs[list->n]);
                if (r >= 0)
                        list->n++;
        }
        return r < 0 ? r : 0;
}

static int compare_jobs(const void *a, const void *b) {
        uint64_t x = ((const Job *) a)->id, y = ((const Job *) b)->id;

        return x < y ? -1 : x > y;
}

int job_list_read(sd_bus_message *answer, JobList *ret) {
        JobList list = { .n = 0 };
        int r;

        r = read_list(answer, &list);
        if (r < 0) {
                job_list_done(&list);
                return r;
        }
        if (list.n > 1)
                qsort(list.jobs, list.n, sizeof(Job), compare_jobs);
        *ret = list;
        return 0;
}

int job_list_get(Client **client, bool all, JobList *ret, Failure *failure) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *answer = NULL;
        Progress progress;
        int r;

        progress_begin(&progress, false, PROGRESS_DAEMON);
        r = client_call_again(client, build_list, &all, CLIENT_TIMEOUT, GIVE_UP, &progress, &answer,
                              failure);
        if (r != 0)
                return r;
        r = job_list_read(answer, ret);
        return r < 0 ? client_bad_message(r, failure) : 0;
}

typedef struct Matches {
        size_t n;
        uint64_t last; /* the youngest: the list is in the order of ids */
        char ids[256]; /* for the message, "17, 18, ..." */
} Matches;

static int build_explain(Client *client, void *userdata, sd_bus_message **ret, Failure *failure) {
        int r;

        r = client_message(client, 0, "Explain", ret, failure);
        if (r != 0)
                return r;
        r = sd_bus_message_append(*ret, "a{sv}", 1, "source", "s", "session");
        return r < 0 ? client_bad_message(r, failure) : 0;
}

static int read_uid(sd_bus_message *m, uint32_t *ret) {
        uint32_t uid = UINT32_MAX;
        const char *key;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = sd_bus_message_read_basic(m, 's', &key);
                if (r >= 0)
                        r = strcmp(key, "Uid") == 0 ? sd_bus_message_read(m, "v", "u", &uid)
                                                    : sd_bus_message_skip(m, "v");
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        if (r < 0)
                return r;
        *ret = uid;
        return 0;
}

/* Whose jobs names are looked for among. On another host only the daemon there knows whom it speaks to. */
static int find_own_uid(Client **client, uint32_t *ret, Failure *failure) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *answer = NULL;
        int r;

        if (remote_chosen()->kind == REMOTE_NONE) {
                *ret = getuid();
                return 0;
        }
        r = client_call_again(client, build_explain, NULL, CLIENT_TIMEOUT, GIVE_UP, NULL, &answer, failure);
        if (r != 0)
                return r;
        r = read_uid(answer, ret);
        return r < 0 ? client_bad_message(r, failure) : 0;
}

static void find_matches(const JobList *list, const char *name, uint32_t uid, bool running, Matches *ret) {
        size_t at = 0;

        *ret = (Matches){ .n = 0 };
        for (size_t i = 0; i < list->n; i++) {
                const Job *job = &list->jobs[i];

                if (job->uid != uid || job_is_running(job) != running || strcmp(job->name, name) != 0)
                        continue;
                ret->n++;
                ret->last = job->id;
                if (at + 24 < sizeof(ret->ids))
                        at += (size_t) snprintf(ret->ids + at, sizeof(ret->ids) - at, "%s%" PRIu64,
                                                at > 0 ? ", " : "", job->id);
        }
}

int job_find(Client **client, const char *word, uint64_t *ret, Failure *failure) {
        _cleanup_(job_list_done) JobList list = { .n = 0 };
        Matches matches;
        uint32_t uid = 0;
        int r;

        if (argument_job_id(word, ret) == 0)
                return 0;
        r = job_list_get(client, true, &list, failure);
        if (r == 0)
                r = find_own_uid(client, &uid, failure);
        if (r != 0)
                return r;
        find_matches(&list, word, uid, true, &matches);
        if (matches.n > 1)
                return failure_set(failure, STATUS_USAGE, "Ambiguous",
                                   "\"%s\" is the name of several running jobs (%s); give the number of one.",
                                   word, matches.ids);
        if (matches.n == 0)
                find_matches(&list, word, uid, false, &matches);
        if (matches.n == 0)
                return failure_set(failure, STATUS_FAILED, "NoSuchJob",
                                   "You have no job \"%s\"; 'cgmove list --all' shows your jobs.", word);
        *ret = matches.last;
        return 0;
}
