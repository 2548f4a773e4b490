/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/protocol.h"
#include "tools/client.h"
#include "tools/display.h"
#include "tools/failure.h"
#include "tools/job.h"
#include "tools/move-call.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/status.h"
#include "tools/verbs.h"

static const char help[] =
                "Usage: cgmove exec [OPTION...] -- COMMAND [ARGUMENT...]\n\n"
                "Moves itself out of the service or session into a job, then becomes COMMAND. Standard\n"
                "streams, environment and parent stay.\n\n"
                "  -n, --name=NAME  name the job\n"
                "      --fallback   if the move is refused or impossible, warn and run COMMAND in place\n"
                "      --json       first print the job as one line of JSON\n"
                "  -h, --help       show this help\n\n"
                "The exit status is the command's own; 125 if cgmove itself failed, 126 if COMMAND cannot "
                "be\n"
                "executed, 127 if it is not found.\n";

typedef struct Arguments {
        const char *name;
        bool fallback;
        bool json;
        char **command;
} Arguments;

/* Returns -1 to go on, or the exit status. */
static int parse(int argc, char **argv, Arguments *arguments) {
        enum { OPTION_FALLBACK = OPTION_FIRST_FREE };
        static const struct option options[] = {
                { "name", required_argument, NULL, 'n' },
                { "fallback", no_argument, NULL, OPTION_FALLBACK },
                OPTIONS_COMMON,
        };
        int c;

        while ((c = options_next("exec", argc, argv, "+n:", options)) >= 0)
                switch (c) {
                case 'n':
                        arguments->name = optarg;
                        break;
                case OPTION_FALLBACK:
                        arguments->fallback = true;
                        break;
                case OPTION_JSON:
                        arguments->json = true;
                        break;
                case 'h':
                        return options_help(help);
                default:
                        return STATUS_OWN_FAILURE;
                }
        if (optind >= argc) {
                (void) usage_error("exec", "No command given");
                return STATUS_OWN_FAILURE;
        }
        arguments->command = argv + optind;
        return -1;
}

/* Returns 0 if this process is in a job now. */
static int escape(const Arguments *arguments, Failure *failure) {
        _cleanup_(client_freep) Client *client = NULL;
        char command[CGMOVE_COMMAND_MAX + 1];
        MoveRequest request = { .kind = "exec", .name = arguments->name, .command = command };
        Progress progress;
        uint64_t id;
        int r;

        display_arguments(arguments->command, command, sizeof(command));
        progress_begin(&progress, arguments->json, "cgmove: moving");
        r = move_self(&client, request, &progress, &id, failure);
        if (r != 0 || !arguments->json)
                return r;
        (void) output_json(json_pack("{s:o}", "job", job_made_to_json(&client, id)));
        return 0; /* moved all the same */
}

static int become(char **command) {
        int error;

        (void) execvp(command[0], command);
        error = errno;
        (void) fputs("cgmove: ", stderr);
        output_text(stderr, command[0]);
        (void) fprintf(stderr, ": %s.\n", strerror(error));
        return error == ENOENT ? STATUS_NOT_FOUND : STATUS_CANNOT_EXECUTE;
}

int verb_exec(int argc, char **argv) {
        Arguments arguments = { .name = NULL };
        Failure failure;
        int r;

        r = parse(argc, argv, &arguments);
        if (r >= 0)
                return r;
        if (escape(&arguments, &failure) != 0) {
                failure.status = STATUS_OWN_FAILURE;
                (void) failure_print(&failure, arguments.json);
                if (!arguments.fallback)
                        return STATUS_OWN_FAILURE;
                (void) fputs("cgmove: Running the command in place.\n", stderr);
        }
        return become(arguments.command);
}
