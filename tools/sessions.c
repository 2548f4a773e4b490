/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "tools/client.h"
#include "tools/failure.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/sessions.h"
#include "tools/status.h"
#include "tools/verbs.h"

static const char sessions_help[] =
                "Usage: cgmove sessions [OPTION...]\n\n"
                "Shows which users and sessions have jobs, and what a logout does to each job, and why.\n"
                "Root sees everybody's.\n\n"
                "      --json  print JSON\n"
                "  -h, --help  show this help\n";

/* --- JSON ---------------------------------------------------------------------------------------- */

static json_t *answer_to_json(const char *word) {
        if (strcmp(word, "yes") == 0)
                return json_true();
        return strcmp(word, "no") == 0 ? json_false() : json_null();
}

static size_t count_ending(const SessionReport *report, uint32_t uid) {
        size_t n = 0;

        for (size_t i = 0; i < report->n_jobs; i++)
                n += report->jobs[i].uid == uid && strcmp(report->jobs[i].at_logout, "stays") != 0;
        return n;
}

static const char *user_name(const SessionReport *report, uint32_t uid) {
        static char number[16];
        const struct passwd *user;

        for (size_t i = 0; i < report->n_users; i++)
                if (report->users[i].uid == uid && report->users[i].name[0])
                        return report->users[i].name;
        user = getpwuid(uid);
        if (user)
                return user->pw_name;
        (void) snprintf(number, sizeof(number), "%" PRIu32, uid);
        return number;
}

static json_t *user_to_json(const SessionReport *report, const SessionUser *user) {
        return json_pack("{s:I, s:o, s:b, s:o, s:o, s:o, s:I, s:I}", "uid", (json_int_t) user->uid, "name",
                         output_json_text(user_name(report, user->uid)), "logged_in", (int) user->logged_in,
                         "lingers", answer_to_json(user->lingers), "kills_processes",
                         answer_to_json(user->kills), "rule", output_json_text(user->rule), "jobs",
                         (json_int_t) user->jobs, "jobs_ending",
                         (json_int_t) count_ending(report, user->uid));
}

static json_t *session_to_json(const Session *session) {
        return json_pack("{s:o, s:I, s:o, s:o, s:o, s:I}", "id", output_json_text(session->id), "uid",
                         (json_int_t) session->uid, "service", output_json_text(session->service), "class",
                         output_json_text(session->class), "state", output_json_text(session->state), "jobs",
                         (json_int_t) session->jobs);
}

static json_t *job_to_json_object(const SessionJob *job) {
        char session[ORIGIN_MAX + 1] = "";
        OriginKind kind;

        if (origin_parse(job->origin, &kind, session) < 0 || kind != ORIGIN_SESSION)
                session[0] = '\0';
        return json_pack("{s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id", (json_int_t) job->id,
                         "uid", (json_int_t) job->uid, "name", output_json_text(job->name), "section",
                         output_json_text(job->section), "on_logout", output_json_text(job->on_logout),
                         "origin", output_json_text(job->origin), "session", output_json_text(session),
                         "at_logout", output_json_text(job->at_logout), "reason",
                         output_json_text(job->reason), "message", output_json_text(job->message));
}

static int print_json(const SessionReport *report) {
        json_t *users = json_array(), *sessions = json_array(), *jobs = json_array();

        for (size_t i = 0; users && i < report->n_users; i++)
                (void) json_array_append_new(users, user_to_json(report, &report->users[i]));
        for (size_t i = 0; sessions && i < report->n_sessions; i++)
                (void) json_array_append_new(sessions, session_to_json(&report->sessions[i]));
        for (size_t i = 0; jobs && i < report->n_jobs; i++)
                (void) json_array_append_new(jobs, job_to_json_object(&report->jobs[i]));
        return output_json(json_pack("{s:b, s:o, s:o, s:o}", "logind", (int) report->logind, "users", users,
                                     "sessions", sessions, "jobs", jobs));
}

/* --- for people ---------------------------------------------------------------------------------- */

static int add_user(Table *table, const SessionReport *report, const SessionUser *user) {
        char jobs[64], logind[128];

        (void) snprintf(jobs, sizeof(jobs), "%" PRIu32 ", %zu of which end at a logout", user->jobs,
                        count_ending(report, user->uid));
        if (strcmp(user->kills, "unknown") == 0)
                (void) snprintf(logind, sizeof(logind), "unknown");
        else
                (void) snprintf(logind, sizeof(logind), "%s (%s)",
                                strcmp(user->kills, "yes") == 0 ? "kills what is left" : "lets it run",
                                user->rule);
        return table_add(table,
                         (const char *const[]){ user_name(report, user->uid), user->logged_in ? "yes" : "no",
                                                user->lingers, logind, jobs, NULL });
}

static int add_session(Table *table, const SessionReport *report, const Session *session) {
        char jobs[16];

        (void) snprintf(jobs, sizeof(jobs), "%" PRIu32, session->jobs);
        return table_add(table, (const char *const[]){ session->id, user_name(report, session->uid),
                                                       session->service[0] ? session->service : "-",
                                                       session->class, session->state, jobs, NULL });
}

static int add_job(Table *table, const SessionReport *report, const SessionJob *job) {
        const char *end = "stays";
        char id[24];

        if (strcmp(job->at_logout, "ends-with-session") == 0)
                end = "ends with the session";
        else if (strcmp(job->at_logout, "ends-with-last-logout") == 0)
                end = "ends with the last session";
        (void) snprintf(id, sizeof(id), "%" PRIu64, job->id);
        return table_add(table, (const char *const[]){ id, user_name(report, job->uid),
                                                       job->name[0] ? job->name : "-",
                                                       job->origin[0] ? job->origin : "-", end, job->message,
                                                       NULL });
}

static int make_tables(const SessionReport *report, Table *users, Table *sessions, Table *jobs) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < report->n_users; i++)
                r = add_user(users, report, &report->users[i]);
        for (size_t i = 0; r >= 0 && i < report->n_sessions; i++)
                r = add_session(sessions, report, &report->sessions[i]);
        for (size_t i = 0; r >= 0 && i < report->n_jobs; i++)
                r = add_job(jobs, report, &report->jobs[i]);
        return r;
}

static void print_tables(const SessionReport *report, const Table *users, const Table *sessions,
                         const Table *jobs) {
        if (!report->logind)
                (void) puts("systemd-logind does not answer the daemon: jobs stay at a logout.\n");
        table_print(users);
        if (report->n_sessions > 0) {
                (void) putchar('\n');
                table_print(sessions);
        }
        (void) putchar('\n');
        table_print(jobs);
}

static int print_report(const SessionReport *report) {
        static const char *const user_headings[] = { "USER",    "LOGGED IN",
                                                     "LINGERS", "LOGIND, AT A SESSION'S END",
                                                     "JOBS",    NULL };
        static const char *const session_headings[] = { "SESSION", "USER", "SERVICE", "CLASS",
                                                        "STATE",   "JOBS", NULL };
        static const char *const job_headings[] = {
                "JOB", "USER", "NAME", "FROM", "AT LOGOUT", "WHY", NULL
        };
        _cleanup_(table_freep) Table *users = NULL, *sessions = NULL, *jobs = NULL;
        Failure failure;
        int r;

        if (report->n_jobs == 0) {
                (void) puts("No running jobs.");
                return output_finish(0);
        }
        r = table_new(user_headings, &users);
        if (r >= 0)
                r = table_new(session_headings, &sessions);
        if (r >= 0)
                r = table_new(job_headings, &jobs);
        if (r >= 0)
                r = make_tables(report, users, sessions, jobs);
        if (r < 0) {
                (void) failure_errno(&failure, r, "Cannot print the sessions");
                return failure_print(&failure, false);
        }
        print_tables(report, users, sessions, jobs);
        return output_finish(0);
}

int verb_sessions(int argc, char **argv) {
        _cleanup_(client_freep) Client *client = NULL;
        SessionReport report;
        Failure failure;
        bool json;
        int r;

        r = options_simple(argc, argv, sessions_help, 0, 0, &json);
        if (r >= 0)
                return r;
        if (session_report_get(&client, &report, &failure) != 0)
                return failure_print(&failure, json);
        r = json ? print_json(&report) : print_report(&report);
        session_report_done(&report);
        return r;
}
