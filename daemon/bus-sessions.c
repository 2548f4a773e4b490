/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* GetSessions() of org.cgmove1.Manager: which users and sessions have jobs, and what a logout does to each.
 * It is answered after a look at logind that begins with the call; at once, where there is nothing to tell. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/bus-job.h"
#include "daemon/bus.h"
#include "daemon/daemon.h"
#include "daemon/logind.h"
#include "lib/protocol.h"

typedef struct SessionsCall {
        Pending pending;
        LogoutWaiter waiter;
} SessionsCall;

typedef struct Answer {
        const Daemon *daemon;
        sd_bus_message *reply;
        const Logins *logins; /* NULL without logind, or without a look at it */
        uid_t uid;            /* whose; UID_NONE: everybody's */
} Answer;

/* --- jobs ---------------------------------------------------------------------------------------- */

static int append_job(Job *job, void *userdata) {
        const Answer *answer = userdata;
        const JobRecord *record = job->record;
        LogoutFacts facts = logout_facts(record, answer->logins, logind_lingers);
        LogoutVerdict verdict = logout_decide(&facts);
        _cleanup_free_ char *message = NULL;
        int r;

        r = logout_explain(record, answer->logins, verdict.reason, &message);
        if (r >= 0)
                r = sd_bus_message_append(answer->reply, "a{sv}", 9, "Id", "t", record->id, "Uid", "u",
                                          (uint32_t) record->uid, "Name", "s", record->name, "Section", "s",
                                          record->section, "OnLogout", "s",
                                          on_logout_to_string(record->on_logout), "Origin", "s",
                                          record->origin, "AtLogout", "s", logout_end_to_string(verdict.end),
                                          "Reason", "s", logout_reason_to_string(verdict.reason), "Message",
                                          "s", message);
        return r < 0 ? r : 0;
}

static int append_jobs(const Answer *answer) {
        return job_set_each(answer->daemon->jobs, answer->uid, append_job, (void *) answer);
}

/* --- users and sessions -------------------------------------------------------------------------- */

/* Those that have jobs, and that the caller may know of. */
static bool is_shown(const Answer *answer, uid_t uid) {
        return (answer->uid == UID_NONE || answer->uid == uid) &&
               job_set_count_of(answer->daemon->jobs, uid) > 0;
}

typedef struct SessionJobs {
        char origin[ORIGIN_MAX + 1];
        unsigned n;
} SessionJobs;

static int count_of_session(Job *job, void *userdata) {
        SessionJobs *jobs = userdata;

        jobs->n += strcmp(job->record->origin, jobs->origin) == 0;
        return 0;
}

static int append_session(const Answer *answer, const LoginSession *session) {
        SessionJobs jobs = { .n = 0 };

        (void) snprintf(jobs.origin, sizeof(jobs.origin), "session-%s.scope", session->id);
        (void) job_set_each(answer->daemon->jobs, session->uid, count_of_session, &jobs);
        return sd_bus_message_append(answer->reply, "a{sv}", 6, "Id", "s", session->id, "Uid", "u",
                                     (uint32_t) session->uid, "Service", "s", session->service, "Class", "s",
                                     session->class, "State", "s", session->state, "Jobs", "u", jobs.n);
}

static int append_sessions(const Answer *answer) {
        int r = 0;

        for (size_t i = 0; r >= 0 && answer->logins && i < answer->logins->n_sessions; i++)
                if (is_shown(answer, answer->logins->sessions[i].uid) &&
                    login_session_is_login(&answer->logins->sessions[i]))
                        r = append_session(answer, &answer->logins->sessions[i]);
        return r;
}

static const char *knowledge_to_string(Knowledge knowledge) {
        return knowledge == YES ? "yes" : knowledge == NO ? "no" : "unknown";
}

static int append_user(const Answer *answer, uid_t uid, const char *name, Knowledge lingers) {
        const char *rule = "";
        Knowledge kills = answer->logins ? logins_kills(answer->logins, name, uid, &rule) : UNKNOWN;
        bool logged_in = answer->logins && logins_is_logged_in(answer->logins, uid);

        return sd_bus_message_append(answer->reply, "a{sv}", 7, "Uid", "u", (uint32_t) uid, "Name", "s",
                                     name, "LoggedIn", "b", (int) logged_in, "Lingers", "s",
                                     knowledge_to_string(lingers), "Kills", "s", knowledge_to_string(kills),
                                     "Rule", "s", rule, "Jobs", "u",
                                     job_set_count_of(answer->daemon->jobs, uid));
}

/* Each user once: jobs come user by user. */
typedef struct UserWalk {
        const Answer *answer;
        uid_t last;
} UserWalk;

static int append_user_of(Job *job, void *userdata) {
        UserWalk *walk = userdata;
        const Logins *logins = walk->answer->logins;
        const JobRecord *record = job->record;
        const LoginUser *user = logins ? logins_find_user(logins, record->uid) : NULL;
        int r;

        if (record->uid == walk->last)
                return 0;
        walk->last = record->uid;
        r = append_user(walk->answer, record->uid, user ? user->name : record->login,
                        user ? user->lingers : logind_lingers(record->login));
        return r < 0 ? r : 0;
}

static int append_users(const Answer *answer) {
        UserWalk walk = { .answer = answer, .last = UID_NONE };

        return job_set_each(answer->daemon->jobs, answer->uid, append_user_of, &walk);
}

/* --- the answer ---------------------------------------------------------------------------------- */

static int append_list(const Answer *answer, const char *key, int (*append)(const Answer *answer)) {
        sd_bus_message *reply = answer->reply;
        int r;

        r = sd_bus_message_open_container(reply, 'e', "sv");
        if (r >= 0)
                r = sd_bus_message_append(reply, "s", key);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'v', "aa{sv}");
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "a{sv}");
        if (r >= 0)
                r = append(answer);
        for (int i = 0; i < 3 && r >= 0; i++)
                r = sd_bus_message_close_container(reply);
        return r;
}

static int reply_sessions(const Connection *connection, sd_bus_message *message, const Logins *logins, bool has_logind) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        uid_t uid = connection->caller.uid;
        Answer answer = { .daemon = connection->daemon, .logins = logins, .uid = uid == 0 ? UID_NONE : uid };
        int r;

        r = sd_bus_message_new_method_return(message, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "{sv}");
        if (r >= 0)
                r = sd_bus_message_append(reply, "{sv}", "Logind", "b", (int) has_logind);
        answer.reply = reply;
        if (r >= 0)
                r = append_list(&answer, "Users", append_users);
        if (r >= 0)
                r = append_list(&answer, "Sessions", append_sessions);
        if (r >= 0)
                r = append_list(&answer, "Jobs", append_jobs);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static void call_free(SessionsCall *call) {
        logout_unwait(&call->waiter);
        pending_end(&call->pending);
        free(call);
}

static void call_abandon(Pending *pending) {
        call_free((SessionsCall *) pending);
}

static void on_told(LogoutWaiter *waiter, const Logins *logins) {
        SessionsCall *call = (SessionsCall *) ((char *) waiter - offsetof(SessionsCall, waiter));
        Connection *connection = call->pending.connection;
        uint64_t began = connection_begin_charge();

        pending_answered(&call->pending, reply_sessions(connection, call->pending.call, logins, logins != NULL));
        connection_charge(connection, began);
        call_free(call);
}

int bus_get_sessions(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
        Connection *connection = userdata;
        Daemon *daemon = connection->daemon;
        uid_t uid = connection->caller.uid;
        SessionsCall *call;
        int r;

        r = bus_job_refuse_options(message, ret_error);
        if (r < 0)
                return r;
        if (uid != 0 && job_set_count_of(daemon->jobs, uid) == 0) {
                r = reply_sessions(connection, message, NULL, logout_has_logind(daemon->logout));
                return r < 0 ? r : 1;
        }
        call = calloc(1, sizeof(*call));
        if (!call)
                return -ENOMEM;

        call->waiter.told = on_told;
        r = pending_begin(&call->pending, connection, message, call_abandon, ret_error);
        if (r < 0) {
                free(call);
                return r;
        }
        call->pending.only_waits = true;
        if (daemon->logout)
                logout_wait(daemon->logout, &call->waiter);
        else
                on_told(&call->waiter, NULL);
        return 1;
}
