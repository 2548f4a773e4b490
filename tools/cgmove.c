/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The command users call: the table of verbs. */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "tools/failure.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/policy.h"
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

int main(int argc, char **argv) {
        const char *word = argc > 1 ? argv[1] : "";

        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (strcmp(word, verbs[i].name) == 0)
                        return verbs[i].verb(argc - 1, argv + 1);

        if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "help") == 0)
                return options_help(help);
        if (strcmp(word, "--version") == 0) {
                (void) puts(PACKAGE_STRING);
                return output_finish(0);
        }
        if (!word[0])
                return usage_error("", "No verb given");
        return usage_error("", "Unknown %s \"%s\"", word[0] == '-' ? "option" : "verb", word);
}
