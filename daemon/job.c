/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <search.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "daemon/cgroup.h"
#include "daemon/job-stop.h"
#include "daemon/job-private.h"
#include "daemon/log.h"
#include "daemon/uptime.h"
#include "lib/proc.h"
#include "lib/protocol.h"
#include "lib/source.h"
#include "lib/values.h"

#define RUNTIME_RETRY (10 * USEC_PER_SEC)  /* what there was too little of may be back by then */
#define RUNTIME_AGAIN (300 * USEC_PER_SEC) /* who did not end on SIGKILL may have to wait for a disk no more */

static int compare_id(const void *a, const void *b) {
        uint64_t x = ((const Job *) a)->record->id, y = ((const Job *) b)->record->id;

        return x < y ? -1 : x > y;
}

void job_group_name(uint64_t id, char ret[static JOB_GROUP_NAME_MAX]) {
        (void) snprintf(ret, JOB_GROUP_NAME_MAX, "job-%" PRIu64, id);
}

bool job_group_name_parse(const char *name, uint64_t *ret_id) {
        char back[JOB_GROUP_NAME_MAX];
        uint64_t id;

        if (strncmp(name, "job-", 4) != 0)
                return false;

        id = strtoull(name + 4, NULL, 10);
        job_group_name(id, back);
        if (id == 0 || strcmp(name, back) != 0)
                return false;

        *ret_id = id;
        return true;
}

int job_open(const Job *job, int *ret_fd) {
        char path[JOB_GROUP_NAME_MAX + 1] = "/";

        job_group_name(job->record->id, path + 1);
        return cgroup_open(pool_fd(job->pool), path, ret_fd);
}

void job_set_leader(Job *job, pid_t pid) {
        ProcStat stat;

        if (proc_get_stat(job->set->kernel->proc_fd, pid, &stat) < 0)
                return;
        job->leader = pid;
        job->leader_start = stat.starttime;
}

bool job_has_lost_leader(const Job *job) {
        int proc_fd = job->set->kernel->proc_fd;
        _cleanup_free_ char *path = NULL;
        Source source;
        ProcStat stat;
        bool deleted;
        int r;

        if (job->leader == 0)
                return false;
        r = proc_get_stat(proc_fd, job->leader, &stat);
        if (r >= 0)
                r = proc_get_cgroup(proc_fd, job->leader, &path, &deleted);
        if (r < 0)
                return r == -ESRCH;
        source_from_cgroup_path(path, &source);
        return stat.starttime != job->leader_start || stat.state == 'Z' || stat.state == 'X' ||
               source.kind != SOURCE_JOB || source.job != job->record->id;
}

void job_waiter_add(JobWaiter *waiter, Job *job, void (*ended)(JobWaiter *waiter, const JobRecord *record)) {
        waiter->job = job;
        waiter->ended = ended;
        LIST_INSERT_HEAD(&job->waiters, waiter, of_job);
}

void job_waiter_cancel(JobWaiter *waiter) {
        if (!waiter->job)
                return;

        LIST_REMOVE(waiter, of_job);
        waiter->job = NULL;
}

static JobUser *find_user(JobSet *set, uid_t uid) {
        JobUser *user;

        LIST_FOREACH(user, &set->users, users)
                if (user->uid == uid)
                        return user;
        return NULL;
}

static JobUser *get_user(JobSet *set, uid_t uid) {
        JobUser *user = find_user(set, uid);

        if (user)
                return user;

        user = calloc(1, sizeof(*user));
        if (!user)
                return NULL;

        user->uid = uid;
        LIST_INIT(&user->jobs);
        LIST_INSERT_HEAD(&set->users, user, users);
        return user;
}

static void put_user(JobUser *user) {
        if (!LIST_EMPTY(&user->jobs))
                return;

        LIST_REMOVE(user, users);
        free(user);
}

void job_unlink(Job *job) {
        JobSet *set = job->set;
        JobUser *user = job->user;

        (void) tdelete(job, &set->by_id, compare_id);
        job_unwatch(job);
        LIST_REMOVE(job, of_user);
        user->n_jobs--;
        set->n_jobs--;
        put_user(user);
}

void job_free(Job *job) {
        job->stop = job_stop_free(job->stop);
        (void) sd_event_source_disable_unref(job->timer);
        pool_release(job->pool);
        job_record_free(job->record);
        free(job);
}

int job_set_new(sd_event *event, const Kernel *kernel, const Settings *settings, JobStore *store,
                const JobListener *listener, JobSet **ret) {
        _cleanup_(job_set_freep) JobSet *set = NULL;
        int r;

        set = calloc(1, sizeof(*set));
        if (!set)
                return -ENOMEM;

        *set = (JobSet) {
                .event = sd_event_ref(event),
                .kernel = kernel,
                .settings = settings,
                .store = store,
                .listener = *listener,
        };
        LIST_INIT(&set->users);
        SLIST_INIT(&set->half_found);

        r = job_watches_init(set);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(set);
        return 0;
}

static int drop_each(Job *job, void *userdata) {
        job_unlink(job);
        job_tell_waiters(job, NULL);
        job_free(job);
        return 0;
}

JobSet *job_set_free(JobSet *set) {
        if (!set)
                return NULL;

        (void) job_set_each(set, UID_NONE, drop_each, NULL);
        job_watches_done(set);
        (void) sd_event_unref(set->event);
        free(set);
        return NULL;
}

sd_event *job_set_event(JobSet *set) {
        return set->event;
}

const Kernel *job_set_kernel(JobSet *set) {
        return set->kernel;
}

static void try_runtime_after(Job *job, uint64_t usec) {
        (void) sd_event_source_set_time_relative(job->timer, usec);
        (void) sd_event_source_set_enabled(job->timer, SD_EVENT_ONESHOT);
}

void job_runtime_again(Job *job) {
        if (job->timer && sd_event_source_get_enabled(job->timer, NULL) == 0)
                try_runtime_after(job, RUNTIME_AGAIN);
}

static int on_runtime(sd_event_source *source, uint64_t usec, void *userdata) {
        Job *job = userdata;
        int r;

        r = job_stop_begin(job, JOB_REACH_EVERYONE, SIGTERM, CGMOVE_RESULT_TIMEOUT, NULL, NULL);
        if (r >= 0 || r == -ENOENT || r == -ENODEV) /* it is ending by itself */
                return 0;

        log_failure(job->record, "Job %" PRIu64 " cannot be stopped at its runtime limit, and will be later: %s",
                    job->record->id, strerror(-r));
        try_runtime_after(job, RUNTIME_RETRY);
        return 0;
}

/* The limit counts from the creation on, across restarts of the daemon and suspends of the machine, whoever sets the clock. */
static int start_runtime(Job *job) {
        uint64_t age, now = job_now(), left = job->record->limits.runtime_max;
        const JobRecord *record = job->record;
        int r;

        if (left == LIMIT_NONE)
                return 0;

        if (uptime_since(record->up, &age) < 0) /* of an earlier version's record */
                age = now > record->created ? now - record->created : 0;
        left = left > age ? left - age : 0;
        r = sd_event_add_time_relative(job->set->event, &job->timer, CLOCK_BOOTTIME, left, 0, on_runtime, job);
        return r < 0 ? r : 0;
}

static int job_link(Job *job) {
        JobUser *user;

        user = get_user(job->set, job->record->uid);
        if (!user)
                return -ENOMEM;
        if (!tsearch(job, &job->set->by_id, compare_id)) {
                put_user(user);
                return -ENOMEM;
        }

        job->user = user;
        LIST_INSERT_HEAD(&user->jobs, job, of_user);
        user->n_jobs++;
        job->set->n_jobs++;
        return 0;
}

int job_set_add(JobSet *set, Pool *pool, JobRecord *record, Job **ret) {
        Job *job;
        int r;

        job = calloc(1, sizeof(*job));
        if (!job) {
                job_record_free(record);
                return -ENOMEM;
        }

        *job = (Job) { .set = set, .pool = pool, .record = record, .watch = -1 };
        LIST_INIT(&job->waiters);
        pool_hold(pool);

        r = job_link(job);
        if (r >= 0) {
                r = start_runtime(job);
                if (r >= 0)
                        r = job_watch(job);
                if (r < 0)
                        job_unlink(job);
        }
        if (r < 0) {
                job_free(job);
                return r;
        }

        set->listener.added(job, set->listener.userdata);
        *ret = job;
        return 0;
}

Job *job_set_find(JobSet *set, uint64_t id) {
        JobRecord record = { .id = id };
        Job key = { .record = &record };
        Job **node;

        node = tfind(&key, &set->by_id, compare_id);
        return node ? *node : NULL;
}

unsigned job_set_count(JobSet *set) {
        return set->n_jobs;
}

unsigned job_set_count_of(JobSet *set, uid_t uid) {
        const JobUser *user = find_user(set, uid);

        return user ? user->n_jobs : 0;
}

static int each_of_user(JobUser *user, job_each_t each, void *userdata) {
        Job *job, *next;
        int r = 0;

        for (job = LIST_FIRST(&user->jobs); job && r == 0; job = next) {
                next = LIST_NEXT(job, of_user);
                r = each(job, userdata);
        }
        return r;
}

int job_set_each(JobSet *set, uid_t uid, job_each_t each, void *userdata) {
        JobUser *user, *next;
        int r = 0;

        /* EACH may end the last job of a user, which frees him */
        for (user = LIST_FIRST(&set->users); user && r == 0; user = next) {
                next = LIST_NEXT(user, users);
                if (uid == UID_NONE || user->uid == uid)
                        r = each_of_user(user, each, userdata);
        }
        return r;
}

int job_set_status(Job *job, int exit_code, int exit_signal) {
        _cleanup_close_ int fd = -1;
        int r;

        if (job->record->status_known)
                return -EALREADY;

        job->record->status_known = true;
        job->record->exit_code = exit_code;
        job->record->exit_signal = exit_signal;

        r = job_open(job, &fd);
        return r < 0 ? r : job_save(job, fd);
}

/* Takes its record's place, for a text in it cannot be changed. */
static int replace_record(Job *job, const JobRecord *template) {
        _cleanup_close_ int fd = -1;
        JobRecord *record;
        int r;

        r = job_record_new(template, &record);
        if (r < 0)
                return r;
        job_record_free(job->record);
        job->record = record;

        r = job_open(job, &fd);
        return r < 0 ? r : job_save(job, fd);
}

int job_set_login(Job *job, const char *login, bool logged_in) {
        JobRecord copy = *job->record;

        copy.login = login;
        copy.logged_in = logged_in;
        return replace_record(job, &copy);
}

int job_set_outcome(Job *job, const char *outcome) {
        JobRecord copy = *job->record;

        if (!job_outcome_is_valid(outcome))
                return -EINVAL;

        copy.outcome = outcome;
        return replace_record(job, &copy);
}
