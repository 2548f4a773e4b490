/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "tools/doctor/ask.h"
#include "tools/sessions.h"

#define GIVE_UP (UINT64_C(3) * 1000000)
#define FIELD(type, member, name, signature, reader)                                                        \
        { name, signature, reader, offsetof(type, member), sizeof(((type *) NULL)->member) }

static const AskField user_fields[] = {
        FIELD(SessionUser, uid, "Uid", "u", ask_read_u32),
        FIELD(SessionUser, name, "Name", "s", ask_read_string),
        FIELD(SessionUser, logged_in, "LoggedIn", "b", ask_read_bool),
        FIELD(SessionUser, lingers, "Lingers", "s", ask_read_string),
        FIELD(SessionUser, kills, "Kills", "s", ask_read_string),
        FIELD(SessionUser, rule, "Rule", "s", ask_read_string),
        FIELD(SessionUser, jobs, "Jobs", "u", ask_read_u32),
};

static const AskField session_fields[] = {
        FIELD(Session, id, "Id", "s", ask_read_string),
        FIELD(Session, uid, "Uid", "u", ask_read_u32),
        FIELD(Session, service, "Service", "s", ask_read_string),
        FIELD(Session, class, "Class", "s", ask_read_string),
        FIELD(Session, state, "State", "s", ask_read_string),
        FIELD(Session, jobs, "Jobs", "u", ask_read_u32),
};

static const AskField job_fields[] = {
        FIELD(SessionJob, id, "Id", "t", ask_read_u64),
        FIELD(SessionJob, uid, "Uid", "u", ask_read_u32),
        FIELD(SessionJob, name, "Name", "s", ask_read_string),
        FIELD(SessionJob, section, "Section", "s", ask_read_string),
        FIELD(SessionJob, on_logout, "OnLogout", "s", ask_read_string),
        FIELD(SessionJob, origin, "Origin", "s", ask_read_string),
        FIELD(SessionJob, at_logout, "AtLogout", "s", ask_read_string),
        FIELD(SessionJob, reason, "Reason", "s", ask_read_string),
        FIELD(SessionJob, message, "Message", "s", ask_read_string),
};

/* Reads the dictionaries of an array, each of N fields, into an array of SIZE bytes an item. */
static int read_items(sd_bus_message *m, const AskField *fields, size_t n, size_t size, void **items,
                      size_t *n_items) {
        int r;

        r = sd_bus_message_enter_container(m, 'a', "a{sv}");
        while (r >= 0) {
                char *more = reallocarray(*items, *n_items + 1, size);

                if (!more)
                        return -ENOMEM;
                *items = more;
                (void) memset(more + *n_items * size, 0, size);
                r = ask_read_dictionary(m, fields, n, more + *n_items * size);
                if (r == 0)
                        break;
                if (r > 0)
                        (*n_items)++;
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_users(sd_bus_message *m, void *to, size_t size) {
        SessionReport *report = to;

        return read_items(m, user_fields, ELEMENTSOF(user_fields), sizeof(SessionUser),
                          (void **) &report->users, &report->n_users);
}

static int read_sessions(sd_bus_message *m, void *to, size_t size) {
        SessionReport *report = to;

        return read_items(m, session_fields, ELEMENTSOF(session_fields), sizeof(Session),
                          (void **) &report->sessions, &report->n_sessions);
}

static int read_jobs(sd_bus_message *m, void *to, size_t size) {
        SessionReport *report = to;

        return read_items(m, job_fields, ELEMENTSOF(job_fields), sizeof(SessionJob), (void **) &report->jobs,
                          &report->n_jobs);
}

static const AskField report_fields[] = {
        FIELD(SessionReport, logind, "Logind", "b", ask_read_bool),
        { "Users", "aa{sv}", read_users, 0, 0 },
        { "Sessions", "aa{sv}", read_sessions, 0, 0 },
        { "Jobs", "aa{sv}", read_jobs, 0, 0 },
};

static int build_call(Client *client, void *userdata, sd_bus_message **ret, Failure *failure) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
        int r;

        r = client_message(client, 0, "GetSessions", &message, failure);
        if (r != 0)
                return r;
        r = sd_bus_message_append(message, "a{sv}", 0);
        if (r < 0)
                return client_bad_message(r, failure);
        *ret = TAKE_PTR(message);
        return 0;
}

static int compare_jobs(const void *a, const void *b) {
        uint64_t x = ((const SessionJob *) a)->id, y = ((const SessionJob *) b)->id;

        return x < y ? -1 : x > y;
}

int session_report_get(Client **client, SessionReport *ret, Failure *failure) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *answer = NULL;
        SessionReport report = { .logind = false };
        int r;

        r = client_call_again(client, build_call, NULL, CLIENT_TIMEOUT, GIVE_UP, NULL, &answer, failure);
        if (r != 0)
                return r;
        r = ask_read_dictionary(answer, report_fields, ELEMENTSOF(report_fields), &report);
        if (r < 0) {
                session_report_done(&report);
                return client_bad_message(r, failure);
        }
        if (report.n_jobs > 1)
                qsort(report.jobs, report.n_jobs, sizeof(SessionJob), compare_jobs);
        *ret = report;
        return 0;
}

void session_report_done(SessionReport *report) {
        free(report->users);
        free(report->sessions);
        free(report->jobs);
        *report = (SessionReport){ .logind = false };
}
