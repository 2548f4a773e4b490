/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/pidfd.h"
#include "lib/proc.h"
#include "lib/protocol.h"
#include "tools/arguments.h"
#include "tools/check-call.h"
#include "tools/client.h"
#include "tools/failure.h"
#include "tools/job.h"
#include "tools/move-call.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/status.h"
#include "tools/verbs.h"

static const char help[] =
                "Usage: cgmove move [OPTION...] PID...\n\n"
                "Moves running processes of yours into one job; all of them, or none if one is refused.\n\n"
                "  -n, --name=NAME  name the job\n"
                "      --tree       with all their descendants\n"
                "      --dry-run    move nothing, show what would be allowed\n"
                "      --json       print JSON\n"
                "  -h, --help       show this help\n";

#define PROCESSES_TOLD_MAX 64 /* by the daemon, see org.cgmove1(5) */

typedef struct Arguments {
        const char *name;
        bool tree;
        bool dry_run;
        bool json;
} Arguments;

typedef struct Targets {
        int pidfds[CGMOVE_PROCESSES_MAX];
        pid_t pids[CGMOVE_PROCESSES_MAX];
        size_t n;
} Targets;

static void targets_done(Targets *targets) {
        for (size_t i = 0; i < targets->n; i++)
                (void) close(targets->pidfds[i]);
}

static int add_target(Targets *targets, pid_t pid, Failure *failure) {
        int fd;

        for (size_t i = 0; i < targets->n; i++)
                if (targets->pids[i] == pid)
                        return 0;
        if (targets->n >= CGMOVE_PROCESSES_MAX)
                return failure_set(failure, STATUS_USAGE, "InvalidArgument",
                                   "More than %d processes; move them in parts.", CGMOVE_PROCESSES_MAX);
        fd = pidfd_open_process(pid);
        if (fd == -ESRCH || fd == -EINVAL)
                return failure_set(failure, STATUS_FAILED, "NoSuchProcess",
                                   "There is no process %d; nothing was moved. 'ps x' shows your processes.",
                                   (int) pid);
        if (fd < 0)
                return failure_errno(failure, fd, "Cannot open process %d", (int) pid);
        targets->pidfds[targets->n] = fd;
        targets->pids[targets->n++] = pid;
        return 0;
}

/* Of a process that cannot be looked at, or is not the one that was meant any more, the daemon tells the name. */
static char *get_command(pid_t pid, int pidfd) {
        _cleanup_free_ char *command = NULL;
        _cleanup_close_ int proc = -1;

        proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (proc < 0 || proc_get_cmdline(proc, pid, CGMOVE_COMMAND_MAX, &command) < 0 || command[0] == '\0' ||
            (pidfd >= 0 && !pidfd_is_alive(pidfd)))
                return NULL;
        return TAKE_PTR(command);
}

/* --- dry run
 * ---------------------------------------------------------------------------------------------------- */

static int add_row(Table *table, const Check *check) {
        char pid[16], verdict[256];
        const char *cells[TABLE_COLUMNS_MAX] = { pid, check->allowed ? "yes" : "no", check->source, verdict,
                                                 check->command };

        (void) snprintf(pid, sizeof(pid), "%" PRIu32, check->pid);
        if (check->section[0])
                (void) snprintf(verdict, sizeof(verdict), "section \"%s\"", check->section);
        else
                (void) snprintf(verdict, sizeof(verdict), "%s", "none");
        return table_add(table, cells);
}

static json_t *check_to_json(const Check *check) {
        return json_pack("{s:i, s:b, s:o, s:o, s:o, s:o, s:o}", "pid", (int) check->pid, "allowed",
                         check->allowed, "command", output_json_text(check->command), "source",
                         output_json_text(check->source), "section", output_json_text(check->section),
                         "code", output_json_text(check_code(check)), "message",
                         output_json_text(check->message));
}

static void print_refusal(const Check *check) {
        char text[1024];

        if (strncmp(check->message, "Process ", strlen("Process ")) == 0) /* it says of which */
                (void) snprintf(text, sizeof(text), "%s", check->message);
        else
                (void) snprintf(text, sizeof(text), "Process %" PRIu32 ": %s", check->pid, check->message);
        failure_print_text(text);
}

/* Reads the answer into TABLE and ARRAY, and prints the sentences of what is refused. Returns 0, or
 * the status of the first refusal, or a negative errno. */
static int read_checks(sd_bus_message *m, Table *table, json_t *array) {
        int r, status = 0;
        Check check;

        r = check_enter(m);
        while (r >= 0 && (r = check_next(m, &check)) > 0) {
                /* of others' processes the daemon tells none, and neither do we */
                bool is_told = check.command && check.command[0] != '\0';
                _cleanup_free_ char *command = is_told ? get_command((pid_t) check.pid, -1) : NULL;

                if (command)
                        check.command = command;
                if (status == 0)
                        status = check_status(&check);
                if (add_row(table, &check) < 0 || json_array_append_new(array, check_to_json(&check)) < 0)
                        return -ENOMEM;
                if (!check.allowed) {
                        print_refusal(&check);
                }
        }
        return r < 0 ? r : status;
}

static int print_checks(sd_bus_message *answer, bool json, Failure *failure) {
        static const char *const headings[] = { "PID", "ALLOWED", "FROM", "RULE", "COMMAND", NULL };
        _cleanup_(table_freep) Table *table = NULL;
        json_t *array = json_array();
        int r;

        r = array ? table_new(headings, &table) : -ENOMEM;
        if (r >= 0) {
                table_set_kind(table, 0, TABLE_NUMBER);
                table_set_kind(table, 1, TABLE_STATE);
                r = read_checks(answer, table, array);
        }
        if (r < 0) {
                json_decref(array);
                return client_bad_message(r, failure);
        }
        if (json)
                return output_json(json_pack("{s:o}", "processes", array)) ?: r;
        json_decref(array);
        table_print(table);
        return output_finish(r);
}

static int dry_run(const Arguments *arguments, const Targets *targets, Failure *failure) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *answer = NULL;
        _cleanup_(client_freep) Client *client = NULL;
        int r;

        r = client_connect(&client, failure);
        if (r == 0)
                r = check_call(client, targets->pidfds, targets->n, arguments->tree, NULL, &answer, failure);
        return r != 0 ? r : print_checks(answer, arguments->json, failure);
}

/* --- the move
 * ---------------------------------------------------------------------------------------------------- */

/* They have moved, whether the daemon is there to say more or not. */
static int print_moved(Client **client, const Arguments *arguments, uint64_t id) {
        Failure ignored;
        Job job;

        if (arguments->json)
                return output_json(json_pack("{s:o}", "job", job_made_to_json(client, id)));
        (void) printf("job %" PRIu64 "%s%s%s: moved", id, arguments->name ? " (" : "", arguments->name ?: "",
                      arguments->name ? ")" : "");
        if (job_get(client, id, JOB_MADE_GIVE_UP, &job, &ignored) == 0) {
                (void) printf(" %s%zu process%s from %s",
                              job.n_processes == PROCESSES_TOLD_MAX ? "at least " : "", job.n_processes,
                              job.n_processes == 1 ? "" : "es", job.source);
                job_done(&job);
        }
        (void) putchar('\n');
        return output_finish(0);
}

static int move(const Arguments *arguments, const Targets *targets, Failure *failure) {
        _cleanup_free_ char *command = get_command(targets->pids[0], targets->pidfds[0]);
        _cleanup_(client_freep) Client *client = NULL;
        const MoveRequest request = {
                .pidfds = targets->pidfds,
                .n_pidfds = targets->n,
                .kind = "move",
                .name = arguments->name,
                .command = command,
                .tree = arguments->tree,
        };
        Progress progress;
        uint64_t id;
        int r;

        progress_begin(&progress, arguments->json, "moving");
        r = client_connect(&client, failure);
        if (r == 0)
                r = move_call(client, &request, &progress, &id, failure);
        return r != 0 ? r : print_moved(&client, arguments, id);
}

enum { OPTION_TREE = OPTION_FIRST_FREE, OPTION_DRY_RUN };

/* Returns -1 to go on, or the exit status. */
static int parse(int argc, char **argv, Arguments *arguments) {
        static const struct option options[] = {
                { "name", required_argument, NULL, 'n' },
                { "tree", no_argument, NULL, OPTION_TREE },
                { "dry-run", no_argument, NULL, OPTION_DRY_RUN },
                OPTIONS_COMMON,
        };
        int c;

        while ((c = options_next("move", argc, argv, "n:", options)) >= 0)
                switch (c) {
                case 'n':
                        arguments->name = optarg;
                        break;
                case OPTION_TREE:
                        arguments->tree = true;
                        break;
                case OPTION_DRY_RUN:
                        arguments->dry_run = true;
                        break;
                case OPTION_JSON:
                        arguments->json = true;
                        break;
                case 'h':
                        return options_help(help);
                default:
                        return STATUS_USAGE;
                }
        return optind < argc ? -1 : usage_error("move", "No PID given");
}

int verb_move(int argc, char **argv) {
        _cleanup_(targets_done) Targets targets = { .n = 0 };
        Arguments arguments = { .name = NULL };
        Failure failure = { .status = 0 };
        pid_t pid;
        int r;

        options_fill_stdio();
        r = parse(argc, argv, &arguments);
        if (r >= 0)
                return r;
        for (int i = optind; i < argc; i++) {
                if (argument_pid(argv[i], &pid) < 0)
                        return usage_error("move", "\"%s\" is no PID (the number of a process)", argv[i]);
                if (add_target(&targets, pid, &failure) != 0)
                        return failure_print(&failure, arguments.json);
        }
        r = arguments.dry_run ? dry_run(&arguments, &targets, &failure)
                              : move(&arguments, &targets, &failure);
        return r != 0 && failure.status != 0 ? failure_print(&failure, arguments.json) : r;
}
