/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/values.h"
#include "tools/client.h"
#include "tools/display.h"
#include "tools/failure.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/patience.h"
#include "tools/policy.h"
#include "tools/status.h"

static const char help[] =
                "Usage: cgmove policy explain [OPTION...]\n\n"
                "Tells which rule decides whether you may move processes from a place, and what it "
                "gives.\n\n"
                "  -u, --user=USER    for another user (root only)\n"
                "      --from=SOURCE  user:UNIT, system:UNIT, session or job; where this was called from\n"
                "                     if not given\n"
                "      --json         print JSON\n"
                "  -h, --help         show this help\n";

#define GROUPS_MAX 1024

typedef struct Arguments {
        const char *user;
        const char *source;
        bool json;
} Arguments;

typedef struct Explanation {
        sd_bus_message *message; /* holds the texts */
        int allowed;
        uint32_t uid, line, max_jobs;
        uint64_t tasks_max, memory_max, cpu_weight, runtime_max;
        const char *source, *section, *file, *text, *rate;
} Explanation;

static void explanation_done(Explanation *e) {
        (void) sd_bus_message_unref(e->message);
}

/* --- asking
 * ------------------------------------------------------------------------------------------------------ */

static const struct passwd *find_user(const char *word) {
        PATIENTLY();
        uint32_t uid;

        return parse_id(word, &uid) == 0 ? getpwuid(uid) : getpwnam(word);
}

static int append_groups(sd_bus_message *m, const struct passwd *user) {
        PATIENTLY();
        gid_t gids[GROUPS_MAX];
        int n = GROUPS_MAX, r;

        if (getgrouplist(user->pw_name, user->pw_gid, gids, &n) < 0)
                return -E2BIG;
        r = sd_bus_message_open_container(m, 'e', "sv");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", "gids");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', "au");
        if (r >= 0)
                r = sd_bus_message_append_array(m, 'u', gids, (size_t) n * sizeof(gid_t));
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_options(sd_bus_message *m, const Arguments *arguments, const struct passwd *user) {
        int r;

        r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0 && user)
                r = sd_bus_message_append(m, "{sv}", "uid", "u", (uint32_t) user->pw_uid);
        if (r >= 0 && user)
                r = append_groups(m, user);
        if (r >= 0 && arguments->source)
                r = sd_bus_message_append(m, "{sv}", "source", "s", arguments->source);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int read_field(sd_bus_message *m, const char *key, Explanation *e) {
        const struct {
                const char *key;
                const char *type;
                void *to;
        } fields[] = {
                { "Allowed", "b", &e->allowed },
                { "Uid", "u", &e->uid },
                { "Line", "u", &e->line },
                { "MaxJobs", "u", &e->max_jobs },
                { "TasksMax", "t", &e->tasks_max },
                { "MemoryMax", "t", &e->memory_max },
                { "CPUWeight", "t", &e->cpu_weight },
                { "RuntimeMax", "t", &e->runtime_max },
                { "Source", "s", &e->source },
                { "Section", "s", &e->section },
                { "File", "s", &e->file },
                { "Message", "s", &e->text },
                { "Rate", "s", &e->rate },
        };

        for (size_t i = 0; i < ELEMENTSOF(fields); i++) {
                int r;

                if (strcmp(key, fields[i].key) != 0)
                        continue;
                r = sd_bus_message_enter_container(m, 'v', fields[i].type);
                if (r >= 0)
                        r = sd_bus_message_read_basic(m, fields[i].type[0], fields[i].to);
                return r < 0 ? r : sd_bus_message_exit_container(m);
        }
        return sd_bus_message_skip(m, "v");
}

static int read_explanation(sd_bus_message *m, Explanation *e) {
        const char *key;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = sd_bus_message_read_basic(m, 's', &key);
                if (r >= 0)
                        r = read_field(m, key, e);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        return r;
}

static int ask(const Arguments *arguments, const struct passwd *user, Explanation *e, Failure *failure) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
        _cleanup_(client_freep) Client *client = NULL;
        Progress progress;
        int r;

        progress_begin(&progress, arguments->json, PROGRESS_DAEMON);
        r = client_connect(&client, failure);
        if (r == 0)
                r = client_message(client, 0, "Explain", &message, failure);
        if (r != 0)
                return r;
        r = append_options(message, arguments, user);
        if (r < 0)
                return client_bad_message(r, failure);
        r = client_call(client, message, CLIENT_TIMEOUT, &progress, &e->message, failure);
        if (r != 0)
                return r;
        r = read_explanation(e->message, e);
        return r < 0 ? client_bad_message(r, failure) : 0;
}

/* --- telling
 * ----------------------------------------------------------------------------------------------------- */

static void print_limit(const char *key, uint64_t value, void (*format)(uint64_t, char *, size_t)) {
        char text[32];

        if (value == LIMIT_NONE)
                return;
        format(value, text, sizeof(text));
        output_key(key, "%s", text);
}

static void format_count(uint64_t value, char *buffer, size_t size) {
        (void) snprintf(buffer, size, "%" PRIu64, value);
}

/* "30/60s", as the daemon has it, is for a file and not for a reader. */
static void print_jobs(const Explanation *e) {
        uint64_t n, usec;
        const char *slash = strchr(e->rate, '/');
        char span[32];

        n = strtoul(e->rate, NULL, 10);
        if (!slash || parse_duration(slash + 1, &usec) < 0) {
                output_key("Jobs", "%" PRIu32 " at once", e->max_jobs);
                return;
        }
        display_span(usec, span, sizeof(span));
        output_key("Jobs", "%" PRIu32 " at once, %" PRIu64 " new ones in %s", e->max_jobs, n, span);
}

static void print_explanation(const Explanation *e) {
        PATIENTLY();
        const struct passwd *user = getpwuid(e->uid);

        if (user)
                output_key("User", "%s (%" PRIu32 ")", user->pw_name, e->uid);
        else
                output_key("User", "%" PRIu32, e->uid);
        output_key_text("From", e->source);
        (void) printf("%14s: ", "Allowed");
        output_state(e->allowed ? "yes" : "no");
        (void) putchar('\n');
        if (e->section[0]) {
                output_key_text("Section", e->section);
                output_key("File", "%s:%" PRIu32, e->file, e->line);
        }
        if (e->text[0])
                output_key_text("Why", e->text);
        if (!e->allowed)
                return;
        print_jobs(e);
        print_limit("Tasks", e->tasks_max, format_count);
        print_limit("Memory", e->memory_max, display_bytes);
        if (e->cpu_weight > 0)
                output_key("CPU weight", "%" PRIu64, e->cpu_weight);
        print_limit("Runtime", e->runtime_max, display_span);
}

static json_t *explanation_to_json(const Explanation *e) {
        bool rule = e->allowed && e->section[0];

        return json_pack("{s:{s:b, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}}", "policy",
                         "allowed", e->allowed, "uid", (json_int_t) e->uid, "source",
                         output_json_text(e->source), "section", output_json_text(e->section), "file",
                         output_json_text(e->file), "line", output_json_number(e->line, true), "message",
                         output_json_text(e->text), "tasks_max", output_json_number(e->tasks_max, false),
                         "memory_max_bytes", output_json_number(e->memory_max, false), "cpu_weight",
                         output_json_number(e->cpu_weight, true), "runtime_max_usec",
                         output_json_number(e->runtime_max, false), "max_jobs",
                         output_json_number(rule ? e->max_jobs : UINT64_MAX, false), "rate",
                         output_json_text(e->rate));
}

/* Returns -1 to go on, or the exit status. */
static int parse(int argc, char **argv, Arguments *arguments) {
        enum { OPTION_FROM = OPTION_FIRST_FREE };
        static const struct option options[] = {
                { "user", required_argument, NULL, 'u' },
                { "from", required_argument, NULL, OPTION_FROM },
                OPTIONS_COMMON,
        };
        int c;

        optind = 0; /* verb_policy() may have looked for options of its own */
        while ((c = options_next("policy explain", argc, argv, "u:", options)) >= 0)
                switch (c) {
                case 'u':
                        arguments->user = optarg;
                        break;
                case OPTION_FROM:
                        arguments->source = optarg;
                        break;
                case OPTION_JSON:
                        arguments->json = true;
                        break;
                case 'h':
                        return options_help(help);
                default:
                        return STATUS_USAGE;
                }
        return optind == argc ? -1 : usage_error("policy explain", "Too many arguments");
}

int policy_explain(int argc, char **argv) {
        _cleanup_(explanation_done) Explanation e = {
                .tasks_max = LIMIT_NONE,
                .memory_max = LIMIT_NONE,
                .runtime_max = LIMIT_NONE,
                .source = "",
                .section = "",
                .file = "",
                .text = "",
                .rate = "",
        };
        Arguments arguments = { .user = NULL };
        const struct passwd *user = NULL;
        Failure failure;
        int r;

        options_fill_stdio();
        r = parse(argc, argv, &arguments);
        if (r >= 0)
                return r;
        if (arguments.user) {
                user = find_user(arguments.user);
                if (!user)
                        return usage_error("policy explain", "There is no user \"%s\"", arguments.user);
        }
        if (ask(&arguments, user, &e, &failure) != 0)
                return failure_print(&failure, arguments.json);
        if (arguments.json)
                return output_json(explanation_to_json(&e)) ?: (e.allowed ? 0 : STATUS_REFUSED);
        print_explanation(&e);
        return output_finish(e.allowed ? 0 : STATUS_REFUSED);
}
