/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/values.h"
#include "tools/client.h"
#include "tools/environment.h"
#include "tools/escape.h"
#include "tools/job.h"
#include "tools/logfile.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/status.h"
#include "tools/verbs.h"
#include "tools/wait.h"

#define LINGER_FOLDER "/var/lib/systemd/linger/"

static const char help[] =
                "Usage: cgmove run [OPTION...] -- COMMAND [ARGUMENT...]\n\n"
                "Runs COMMAND as a detached job: outside of the service or session, with its output in a\n"
                "log and nothing of the caller's open. Prints the job and returns at once.\n\n"
                "  -n, --name=NAME        name the job\n"
                "  -d, --delay=TIME       start COMMAND after TIME (seconds, or 500ms, 5min, ...)\n"
                "  -w, --wait             wait for the end, and exit with COMMAND's own status\n"
                "  -l, --log=FILE|null    write the output to FILE (it is emptied), or nowhere\n"
                "      --keep-env         keep the whole environment\n"
                "      --json             print JSON\n"
                "  -h, --help             show this help\n";

typedef struct Arguments {
        const char *name;
        const char *log;
        uint64_t delay;
        bool wait;
        bool keep_environment;
        bool json;
        char **command;
} Arguments;

enum { OPTION_KEEP_ENV = OPTION_FIRST_FREE };

/* With --wait the command's own status is given, so 2 would be taken for it. */
static int usage_status(const Arguments *arguments) {
        return arguments->wait ? STATUS_OWN_FAILURE : STATUS_USAGE;
}

static bool set_delay(Arguments *arguments, const char *text) {
        if (parse_duration(text, &arguments->delay) == 0 && arguments->delay < LIMIT_NONE)
                return true;
        (void) usage_error("run", "\"%s\" is no time (such as 90, 500ms, 5min)", text);
        return false;
}

/* Returns true to go on. */
static bool take_option(Arguments *arguments, int c) {
        switch (c) {
        case 'n':
                arguments->name = optarg;
                return true;
        case 'd':
                return set_delay(arguments, optarg);
        case 'w':
                arguments->wait = true;
                return true;
        case 'l':
                arguments->log = optarg;
                return true;
        case OPTION_KEEP_ENV:
                arguments->keep_environment = true;
                return true;
        case OPTION_JSON:
                arguments->json = true;
                return true;
        default:
                return false;
        }
}

/* Returns -1 to go on, or the exit status. */
static int parse(int argc, char **argv, Arguments *arguments) {
        static const struct option options[] = {
                { "name", required_argument, NULL, 'n' },
                { "delay", required_argument, NULL, 'd' },
                { "wait", no_argument, NULL, 'w' },
                { "log", required_argument, NULL, 'l' },
                { "keep-env", no_argument, NULL, OPTION_KEEP_ENV },
                OPTIONS_COMMON,
        };
        int c;

        while ((c = options_next("run", argc, argv, "+n:d:wl:", options)) >= 0) {
                if (c == 'h')
                        return options_help(help);
                if (!take_option(arguments, c))
                        return usage_status(arguments);
        }
        if (optind >= argc) {
                (void) usage_error("run", "No command given");
                return usage_status(arguments);
        }
        arguments->command = argv + optind;
        return -1;
}

/* What goes with the last logout bites jobs that use it. */
static void warn_about_linger(void) {
        EnvironmentPaths paths;
        const struct passwd *user;
        char file[512];

        if (geteuid() == 0)
                return;
        environment_paths_find(geteuid(), &paths);
        user = paths.runtime_dir[0] ? getpwuid(geteuid()) : NULL;
        if (!user || snprintf(file, sizeof(file), LINGER_FOLDER "%s", user->pw_name) >= (int) sizeof(file) ||
            access(file, F_OK) == 0 || errno != ENOENT)
                return;
        (void) fprintf(stderr,
                       "cgmove: Note: at the last logout of %s, %s and the user bus go; 'cgmove sessions' "
                       "shows "
                       "whether the job stays; "
                       "as root, 'loginctl enable-linger %s' keeps them.\n",
                       user->pw_name, paths.runtime_dir, user->pw_name);
}

static void print_started(const Arguments *arguments, const EscapeReport *report) {
        (void) printf("job %" PRIu64, report->job);
        if (arguments->name)
                (void) printf(" (%s)", arguments->name); /* the daemon took it, so it is plain */
        (void) fputs(" started", stdout);
        if (report->log[0]) {
                (void) fputs(", output in ", stdout);
                output_text(stdout, report->log);
        }
        (void) putchar('\n');
        if (!arguments->wait)
                (void) printf("'cgmove %s %" PRIu64 "' shows it, 'cgmove wait %" PRIu64
                              "' waits for its end.\n",
                              report->log[0] ? "logs -f" : "status", report->job, report->job);
        (void) fflush(stdout);
}

static int print_json(uint64_t id) {
        _cleanup_(client_freep) Client *client = NULL;

        return output_json(json_pack("{s:o}", "job", job_made_to_json(&client, id)));
}

static int wait_for_end(const Arguments *arguments, uint64_t id, Failure *failure) {
        _cleanup_(client_freep) Client *client = NULL;
        Job job;
        int r;

        if (wait_for_job(&client, id, arguments->json, &job, failure) != 0) {
                (void) failure_print(failure, arguments->json);
                return STATUS_OWN_FAILURE;
        }
        r = arguments->json ? wait_print_end(&job, true) : 0;
        if (!job.status_known)
                (void) fprintf(stderr, "cgmove: Job %" PRIu64 " ended (%s), and no exit status is known.\n",
                               id, job_state_word(&job));
        r = r != 0 ? STATUS_OWN_FAILURE : job_exit_status(&job);
        job_done(&job);
        return r;
}

static int find_folder(char log[static PATH_MAX], Failure *failure) {
        Failure cause;
        size_t n;

        if (logfile_directory(log, &cause) == 0)
                return 0;
        n = strlen(cause.message);
        return failure_set(failure, cause.status, cause.code, "%.*s; give --log=FILE or --log=null.",
                           (int) n - (n > 0 && cause.message[n - 1] == '.'), cause.message);
}

static int prepare(const Arguments *arguments, char log[static PATH_MAX], Escape *ret, Failure *failure) {
        *ret = (Escape){
                .name = arguments->name,
                .delay = arguments->delay,
                .keep_environment = arguments->keep_environment,
                .wait_for_caller = !arguments->wait,
                .command = arguments->command,
        };
        if (!arguments->log) {
                ret->log_directory = log;
                return find_folder(log, failure);
        }
        if (strcmp(arguments->log, "null") == 0)
                return 0;
        ret->log = log;
        return logfile_absolute(arguments->log, log, failure);
}

int verb_run(int argc, char **argv) {
        Arguments arguments = { .name = NULL };
        EscapeReport report = { .job = 0 };
        char log[PATH_MAX];
        Progress progress;
        Escape escape;
        int r;

        options_fill_stdio();
        r = parse(argc, argv, &arguments);
        if (r >= 0)
                return r;
        progress_begin(&progress, arguments.json, "starting the job");
        r = prepare(&arguments, log, &escape, &report.failure);
        if (r == 0)
                r = escape_run(&escape, &progress, &report);
        if (r != 0) {
                r = failure_print(&report.failure, arguments.json);
                return arguments.wait ? STATUS_OWN_FAILURE : r;
        }
        if (!arguments.json)
                print_started(&arguments, &report);
        warn_about_linger();
        if (arguments.wait)
                return wait_for_end(&arguments, report.job, &report.failure);
        return arguments.json ? print_json(report.job) : output_finish(0);
}
