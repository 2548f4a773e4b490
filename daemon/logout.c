/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/logout.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "daemon/job-stop.h"
#include "daemon/log.h"
#include "daemon/logind.h"
#include "lib/protocol.h"
#include "lib/values.h"

#define LOOK_INTERVAL (USEC_PER_SEC / 2)     /* from the end of one look to the next, however much happens */
#define LOOK_AGAIN_AFTER (10 * USEC_PER_SEC) /* after a failure */
/* A session in which something was left behind is closing until that has ended, and no signal tells when
 * that begins. Only while a job waits for the last logout. */
#define CLOSING_INTERVAL (15 * USEC_PER_SEC)
#define PATIENCE (15 * USEC_PER_SEC) /* a restart of logind, or of the bus, is nothing to speak of */

struct Logout {
        sd_event *event;
        JobSet *jobs;
        Logind *logind;
        Logins *logins;  /* as of the last look; NULL if there was none, or it failed */
        bool is_stale;   /* something may have changed since it began */
        uint64_t newest; /* the job with the highest id when it began: what is younger is not judged */
        bool is_looking;
        bool waits_for_closing; /* a job was seen that ends at a last logout that is still to come */
        sd_event_source *timer; /* the next look */
        uint64_t looked;        /* CLOCK_MONOTONIC: when the last one ended */
        sd_event_source *patience;
        bool has_complained; /* that there is no logind */
        LIST_HEAD(LogoutWaiters, LogoutWaiter) waiters;
};

/* --- when to look -------------------------------------------------------------------------------- */

static uint64_t now_monotonic(const Logout *self) {
        uint64_t now = 0;

        (void) sd_event_now(self->event, CLOCK_MONOTONIC, &now);
        return now;
}

/* At AT at the latest. */
static void look_at(Logout *self, uint64_t at) {
        uint64_t planned;

        if (at < self->looked + LOOK_INTERVAL)
                at = self->looked + LOOK_INTERVAL;
        if (sd_event_source_get_enabled(self->timer, NULL) > 0 &&
            sd_event_source_get_time(self->timer, &planned) >= 0 && planned <= at)
                return;
        (void) sd_event_source_set_time(self->timer, at);
        (void) sd_event_source_set_enabled(self->timer, SD_EVENT_ONESHOT);
}

static void look_after(Logout *self, uint64_t usec) {
        look_at(self, now_monotonic(self) + usec);
}

void logout_look(Logout *self) {
        if (!self)
                return;

        self->is_stale = true;
        if (!self->is_looking)
                look_after(self, 0);
}

/* Without jobs it does not matter who comes and goes; but whether there is a logind is told at any time. */
static void on_changed(void *userdata) {
        Logout *self = userdata;

        self->is_stale = true;
        if (job_set_count(self->jobs) > 0 || !self->logins || !LIST_EMPTY(&self->waiters))
                logout_look(self);
}

/* --- judging ------------------------------------------------------------------------------------- */

/* What the record says of the login so far, with what is known now. It may be the last word: who has not
 * been seen logged in cannot be seen to log out. */
static void note_login(Job *job, const Logins *logins) {
        const JobRecord *record = job->record;
        const LoginUser *user = logins_find_user(logins, record->uid);
        const char *name = record->login;
        bool logged_in;
        int r;

        if (record->on_logout == ON_LOGOUT_AUTO && record->origin[0] == '\0')
                return;
        if (name[0] == '\0' && user && record->origin[0] != '\0')
                name = user->name;
        /* what matters for "stop" alone is not looked for otherwise */
        logged_in = record->logged_in ||
                    (record->on_logout == ON_LOGOUT_STOP && logins_is_logged_in(logins, record->uid));
        if (logged_in == record->logged_in && name == record->login)
                return;

        r = job_set_login(job, name, logged_in);
        if (r < 0 && r != -ENOENT && r != -ENODEV)
                log_failure(job->record,
                            "It cannot be kept that the user of job %" PRIu64 " is logged in: %s",
                            job->record->id, strerror(-r));
}

static void log_logout(const Job *job, const Logins *logins, LogoutVerdict verdict) {
        const JobRecord *record = job->record;
        _cleanup_free_ char *why = NULL;
        LogFields fields = { .record = record };

        (void) logout_explain(record, logins, verdict.reason, &why);
        log_event(LOG_KIND_LOGOUT, record->uid, &fields,
                  "Job %" PRIu64 " (%s) of user %" PRIu32 " is stopped, since %s has ended: %s", record->id,
                  record->name[0] ? record->name : "no name", record->uid,
                  verdict.end == LOGOUT_ENDS_WITH_SESSION ? record->origin : "its user's last session",
                  why ? why : "");
}

/* All of it, as logind does with a session: whoever is in the job. */
static void stop_job(Logout *self, Job *job, LogoutVerdict verdict) {
        const JobRecord *record = job->record;
        bool is_told = record->stop_result && strcmp(record->stop_result, CGMOVE_RESULT_LOGOUT) == 0;
        int r;

        if (is_told || record->stop_reach == JOB_REACH_EVERYONE)
                return;

        log_logout(job, self->logins, verdict);
        r = job_stop_begin(job, JOB_REACH_EVERYONE, SIGTERM, CGMOVE_RESULT_LOGOUT, NULL, NULL);
        if (r < 0 && r != -ENOENT && r != -ENODEV) {
                log_failure(record, "Job %" PRIu64 " cannot be stopped at its user's logout: %s", record->id,
                            strerror(-r));
                look_after(self, LOOK_AGAIN_AFTER);
        }
}

static int judge(Job *job, void *userdata) {
        Logout *self = userdata;
        LogoutVerdict verdict;
        LogoutFacts facts;

        if (job->record->result || job->record->id > self->newest ||
            job->record->on_logout == ON_LOGOUT_KEEP)
                return 0;

        note_login(job, self->logins);
        facts = logout_facts(job->record, self->logins, logind_lingers);
        verdict = logout_decide(&facts);
        if (verdict.now)
                stop_job(self, job, verdict);
        else if (verdict.reason == LOGOUT_BY_STOP && facts.is_logged_in)
                self->waits_for_closing = true;
        return 0;
}

/* --- a look -------------------------------------------------------------------------------------- */

static bool is_wanted(uid_t uid, void *userdata) {
        const Logout *self = userdata;

        return job_set_count_of(self->jobs, uid) > 0;
}

static void tell_waiters(Logout *self) {
        LogoutWaiter *waiter, *next;

        for (waiter = LIST_FIRST(&self->waiters); waiter; waiter = next) {
                next = LIST_NEXT(waiter, waiters);
                if (!waiter->is_asked)
                        continue;
                logout_unwait(waiter);
                waiter->told(waiter, self->logins);
        }
}

static void start_patience(Logout *self) {
        if (self->has_complained || sd_event_source_get_enabled(self->patience, NULL) > 0)
                return;
        (void) sd_event_source_set_time_relative(self->patience, PATIENCE);
        (void) sd_event_source_set_enabled(self->patience, SD_EVENT_ONESHOT);
}

static int on_patience(sd_event_source *source, uint64_t usec, void *userdata) {
        Logout *self = userdata;

        self->has_complained = true;
        log_event(LOG_KIND_LOGIND, UID_NONE, NULL,
                  "systemd-logind cannot be asked over the system bus: until it can, jobs stay at a logout, "
                  "whatever "
                  "on-logout says.");
        return 0;
}

static void end_patience(Logout *self) {
        (void) sd_event_source_set_enabled(self->patience, SD_EVENT_OFF);
        if (self->has_complained)
                log_event(LOG_KIND_LOGIND, UID_NONE, NULL, "systemd-logind answers: on-logout is acted on.");
        self->has_complained = false;
}

static void on_told(int error, Logins *logins, void *userdata) {
        Logout *self = userdata;

        self->is_looking = false;
        self->looked = now_monotonic(self);
        logins_free(self->logins);
        self->logins = logins;
        self->waits_for_closing = false;
        if (error < 0)
                start_patience(self);
        else {
                end_patience(self);
                (void) job_set_each(self->jobs, UID_NONE, judge, self);
        }

        tell_waiters(self);
        if (error < 0 && error != -ENOTCONN) /* logind tells when it comes back */
                look_after(self, LOOK_AGAIN_AFTER);
        else if (self->waits_for_closing)
                look_after(self, CLOSING_INTERVAL);
        if (self->is_stale || !LIST_EMPTY(&self->waiters))
                on_changed(self);
}

static int find_newest(Job *job, void *userdata) {
        uint64_t *newest = userdata;

        if (job->record->id > *newest)
                *newest = job->record->id;
        return 0;
}

static void look(Logout *self) {
        LogoutWaiter *waiter;
        int r;

        self->newest = 0;
        (void) job_set_each(self->jobs, UID_NONE, find_newest, &self->newest);
        LIST_FOREACH(waiter, &self->waiters, waiters)
        waiter->is_asked = true;
        self->is_stale = false;
        self->is_looking = true;
        r = logind_ask(self->logind);
        if (r < 0)
                on_told(r, NULL, self);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Logout *self = userdata;

        if (!self->is_looking)
                look(self);
        return 0;
}

/* --- for others ---------------------------------------------------------------------------------- */

/* What came from another job is where that came from: to move twice is no way out. */
static void find_origin(JobSet *jobs, const Target *target, const JobRecord **ret_before,
                        char ret[static ORIGIN_MAX + 1]) {
        const Job *job = target->source.kind == SOURCE_JOB ? job_set_find(jobs, target->source.job) : NULL;

        *ret_before = job ? job->record : NULL;
        if (job)
                strcpy(ret, job->record->origin);
        else
                origin_from_source(&target->source, ret);
}

static void find_origin_of_all(JobSet *jobs, const Target *targets, size_t n_targets,
                               const JobRecord **ret_before, char ret[static ORIGIN_MAX + 1]) {
        OriginKind best = ORIGIN_NONE;

        *ret_before = NULL;
        ret[0] = '\0';
        for (size_t i = 0; i < n_targets && best != ORIGIN_SESSION; i++) {
                const JobRecord *before;
                char origin[ORIGIN_MAX + 1];
                OriginKind kind;

                find_origin(jobs, &targets[i], &before, origin);
                if (origin_parse(origin, &kind, NULL) < 0 || kind == ORIGIN_NONE ||
                    (kind == ORIGIN_MANAGER && best == ORIGIN_MANAGER))
                        continue;
                best = kind;
                *ret_before = before;
                strcpy(ret, origin);
        }
}

static const char *find_login(const Logins *logins, const JobRecord *record) {
        const LoginSession *session = NULL;
        const LoginUser *user;
        char id[ORIGIN_MAX + 1];
        OriginKind kind;

        if (origin_parse(record->origin, &kind, id) >= 0 && kind == ORIGIN_SESSION)
                session = logins_find_session(logins, id);
        if (session)
                return session->user;
        user = kind == ORIGIN_NONE ? NULL : logins_find_user(logins, record->uid);
        return user ? user->name : "";
}

void logout_describe(const Logout *self, JobSet *jobs, const Target *targets, size_t n_targets,
                     JobRecord *record, char origin[static ORIGIN_MAX + 1]) {
        const JobRecord *before;
        OriginKind kind;

        find_origin_of_all(jobs, targets, n_targets, &before, origin);
        record->origin = origin;
        record->login = before ? before->login : "";
        record->logged_in = before && before->logged_in;
        if (origin_parse(origin, &kind, NULL) >= 0 && kind == ORIGIN_SESSION)
                record->logged_in = true;
        /* what is not known now is, after the next look */
        if (!self || !self->logins || self->is_stale)
                return;
        if (record->login[0] == '\0')
                record->login = find_login(self->logins, record);
}

bool logout_has_logind(const Logout *self) {
        return self && self->logins;
}

void logout_wait(Logout *self, LogoutWaiter *waiter) {
        waiter->is_added = true;
        waiter->is_asked = false;
        LIST_INSERT_HEAD(&self->waiters, waiter, waiters);
        logout_look(self);
}

void logout_unwait(LogoutWaiter *waiter) {
        if (!waiter->is_added)
                return;
        LIST_REMOVE(waiter, waiters);
        waiter->is_added = false;
}

int logout_new(sd_event *event, JobSet *jobs, Logout **ret) {
        _cleanup_(logout_freep) Logout *self = NULL;
        int r;

        self = calloc(1, sizeof(*self));
        if (!self)
                return -ENOMEM;

        *self = (Logout){ .event = sd_event_ref(event), .jobs = jobs };
        LIST_INIT(&self->waiters);
        r = sd_event_add_time(event, &self->timer, CLOCK_MONOTONIC, UINT64_MAX, 0, on_timer, self);
        if (r >= 0)
                r = sd_event_source_set_enabled(self->timer, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time(event, &self->patience, CLOCK_MONOTONIC, UINT64_MAX, 0, on_patience,
                                      self);
        if (r >= 0)
                r = sd_event_source_set_enabled(self->patience, SD_EVENT_OFF);
        if (r >= 0)
                r = logind_new(event,
                               &(LogindListener){ .changed = on_changed,
                                                  .wanted = is_wanted,
                                                  .told = on_told,
                                                  .userdata = self },
                               &self->logind);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(self);
        return 0;
}

Logout *logout_free(Logout *self) {
        LogoutWaiter *waiter;

        if (!self)
                return NULL;

        while ((waiter = LIST_FIRST(&self->waiters)))
                logout_unwait(waiter);
        logind_free(self->logind);
        (void) sd_event_source_disable_unref(self->timer);
        (void) sd_event_source_disable_unref(self->patience);
        logins_free(self->logins);
        (void) sd_event_unref(self->event);
        free(self);
        return NULL;
}
