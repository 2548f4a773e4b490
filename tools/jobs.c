/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tools/client.h"
#include "tools/display.h"
#include "tools/failure.h"
#include "tools/job.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/remote.h"
#include "tools/restart/outcome.h"
#include "tools/status.h"
#include "tools/user-name.h"
#include "tools/verbs.h"
#include "tools/wait.h"

#define GIVE_UP (UINT64_C(3) * 1000000)

/* --- list
 * ------------------------------------------------------------------------------------------------------ */

static const char list_help[] = "Usage: cgmove list [OPTION...]\n\n"
                                "Lists your jobs; root sees everybody's.\n\n"
                                "  -a, --all                  also those that have ended\n"
                                "  -H, --host=[USER@]HOST     of another host, over ssh\n"
                                "  -M, --machine=[USER@]NAME  of a container of this host\n"
                                "      --json                 print JSON\n"
                                "  -h, --help                 show this help\n";

static int print_list_json(const JobList *list) {
        json_t *array = json_array();

        for (size_t i = 0; array && i < list->n; i++)
                (void) json_array_append_new(array, job_to_json(&list->jobs[i]));
        return output_json(json_pack("{s:o}", "jobs", array));
}

static int add_job(Table *table, const Job *job, bool root) {
        char id[24], user[USER_NAME_SIZE], age[32];
        const char *cells[TABLE_COLUMNS_MAX] = { NULL };
        uint64_t now = now_realtime(), end = job->ended > 0 ? job->ended : now;
        size_t n = 0;

        (void) snprintf(id, sizeof(id), "%" PRIu64, job->id);
        display_span(end > job->created ? end - job->created : 0, age, sizeof(age));
        cells[n++] = id;
        if (root)
                cells[n++] = user_name((uid_t) job->uid, user);
        cells[n++] = job->name[0] ? job->name : "-";
        cells[n++] = job_state_word(job);
        cells[n++] = age;
        cells[n++] = job->source;
        cells[n] = job->command;
        return table_add(table, cells);
}

static void set_kinds(Table *table, bool root) {
        size_t state = root ? 3 : 2;

        table_set_kind(table, 0, TABLE_NUMBER);
        table_set_kind(table, state, TABLE_STATE);
        table_set_kind(table, state + 1, TABLE_WHOLE);
}

static int print_list(const JobList *list, bool all) {
        static const char *const headings[] = { "JOB", "NAME", "STATE", "TIME", "FROM", "COMMAND", NULL };
        static const char *const headings_root[] = { "JOB",  "USER", "NAME",    "STATE",
                                                     "TIME", "FROM", "COMMAND", NULL };
        _cleanup_(table_freep) Table *table = NULL;
        bool root = getuid() == 0 || remote_chosen()->kind != REMOTE_NONE;
        Failure failure;
        int r;

        if (list->n == 0) {
                (void) puts(all ? "No jobs." : "No running jobs; --all shows those that have ended.");
                return output_finish(0);
        }
        r = table_new(root ? headings_root : headings, &table);
        if (r >= 0)
                set_kinds(table, root);
        for (size_t i = 0; r >= 0 && i < list->n; i++)
                r = add_job(table, &list->jobs[i], root);
        if (r < 0) {
                (void) failure_errno(&failure, r, "Cannot print the list");
                return failure_print(&failure, false);
        }
        table_print(table);
        return output_finish(0);
}

int verb_list(int argc, char **argv) {
        static const struct option options[] = { { "all", no_argument, NULL, 'a' }, OPTIONS_COMMON };
        _cleanup_(client_freep) Client *client = NULL;
        _cleanup_(job_list_done) JobList list = { .n = 0 };
        bool all = false, json = false;
        Failure failure;
        int c;

        options_fill_stdio();
        while ((c = options_next("list", argc, argv, "a", options)) >= 0)
                switch (c) {
                case 'a':
                        all = true;
                        break;
                case OPTION_JSON:
                        json = true;
                        break;
                case 'h':
                        return options_help(list_help);
                default:
                        return STATUS_USAGE;
                }
        if (optind < argc)
                return usage_error("list", "Too many arguments");
        if (job_list_get(&client, all, &list, &failure) != 0)
                return failure_print(&failure, json);
        return json ? print_list_json(&list) : print_list(&list, all);
}

/* --- status
 * ---------------------------------------------------------------------------------------------------- */

static const char status_help[] = "Usage: cgmove status [OPTION...] JOB\n\n"
                                  "Shows a job, running or ended.\n\n"
                                  "  -H, --host=[USER@]HOST     of another host, over ssh\n"
                                  "  -M, --machine=[USER@]NAME  of a container of this host\n"
                                  "      --json                 print JSON\n"
                                  "  -h, --help                 show this help\n";

static void print_time(const char *key, uint64_t usec) {
        time_t seconds = (time_t) (usec / 1000000);
        char text[64], span[32];
        uint64_t now = now_realtime();
        struct tm tm;

        if (!localtime_r(&seconds, &tm) || strftime(text, sizeof(text), "%a %Y-%m-%d %H:%M:%S %Z", &tm) == 0)
                return;
        display_span(now > usec ? now - usec : 0, span, sizeof(span));
        output_key(key, "%s (%s ago)", text, span);
}

static void print_end(const Job *job) {
        char text[128];

        (void) printf("%14s: ", "State");
        output_state(job_state_word(job));
        if (!job_is_running(job)) {
                job_describe_end(job, text, sizeof(text));
                output_text(stdout, text + strcspn(text, ","));
        }
        (void) putchar('\n');
}

static void print_amount(const char *key, uint64_t value, uint64_t max,
                         void (*format)(uint64_t, char *, size_t)) {
        char text[32] = "unknown", limit[32];

        if (value == UINT64_MAX && max == UINT64_MAX)
                return;
        if (value != UINT64_MAX)
                format(value, text, sizeof(text));
        if (max == UINT64_MAX) {
                output_key(key, "%s", text);
                return;
        }
        format(max, limit, sizeof(limit));
        output_key(key, "%s (limit: %s)", text, limit);
}

static void format_count(uint64_t value, char *buffer, size_t size) {
        (void) snprintf(buffer, size, "%" PRIu64, value);
}

static void print_usage(const Job *job) {
        char span[32];

        print_amount("Tasks", job->tasks, job->tasks_max, format_count);
        print_amount("Memory", job->memory_current, job->memory_max, display_bytes);
        if (job->cpu_usage != UINT64_MAX) {
                display_span(job->cpu_usage, span, sizeof(span));
                output_key("CPU", "%s", span);
        }
        if (job->cpu_weight > 0)
                output_key("CPU weight", "%" PRIu64, job->cpu_weight);
        if (job->runtime_max != UINT64_MAX) {
                display_span(job->runtime_max, span, sizeof(span));
                output_key("Runtime limit", "%s", span);
        }
        for (char **p = job->limits_missing; p && *p; p++)
                output_key("Not enforced", "this host has no cgroup controller \"%s\"", *p);
}

static void print_processes(const Job *job) {
        char line[768]; /* 64 numbers, see org.cgmove1(5) */
        size_t at = 0;

        if (job->n_processes == 0)
                return;
        for (size_t i = 0; i < job->n_processes && at < sizeof(line); i++)
                at += (size_t) snprintf(line + at, sizeof(line) - at, "%s%" PRIu32, i > 0 ? " " : "",
                                        job->processes[i]);
        output_key_text("Processes", line);
}

static void print_outcome(const Job *job) {
        json_t *outcome = job_outcome(job);

        if (outcome)
                outcome_print(outcome, job->unit, job_is_running(job));
        json_decref(outcome);
}

static void print_status(const Job *job) {
        char user[USER_NAME_SIZE];

        output_key("Job", "%" PRIu64 "%s%s%s", job->id, job->name[0] ? " (" : "", job->name,
                   job->name[0] ? ")" : "");
        print_end(job);
        output_key_text("Command", job->command);
        output_key_text("User", user_name((uid_t) job->uid, user));
        output_key_text("Kind", job->kind);
        output_key("From", "%s (allowed by policy section \"%s\")", job->source, job->section);
        if (job->on_logout[0])
                output_key("On logout", "%s%s", job->on_logout,
                           job_is_running(job) ? "; 'cgmove sessions' shows what that means for it" : "");
        print_time("Started", job->created);
        if (job->ended > 0)
                print_time("Ended", job->ended);
        if (job->log[0])
                output_key_text("Log", job->log);
        if (job->control_group[0])
                output_key_text("Control group", job->control_group);
        print_usage(job);
        print_processes(job);
        output_key_text("Invocation", job->invocation_id);
        print_outcome(job);
}

int verb_status(int argc, char **argv) {
        _cleanup_(client_freep) Client *client = NULL;
        Failure failure;
        uint64_t id;
        bool json;
        Job job;
        int r;

        r = options_simple(argc, argv, status_help, 1, 1, &json);
        if (r >= 0)
                return r;
        r = job_find(&client, argv[optind], &id, &failure);
        if (r == 0)
                r = job_get(&client, id, GIVE_UP, &job, &failure);
        if (r != 0)
                return failure_print(&failure, json);
        if (json)
                r = output_json(json_pack("{s:o}", "job", job_to_json(&job)));
        else {
                print_status(&job);
                r = output_finish(0);
        }
        job_done(&job);
        return r;
}

/* --- wait
 * ------------------------------------------------------------------------------------------------------ */

static const char wait_help[] =
                "Usage: cgmove wait [OPTION...] JOB\n\n"
                "Waits until a job has ended and exits with the status of its command; 125 if none is\n"
                "known.\n\n"
                "  -H, --host=[USER@]HOST     of another host, over ssh\n"
                "  -M, --machine=[USER@]NAME  of a container of this host\n"
                "      --json                 print JSON\n"
                "  -h, --help                 show this help\n";

int verb_wait(int argc, char **argv) {
        _cleanup_(client_freep) Client *client = NULL;
        Failure failure;
        uint64_t id;
        bool json;
        Job job;
        int r;

        r = options_simple(argc, argv, wait_help, 1, 1, &json);
        if (r >= 0)
                return r;
        r = job_find(&client, argv[optind], &id, &failure);
        if (r == 0)
                r = wait_for_job(&client, id, json, &job, &failure);
        if (r != 0)
                return failure_print(&failure, json);
        r = wait_print_end(&job, json);
        if (r == 0)
                r = job_exit_status(&job);
        job_done(&job);
        return r;
}
