/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `cgmove restart`: what the caller sees. The restart itself is the job's, see engine.c. */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/values.h"
#include "tools/arguments.h"
#include "tools/display.h"
#include "tools/escape.h"
#include "tools/job.h"
#include "tools/logfile.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/restart/calling.h"
#include "tools/restart/dry-run.h"
#include "tools/restart/move-out.h"
#include "tools/restart/outcome.h"
#include "tools/restart/plan.h"
#include "tools/restart/prepare.h"
#include "tools/restart/unit.h"
#include "tools/status.h"
#include "tools/verbs.h"

#define GIVE_UP (UINT64_C(300) * 1000000) /* for which the daemon may be away */
#define LOOK_INTERVAL 200000000L          /* nanoseconds between two looks at the job, with --wait */

static const char help[] =
                "Usage: cgmove restart [OPTION...] UNIT\n\n"
                "Restarts a service of yours, also from inside of it: returns at once, waits until the\n"
                "calling command has ended, restarts the unit, and sees to it that it comes up again.\n"
                "'cgmove status JOB' tells how it went.\n\n"
                "      --system           a unit of the system manager, if the policy lists it\n"
                "  -w, --wait             wait for the outcome; the calling command is moved out first\n"
                "      --after=PID        the calling command is process PID, in which this is called\n"
                "  -d, --delay=TIME       wait for TIME more (seconds, or 500ms, 5min, ...)\n"
                "      --when=COMMAND     wait until COMMAND succeeds\n"
                "      --then=COMMAND     run COMMAND when the unit is up again\n"
                "      --else=COMMAND     run COMMAND when it is not\n"
                "      --patience=TIME    for how long to wait for the calling command (5 minutes) and for\n"
                "                         --when (10 minutes)\n"
                "  -p, --port=PORT        a TCP port that the unit must listen on; if given, only those "
                "count\n"
                "      --timeout=TIME     for how long to wait for the unit to be up\n"
                "      --dry-run          look at everything, restart nothing\n"
                "      --json             print JSON\n"
                "  -h, --help             show this help\n";

typedef struct Arguments {
        RestartPlan plan;
        pid_t after; /* the calling command; 0: not told */
        bool wait;
        bool dry_run;
        bool json;
} Arguments;

enum {
        OPTION_SYSTEM = OPTION_FIRST_FREE,
        OPTION_AFTER,
        OPTION_WHEN,
        OPTION_THEN,
        OPTION_ELSE,
        OPTION_PATIENCE,
        OPTION_TIMEOUT,
        OPTION_DRY_RUN,
};

static bool set_time(uint64_t *to, const char *text, bool positive) {
        if (parse_duration(text, to) == 0 && *to < LIMIT_NONE && (!positive || *to > 0))
                return true;
        (void) usage_error("restart", "\"%s\" is no time (such as 90, 500ms, 5min)", text);
        return false;
}

static bool set_after(Arguments *arguments, const char *text) {
        if (argument_pid(text, &arguments->after) == 0)
                return true;
        (void) usage_error("restart", "\"%s\" is no process", text);
        return false;
}

static bool add_port(RestartPlan *plan, const char *text) {
        int r = plan_add_port(plan, text);

        if (r == -E2BIG)
                (void) usage_error("restart", "More than %d ports", PLAN_PORTS_MAX);
        else if (r < 0)
                (void) usage_error("restart", "\"%s\" is no port (1 to 65535)", text);
        return r >= 0;
}

/* Returns true to go on. */
static bool take_option(Arguments *arguments, int c) {
        RestartPlan *plan = &arguments->plan;

        switch (c) {
        case OPTION_SYSTEM:
                plan->system = true;
                return true;
        case 'w':
                arguments->wait = true;
                return true;
        case OPTION_AFTER:
                return set_after(arguments, optarg);
        case 'd':
                return set_time(&plan->delay, optarg, false);
        case OPTION_WHEN:
                plan->when = optarg;
                return true;
        case OPTION_THEN:
                plan->then = optarg;
                return true;
        case OPTION_ELSE:
                plan->otherwise = optarg;
                return true;
        case 'p':
                return add_port(plan, optarg);
        case OPTION_PATIENCE:
                return set_time(&plan->patience, optarg, true);
        case OPTION_TIMEOUT:
                return set_time(&plan->timeout, optarg, true);
        case OPTION_DRY_RUN:
                arguments->dry_run = true;
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
                { "system", no_argument, NULL, OPTION_SYSTEM },
                { "wait", no_argument, NULL, 'w' },
                { "after", required_argument, NULL, OPTION_AFTER },
                { "delay", required_argument, NULL, 'd' },
                { "when", required_argument, NULL, OPTION_WHEN },
                { "then", required_argument, NULL, OPTION_THEN },
                { "else", required_argument, NULL, OPTION_ELSE },
                { "port", required_argument, NULL, 'p' },
                { "patience", required_argument, NULL, OPTION_PATIENCE },
                { "timeout", required_argument, NULL, OPTION_TIMEOUT },
                { "dry-run", no_argument, NULL, OPTION_DRY_RUN },
                OPTIONS_COMMON,
        };
        Failure failure;
        int c;

        while ((c = options_next("restart", argc, argv, "wd:p:", options)) >= 0) {
                if (c == 'h')
                        return options_help(help);
                if (!take_option(arguments, c))
                        return STATUS_USAGE;
        }
        if (optind + 1 != argc)
                return usage_error("restart", optind < argc ? "More than one unit given" : "No unit given");
        if (unit_name_complete(argv[optind], arguments->plan.unit, &failure) != 0)
                return failure_print(&failure, arguments->json);
        return -1;
}

/* Who is root and names a unit mostly means one of the system: root's own manager is seldom there. */
static int open_manager(UnitManager **ret, Failure *failure) {
        Failure cause;

        if (unit_manager_open_user(ret, &cause) == 0)
                return 0;
        if (geteuid() != 0 || !cause.lost)
                *failure = cause;
        else
                (void) failure_set(failure, cause.status, cause.code,
                                   "%s For a unit of the system manager give --system.", cause.message);
        return failure->status;
}

/* By the name that the manager knows it by, so that an alias is the same unit; and what cannot be restarted
 * is refused while the caller still listens. The system manager answers from inside of a job only. */
static int resolve_unit(RestartPlan *plan, Failure *failure) {
        _cleanup_(unit_manager_freep) UnitManager *manager = NULL;
        Outcome outcome;
        Unit unit;
        int r;

        if (plan->system)
                return 0;
        r = open_manager(&manager, failure);
        if (r != 0)
                return r;
        outcome_init(&outcome, plan->unit);
        r = restart_check(manager, plan, false, &unit, &outcome);
        if (r != 0)
                return failure_set(failure, r, outcome.reason, "%s", outcome.text);
        (void) snprintf(plan->unit, sizeof(plan->unit), "%s", unit.id);
        plan->main_pid = unit.main_pid;
        return 0;
}

static int note_caller(RestartPlan *plan, pid_t after, bool wait, Failure *failure) {
        _cleanup_close_ int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);

        if (proc < 0)
                return failure_errno(failure, errno, "Cannot open /proc");
        calling_note_ancestors(proc, plan);
        if (after > 0 && calling_set_command(plan, after) < 0)
                return failure_set(failure, STATUS_USAGE, "Usage",
                                   "Process %d is none of those in %s that this was called in.", (int) after,
                                   plan->unit);
        plan->do_not_wait = wait && plan->n_ancestors > 0;
        return 0;
}

/* Where the unit itself says when a command inside of it may have it restarted: such a command does not know
 * what the unit has in hand. Who waits for the outcome may be what the condition waits for. */
static void take_condition(Arguments *arguments) {
        RestartPlan *plan = &arguments->plan;
        const char *when = getenv(PLAN_WHEN_VARIABLE);

        if (!plan->when && !arguments->wait && plan->n_ancestors > 0 && when && when[0])
                plan->when = when;
}

/* --- the job ------------------------------------------------------------------------------------------- */

/* The daemon keeps the outcome: without a place for a log (a service's user without a home, ProtectHome=) nothing is
 * lost but what commands of the caller's print. */
static void note_lack_of_log(const RestartPlan *plan, uint64_t job, const Failure *cause) {
        char text[sizeof(cause->message) + 128];

        if (!plan->when && !plan->then && !plan->otherwise)
                return;
        (void) snprintf(text, sizeof(text),
                        "Note: job %" PRIu64
                        " has no log, so what --when, --then and --else print is lost: %s",
                        job, cause->message);
        failure_print_text(text);
}

static int start(const Arguments *arguments, const char *source, EscapeReport *report) {
        char *command[PLAN_ARGUMENTS_MAX], shown[UNIT_NAME_MAX + 64], log[PATH_MAX];
        _cleanup_free_ char *buffer = NULL;
        const RestartPlan *plan = &arguments->plan;
        Escape escape = {
                .restart = source,
                .shown = shown,
                .wait_for_caller = !arguments->wait,
                .command = command,
        };
        Failure no_log;
        Progress progress;
        int r;

        (void) snprintf(shown, sizeof(shown), "cgmove restart %s%s", plan->system ? "--system " : "",
                        plan->unit);
        r = plan_to_arguments(plan, CGMOVE_LIBEXEC_DIR "/cgmove-client", "restart-job", command, &buffer);
        if (r < 0)
                return failure_errno(&report->failure, r, "Cannot start the restart");
        if (logfile_directory(log, &no_log) == 0)
                escape.log_directory = log;
        progress_begin(&progress, arguments->json, "starting the restart");
        r = escape_run(&escape, &progress, report);
        if (r == 0 && !report->joined && !escape.log_directory)
                note_lack_of_log(plan, report->job, &no_log);
        return r;
}

static void print_started(const Arguments *arguments, const EscapeReport *report) {
        const RestartPlan *plan = &arguments->plan;

        if (report->joined)
                (void) printf("job %" PRIu64 " restarts %s already, and tells how it goes\n", report->job,
                              plan->unit);
        else
                (void) printf("job %" PRIu64 " restarts %s%s\n", report->job, plan->unit,
                              plan->n_ancestors > 0 && !arguments->wait ? " when this command has ended"
                                                                        : "");
        if (!arguments->wait)
                (void) printf("'cgmove status %" PRIu64 "' tells how it went\n", report->job);
        (void) fflush(stdout);
}

/* --- with --wait --------------------------------------------------------------------------------------- */

static void show_progress(Progress *progress, const Job *job) {
        json_t *outcome = job_outcome(job);
        char text[sizeof(progress->what)];

        if (!outcome)
                return;
        outcome_describe(outcome, text, sizeof(text));
        json_decref(outcome);
        (void) snprintf(progress->what, sizeof(progress->what), "%s", text);
        progress_tick(progress);
}

static int wait_for_end(uint64_t id, bool json, Job *ret, Failure *failure) {
        const struct timespec interval = { .tv_nsec = LOOK_INTERVAL };
        _cleanup_(client_freep) Client *client = NULL;
        Progress progress;
        int r;

        progress_begin(&progress, json, "restarting");
        while ((r = job_get_quietly(&client, id, GIVE_UP, ret, failure)) == 0 && job_is_running(ret)) {
                show_progress(&progress, ret);
                job_done(ret);
                (void) nanosleep(&interval, NULL);
        }
        progress_end(&progress);
        return r;
}

static int print_outcome(const Job *job) {
        json_t *outcome = job_outcome(job);
        char text[OUTCOME_TEXT_MAX];

        (void) snprintf(text, sizeof(text), "%s", outcome_cut_off(job->unit));
        if (outcome && !json_is_null(json_object_get(outcome, "reason")))
                outcome_describe(outcome, text, sizeof(text));
        json_decref(outcome);
        output_text(stdout, text);
        (void) putchar('\n');
        return output_finish(0);
}

/* Where the main process is not known, as of a system unit, the daemon tells if that was taken for the command. */
static int move_command_out(Client **client, int proc, const RestartPlan *plan, pid_t *main_pid,
                            Failure *failure) {
        const PlanProcess *command = calling_find_command(proc, plan, *main_pid);
        _cleanup_close_ int pidfd = plan_process_open(proc, command);
        int r;

        if (pidfd < 0)
                return 0; /* it has ended */
        r = calling_move_out(client, proc, plan, command, pidfd, failure);
        if (r != 0 && *main_pid == 0 && strcmp(failure->code, "MainProcess") == 0)
                *main_pid = command->pid;
        return r;
}

/* The restart that was joined does not know of this caller: whoever waits for it inside of the unit gets out
 * by himself. If he cannot, he is told at once, and not killed while he waits. */
static int get_out(const RestartPlan *plan, uint64_t job, Failure *failure) {
        _cleanup_close_ int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
        _cleanup_(client_freep) Client *client = NULL;
        pid_t main_pid = plan->main_pid;
        Failure cause;
        int r;

        if (proc < 0)
                return failure_errno(failure, errno, "Cannot open /proc");
        r = move_command_out(&client, proc, plan, &main_pid, &cause);
        if (r != 0 && main_pid != plan->main_pid)
                r = move_command_out(&client, proc, plan, &main_pid, &cause);
        if (r == 0)
                return 0;
        return failure_set(failure, r, cause.code,
                           "The calling command could not be moved out of %s, which job %" PRIu64
                           " restarts, so it cannot wait for that: %s",
                           plan->unit, job, cause.message);
}

static int finish(const Arguments *arguments, const EscapeReport *report) {
        _cleanup_(client_freep) Client *client = NULL;
        Failure failure;
        Job job;
        int r, status;

        if (!arguments->wait)
                return output_json(json_pack("{s:b, s:o}", "joined", report->joined, "job",
                                             job_made_to_json(&client, report->job)));
        r = wait_for_end(report->job, arguments->json, &job, &failure);
        if (r != 0)
                return failure_print(&failure, arguments->json);
        status = job.status_known && job.exit_signal == 0 && job.exit_code == 0 ? 0 : STATUS_FAILED;
        r = arguments->json ? output_json(json_pack("{s:b, s:o}", "joined", report->joined, "job",
                                                    job_to_json(&job)))
                            : print_outcome(&job);
        job_done(&job);
        return r != 0 ? r : status;
}

int verb_restart(int argc, char **argv) {
        char source[sizeof("system:") + UNIT_NAME_MAX];
        Arguments arguments = { .wait = false };
        EscapeReport report = { .job = 0 };
        int r;

        options_fill_stdio();
        r = parse(argc, argv, &arguments);
        if (r >= 0)
                return r;
        r = resolve_unit(&arguments.plan, &report.failure);
        if (r == 0)
                r = note_caller(&arguments.plan, arguments.after, arguments.wait, &report.failure);
        take_condition(&arguments);
        (void) snprintf(source, sizeof(source), "%s:%s", arguments.plan.system ? "system" : "user",
                        arguments.plan.unit);
        if (r == 0 && arguments.dry_run) {
                r = restart_dry_run(&arguments.plan, source, arguments.json, &report.failure);
                return r != 0 ? failure_print(&report.failure, arguments.json) : 0;
        }
        if (r == 0)
                r = start(&arguments, source, &report);
        if (r != 0)
                return failure_print(&report.failure, arguments.json);
        if (!arguments.json)
                print_started(&arguments, &report);
        if (report.joined && arguments.plan.do_not_wait)
                r = get_out(&arguments.plan, report.job, &report.failure);
        if (r != 0)
                return failure_print(&report.failure, arguments.json);
        if (arguments.wait || arguments.json)
                return finish(&arguments, &report);
        return output_finish(0);
}
