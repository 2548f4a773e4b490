/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/restart/dry-run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/pidfd.h"
#include "lib/proc.h"
#include "tools/check-call.h"
#include "tools/display.h"
#include "tools/output.h"
#include "tools/restart/calling.h"
#include "tools/restart/outcome.h"
#include "tools/restart/prepare.h"
#include "tools/restart/unit.h"
#include "tools/status.h"

typedef struct DryRun {
        const RestartPlan *plan;
        int proc_fd;
        int status;
        char section[256]; /* of the policy that allows it */
        Unit unit;         /* id "": the manager was not asked */
        bool would_reload;
        UnitPorts ports;
        Outcome outcome;
        const PlanProcess *command;
        char *command_line;
} DryRun;

static int read_verdict(sd_bus_message *answer, DryRun *run, Failure *failure) {
        Check check;
        int r;

        r = check_enter(answer);
        if (r >= 0)
                r = check_next(answer, &check);
        if (r <= 0)
                return client_bad_message(r < 0 ? r : -EBADMSG, failure);
        if (!check.allowed)
                return failure_set(failure, check_status(&check), check_code(&check), "%s", check.message);
        (void) snprintf(run->section, sizeof(run->section), "%s", check.section);
        return 0;
}

static int ask_policy(DryRun *run, const char *source, Failure *failure) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *answer = NULL;
        _cleanup_(client_freep) Client *client = NULL;
        _cleanup_close_ int pidfd = pidfd_open_process(getpid());
        int r;

        if (pidfd < 0)
                return failure_errno(failure, pidfd, "Cannot open this process");
        r = client_connect(&client, failure);
        if (r == 0)
                r = check_call(client, &pidfd, 1, false, source, &answer, failure);
        return r != 0 ? r : read_verdict(answer, run, failure);
}

/* The system manager answers from inside of a job only. */
static int ask_manager(DryRun *run, Failure *failure) {
        _cleanup_(unit_manager_freep) UnitManager *manager = NULL;
        int r;

        if (run->plan->system)
                return 0;
        r = unit_manager_open_user(&manager, failure);
        if (r != 0)
                return r;
        r = restart_check(manager, run->plan, false, &run->unit, &run->outcome);
        if (r == 0)
                r = restart_note_ports(run->proc_fd, run->plan, &run->unit, &run->ports, &run->outcome);
        run->would_reload = run->unit.need_daemon_reload;
        if (r != 0)
                return failure_set(failure, r, run->outcome.reason, "%s", run->outcome.text);
        return 0;
}

/* The system manager's units do not tell their main process here, which could be taken for the command. */
static void find_command(DryRun *run) {
        if (run->plan->system)
                return;
        run->command = calling_find_command(run->proc_fd, run->plan, run->unit.main_pid);
        if (run->command)
                (void) proc_get_cmdline(run->proc_fd, run->command->pid, 256, &run->command_line);
}

static json_t *to_json(const DryRun *run) {
        json_t *ports = json_array();

        for (size_t i = 0; ports && i < run->ports.n_wanted; i++)
                (void) json_array_append_new(ports, json_integer(run->ports.wanted[i]));
        return json_pack("{s:{s:s, s:b, s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:o}}", "dry_run", "unit",
                         run->plan->unit, "system", run->plan->system, "section",
                         output_json_text(run->section), "active_state",
                         output_json_text(run->unit.active_state), "would_reload", run->would_reload,
                         "waits_for_pid",
                         output_json_number(run->command ? (uint64_t) run->command->pid : 0, true),
                         "waits_for_command", output_json_text(run->command_line), "when",
                         output_json_text(run->plan->when), "ports", ports, "timeout_usec",
                         output_json_number(run->unit.id[0] ? restart_timeout(run->plan, &run->unit)
                                                            : UINT64_MAX,
                                            false));
}

static void print_ports(const DryRun *run) {
        char line[256] = "none that it listens on now";
        size_t n = 0;

        for (size_t i = 0; i < run->ports.n_wanted && n < sizeof(line) - 8; i++)
                n += (size_t) snprintf(line + n, sizeof(line) - n, "%s%u", i > 0 ? ", " : "",
                                       run->ports.wanted[i]);
        output_key_text("Ports", line);
}

static void print(const DryRun *run) {
        char span[32];

        output_key_text("Would restart", run->plan->unit);
        if (run->section[0])
                output_key("Allowed by", "policy section \"%s\"", run->section);
        else
                output_key_text("Allowed by", "root, who needs no rule");
        if (run->command) {
                const char *line = run->command_line ?: "";

                output_key("Waits for", "the end of process %d%s%s%s", (int) run->command->pid,
                           line[0] ? " (" : "", line, line[0] ? ")" : "");
        }
        if (run->plan->when)
                output_key("Condition", "begins when this succeeds: %s", run->plan->when);
        if (!run->unit.id[0])
                return;
        output_key("Unit", "%s (%s), main process %d", run->unit.active_state, run->unit.sub_state,
                   (int) run->unit.main_pid);
        if (run->would_reload)
                output_key_text("Reload", "its files have changed: the manager would read them again first");
        print_ports(run);
        display_span(restart_timeout(run->plan, &run->unit), span, sizeof(span));
        output_key("Timeout", "%s", span);
}

int restart_dry_run(const RestartPlan *plan, const char *source, bool json, Failure *failure) {
        _cleanup_close_ int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
        DryRun run = { .plan = plan, .proc_fd = proc };
        int r;

        if (proc < 0)
                return failure_errno(failure, errno, "Cannot open /proc");
        outcome_init(&run.outcome, plan->unit);
        r = ask_policy(&run, source, failure);
        if (r == 0)
                r = ask_manager(&run, failure);
        if (r != 0)
                return r;
        find_command(&run);
        if (json)
                r = output_json(to_json(&run));
        else {
                print(&run);
                r = output_finish(0);
        }
        free(run.command_line);
        return r;
}
