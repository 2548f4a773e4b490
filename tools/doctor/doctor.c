/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `cgmove doctor`: gathers facts, judges them, tells what it found. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/source.h"
#include "tools/doctor/gather.h"
#include "tools/doctor/judge.h"
#include "tools/doctor/print.h"
#include "tools/failure.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/status.h"
#include "tools/verbs.h"

static const char help[] = "Usage: cgmove doctor [OPTION...] [UNIT]\n\n"
                           "Checks the host, the daemon, the policy and your login, and whether a restart "
                           "of UNIT from\n"
                           "inside would work now; says for each finding which line or command cures it.\n\n"
                           "      --user    UNIT is one of your user manager (the default, but for root)\n"
                           "      --system  UNIT is one of the system manager\n"
                           "      --json    print JSON\n"
                           "  -h, --help    show this help\n\n"
                           "Exit status: 0 if it would work, 1 if not.\n";

typedef struct Arguments {
        char unit[UNIT_NAME_MAX + 1]; /* "": none */
        bool user, system, json;
} Arguments;

/* NAME with ".service" unless it has a suffix. */
static int set_unit(Arguments *arguments, const char *name) {
        const char *dot = strrchr(name, '.');
        bool service = dot && strcmp(dot, ".service") == 0;

        if (strlen(name) + strlen(".service") <= UNIT_NAME_MAX)
                (void) snprintf(arguments->unit, sizeof(arguments->unit), "%s%s", name,
                                service || unit_name_is_valid(name) ? "" : ".service");
        dot = strrchr(arguments->unit, '.');
        if (unit_name_is_valid(arguments->unit) && dot && strcmp(dot, ".service") == 0)
                return -1;
        return usage_error("doctor", "\"%s\" is no service", name);
}

/* Returns -1 to go on, or the exit status. */
static int parse(int argc, char **argv, Arguments *arguments) {
        enum { OPTION_USER = OPTION_FIRST_FREE, OPTION_SYSTEM };
        static const struct option options[] = {
                { "user", no_argument, NULL, OPTION_USER },
                { "system", no_argument, NULL, OPTION_SYSTEM },
                OPTIONS_COMMON,
        };
        int c;

        while ((c = options_next("doctor", argc, argv, "", options)) >= 0)
                switch (c) {
                case OPTION_USER:
                        arguments->user = true;
                        break;
                case OPTION_SYSTEM:
                        arguments->system = true;
                        break;
                case OPTION_JSON:
                        arguments->json = true;
                        break;
                case 'h':
                        return options_help(help);
                default:
                        return STATUS_USAGE;
                }
        if (arguments->user && arguments->system)
                return usage_error("doctor", "--user and --system exclude each other");
        if (argc - optind > 1)
                return usage_error("doctor", "Too many arguments");
        return optind < argc ? set_unit(arguments, argv[optind]) : -1;
}

/* The system's for root, and for who is in a unit of the system that has this name. */
static bool is_of_system(const Arguments *arguments, const CallerFacts *caller) {
        if (arguments->user || arguments->system)
                return arguments->system;
        return caller->uid == 0 || (caller->source.kind == SOURCE_SYSTEM_UNIT &&
                                    strcmp(caller->source.unit, arguments->unit) == 0);
}

static void gather(const Arguments *arguments, Facts *facts) {
        UnitFacts *unit = &facts->unit;

        facts->now = now_monotonic();
        gather_caller(&facts->caller);
        gather_host(&facts->caller, &facts->host);
        unit->asked = arguments->unit[0];
        unit->system = unit->asked && is_of_system(arguments, &facts->caller);
        unit->memory_max = unit->tasks_max = UINT64_MAX;
        unit->send_sigkill = true;
        strcpy(unit->name, arguments->unit);
        gather_unit(&facts->host, &facts->caller, unit);
        gather_daemon(&facts->daemon, &facts->caller, unit);
}

static int tell(const Facts *facts, const Findings *findings, bool json) {
        int status = findings_are_ok(findings) ? 0 : STATUS_FAILED;

        if (json)
                return output_json(findings_to_json(facts, findings)) ?: status;
        findings_print(facts, findings);
        return output_finish(status);
}

int verb_doctor(int argc, char **argv) {
        _cleanup_free_ Findings *findings = NULL;
        _cleanup_free_ Facts *facts = NULL;
        Arguments arguments = { .unit = "" };
        int r;

        options_fill_stdio();
        r = parse(argc, argv, &arguments);
        if (r >= 0)
                return r;
        facts = calloc(1, sizeof(*facts));
        findings = calloc(1, sizeof(*findings));
        if (!facts || !findings) {
                Failure failure;

                (void) failure_errno(&failure, ENOMEM, "Cannot look at this host");
                return failure_print(&failure, arguments.json);
        }
        gather(&arguments, facts);
        judge(facts, findings);
        return tell(facts, findings, arguments.json);
}
