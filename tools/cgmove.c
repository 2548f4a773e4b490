/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The command users call: the table of verbs. */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "tools/failure.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/policy.h"
#include "tools/remote.h"
#include "tools/status.h"
#include "tools/verbs.h"

static const char help[] =
                "Usage: cgmove VERB [OPTION...] [ARGUMENT...]\n\n"
                "Moves processes out of a service or session into jobs that outlive it, as far as the\n"
                "administrator's policy allows.\n\n"
                "Start and move:\n"
                "  run -- COMMAND     run COMMAND as a detached job\n"
                "  exec -- COMMAND    move out, then become COMMAND\n"
                "  move PID...        move running processes\n\n"
                "Restart:\n"
                "  restart UNIT       restart a service, also from inside of it\n\n"
                "Jobs (JOB is a number or a name):\n"
                "  list               list jobs\n"
                "  status JOB         show one job\n"
                "  top                show what jobs use, live\n"
                "  logs JOB           show its output\n"
                "  wait JOB           wait until it has ended\n"
                "  stop JOB           end it\n"
                "  kill JOB           send it a signal\n\n"
                "Services whose commands know nothing of cgmove:\n"
                "  adopt UNIT         make the usual restart commands safe inside UNIT\n"
                "  release UNIT       take that back\n\n"
                "Information:\n"
                "  wait-port PORT...  wait until a port can be bound, or say who holds it\n"
                "  where [PID]        show where a process belongs, and what would kill it\n"
                "  sessions           show what a logout does to each job, and why\n"
                "  doctor [UNIT]      check host, policy and unit, and say what to change\n"
                "  policy VERB        check, explain and change the policy\n\n"
                "Of another host or container, with list, status, wait, stop and kill:\n"
                "  -H, --host=[USER@]HOST     over ssh\n"
                "  -M, --machine=[USER@]NAME  in a container of this host\n\n"
                "  -h, --help         show this help, or that of a verb\n"
                "      --version      show the version\n\n"
                "Every verb takes --help and --json. See cgmove(1).\n";

static const struct {
        const char *name;
        int (*verb)(int argc, char **argv);
} verbs[] = {
        { "exec", verb_exec },   { "run", verb_run },       { "move", verb_move },
        { "list", verb_list },   { "wait", verb_wait },     { "status", verb_status },
        { "logs", verb_logs },   { "stop", verb_stop },     { "kill", verb_kill },
        { "where", verb_where }, { "policy", verb_policy }, { "finish", verb_finish },
        { "restart", verb_restart }, { "restart-job", verb_restart_job }, { "restart-guard", verb_restart_guard },
        { "doctor", verb_doctor }, { "sessions", verb_sessions },
        { "adopt", verb_adopt }, { "release", verb_release }, { "systemctl", verb_systemctl },
        { "stop-job", verb_stop_job },
        { "top", verb_top },
        { "wait-port", verb_wait_port },
};

/* Options before the verb. Returns -1 to go on at optind, or the exit status. */
static int parse(int argc, char **argv) {
        enum { OPTION_VERSION = OPTION_FIRST_FREE };
        static const struct option options[] = {
                { "version", no_argument, NULL, OPTION_VERSION },
                OPTIONS_COMMON,
        };
        int c;

        while ((c = options_next("", argc, argv, "+", options)) >= 0)
                switch (c) {
                case 'h':
                        return options_help(help);
                case OPTION_VERSION:
                        (void) puts(PACKAGE_STRING);
                        return output_finish(0);
                case OPTION_JSON:
                        return usage_error("", "--json stands after the verb");
                default:
                        return STATUS_USAGE;
                }
        return -1;
}

static int call_verb(int argc, char **argv) {
        int r;

        for (size_t i = 0; i < ELEMENTSOF(verbs); i++) {
                if (strcmp(argv[0], verbs[i].name) != 0)
                        continue;
                /* Our caller may have told us to ignore SIGCHLD, which hides how our own children end. `exec`
                 * has none, and becomes a command that is to find what its caller has set. */
                if (verbs[i].verb != verb_exec)
                        (void) signal(SIGCHLD, SIG_DFL);
                r = remote_check_verb(argv[0]);
                return r != 0 ? r : verbs[i].verb(argc, argv);
        }
        if (strcmp(argv[0], "help") == 0)
                return options_help(help);
        return usage_error("", "Unknown verb \"%s\"", argv[0]);
}

int main(int argc, char **argv) {
        int first, r;

        r = parse(argc, argv);
        if (r >= 0)
                return r;
        if (optind == argc)
                return usage_error("", "No verb given");
        first = optind;
        optind = 0; /* the verb begins anew */
        return call_verb(argc - first, argv + first);
}
