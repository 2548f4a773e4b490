/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The state a unit is in: whether there is something to restart, and whether its manager would do it. */

#include <stdio.h>
#include <string.h>

#include "tools/display.h"
#include "tools/doctor/judge.h"

#define LOOP_RESTARTS 3 /* so many automatic ones, the last one just now, look like a loop */
#define LOOP_TIME UINT64_C(60000000)

static bool is(const char *value, const char *word) {
        return strcmp(value, word) == 0;
}

static bool is_looping(const UnitFacts *unit) {
        return is(unit->sub_state, "auto-restart") || is(unit->sub_state, "auto-restart-queued");
}

static void check_known(const Facts *facts, Findings *findings) {
        const UnitFacts *unit = &facts->unit;

        /* that a user's manager is away is a finding of its own */
        if (!unit->asked || unit->known == ANSWER_YES ||
            (!unit->system && facts->caller.manager != ANSWER_YES))
                return;
        finding_cure(finding_add(findings, FINDING_PROBLEM, "unit", "Nothing can be learned about %s: %s",
                                 unit->name, unit->error[0] ? unit->error : "its manager did not answer."),
                     "%s status %s", judge_systemctl(facts), judge_word(unit->name).text);
}

static void check_load(const Facts *facts, Findings *findings) {
        const UnitFacts *unit = &facts->unit;
        Finding *finding;

        if (!unit->asked || unit->known != ANSWER_YES || is(unit->load_state, "loaded"))
                return;
        if (is(unit->load_state, "masked")) {
                finding = finding_add(findings, FINDING_PROBLEM, "load",
                                      "%s is masked, so it cannot be started.", unit->name);
                finding_cure(finding, "%s%s unmask %s", judge_as_owner(facts), judge_systemctl(facts),
                             judge_word(unit->name).text);
        } else if (is(unit->load_state, "not-found")) {
                finding = finding_add(findings, FINDING_PROBLEM, "load",
                                      "There is no unit %s in the %s manager.", unit->name,
                                      unit->system ? "system" : "user");
                finding_cure(finding, "%s list-units --all --type=service%s", judge_systemctl(facts),
                             unit->system ? "" : "; for a unit of the system: cgmove doctor --system UNIT");
        } else {
                finding = finding_add(findings, FINDING_PROBLEM, "load", "%s is not loaded (%s)%s%s",
                                      unit->name, unit->load_state, unit->load_error[0] ? ": " : ".",
                                      unit->load_error);
                finding_cure(finding, "systemd-analyze%s verify %s", unit->system ? "" : " --user",
                             unit->fragment_path[0] ? unit->fragment_path : judge_word(unit->name).text);
        }
}

static void check_reload(const Facts *facts, Findings *findings) {
        const UnitFacts *unit = &facts->unit;

        if (!unit->asked || unit->known != ANSWER_YES || !unit->need_daemon_reload)
                return;
        finding_cure(finding_add(findings, unit->system ? FINDING_PROBLEM : FINDING_NOTE, "reload",
                                 unit->system ? "The files of %s have changed since they were read, and PID "
                                                "1 is not reloaded for a user."
                                              : "The files of %s have changed since they were read; cgmove "
                                                "restart has them read first.",
                                 unit->name),
                     "%s%s daemon-reload", judge_as_owner(facts), judge_systemctl(facts));
}

/* RefuseManualStart= and RefuseManualStop= refuse RestartUnit, too: org.freedesktop.systemd1(5). */
static void check_manual(const Facts *facts, Findings *findings) {
        const UnitFacts *unit = &facts->unit;

        if (!judge_unit_is_readable(facts))
                return;
        if (unit->refuse_manual_start)
                judge_cure_setting(facts,
                                   finding_add(findings, FINDING_PROBLEM, "manual",
                                               "RefuseManualStart=yes makes the manager refuse a restart."),
                                   "Unit", "RefuseManualStart=no");
        if (unit->refuse_manual_stop)
                judge_cure_setting(facts,
                                   finding_add(findings, FINDING_PROBLEM, "manual",
                                               "RefuseManualStop=yes makes the manager refuse a restart."),
                                   "Unit", "RefuseManualStop=no");
}

/* Its commands are another's: what the caller may do says nothing of them. */
static void check_user(const Facts *facts, Findings *findings) {
        const UnitFacts *unit = &facts->unit;
        const char *user = unit->user[0] ? unit->user : "root";

        if (!judge_unit_is_readable(facts) || !unit->system || facts->caller.uid == 0 ||
            strcmp(user, facts->caller.name) == 0)
                return;
        finding_cure(finding_add(findings, FINDING_PROBLEM, "user",
                                 "%s runs as %s, and you are %s: what you may do says nothing of its "
                                 "commands.",
                                 unit->name, user, facts->caller.name),
                     "as root: runuser -u %s -- cgmove doctor --system %s", user,
                     judge_word(unit->name).text);
}

/* --- is it up? ---------------------------------------------------------------------------------------- */

/* Its last end was one of RestartPreventExitStatus=, as programs use it for "my configuration is bad". */
static bool was_prevented(const UnitFacts *unit) {
        for (size_t i = 0; i < unit->restart_prevent.n; i++)
                if (unit->exit_code == 1 /* CLD_EXITED */ &&
                    unit->restart_prevent.items[i] == unit->exit_status)
                        return true;
        return false;
}

/* The result is often that of the last start instead: the limit does not overwrite it. A unit that was
 * started again by itself, and would be after each end but those, is down for no other reason. */
static bool is_start_limited(const UnitFacts *unit) {
        if (is(unit->result, "start-limit-hit"))
                return true;
        return unit->n_restarts > 0 && !is(unit->restart, "no") && unit->start_limit_interval > 0 &&
               unit->start_limit_burst > 0 && !was_prevented(unit);
}

static void tell_failed(const Facts *facts, Findings *findings) {
        const UnitFacts *unit = &facts->unit;
        Finding *finding;

        if (is_start_limited(unit)) {
                finding = finding_add(findings, FINDING_PROBLEM, "crash-loop",
                                      "%s failed so often that its start limit is hit, and nothing starts "
                                      "it any more.",
                                      unit->name);
                finding_cure(finding, "%s", judge_restart(facts).text);
        } else if (was_prevented(unit)) {
                finding = finding_add(findings, FINDING_PROBLEM, "active",
                                      "%s ended with status %d, after which RestartPreventExitStatus= keeps "
                                      "it down.",
                                      unit->name, (int) unit->exit_status);
                finding_cure(finding, "journalctl%s -u %s -n 20 tells why; then: %s",
                             unit->system ? "" : " --user", judge_word(unit->name).text,
                             judge_restart(facts).text);
        } else {
                finding = finding_add(findings, FINDING_PROBLEM, "active", "%s has failed (%s).", unit->name,
                                      unit->result[0] ? unit->result : "no result");
                finding_cure(finding, "journalctl%s -u %s -n 20 tells why; then: %s",
                             unit->system ? "" : " --user", judge_word(unit->name).text,
                             judge_restart(facts).text);
        }
}

static void tell_stopping(const Facts *facts, Findings *findings) {
        const UnitFacts *unit = &facts->unit;
        char since[32], most[32];

        display_span(facts->now > unit->state_change ? facts->now - unit->state_change : 0, since,
                     sizeof(since));
        display_span(unit->timeout_stop, most, sizeof(most));
        finding_cure(finding_add(findings, FINDING_PROBLEM, "active",
                                 "%s has been stopping (%s) for %s of at most %s: it waits for its own "
                                 "running commands, this one included if it is one.",
                                 unit->name, unit->sub_state, since,
                                 unit->timeout_stop == UINT64_MAX ? "infinity" : most),
                     "end the commands that it waits for (systemd-cgls %s %s), or: %s%s kill "
                     "--signal=KILL %s",
                     unit->system ? "-u" : "--user-unit", judge_word(unit->name).text, judge_as_owner(facts),
                     judge_systemctl(facts), judge_word(unit->name).text);
}

static void tell_looping(const Facts *facts, Findings *findings) {
        const UnitFacts *unit = &facts->unit;

        finding_cure(finding_add(findings, FINDING_PROBLEM, "crash-loop",
                                 "%s is in a crash loop: %u automatic restarts, the last start ended with "
                                 "%s.",
                                 unit->name, (unsigned) unit->n_restarts,
                                 unit->result[0] ? unit->result : "no result"),
                     "%s", judge_restart(facts).text);
}

static void tell_active(const Facts *facts, Findings *findings) {
        const UnitFacts *unit = &facts->unit;
        uint64_t up = facts->now > unit->active_enter ? facts->now - unit->active_enter : 0;
        char span[32];

        display_span(up, span, sizeof(span));
        if (unit->n_restarts >= LOOP_RESTARTS && up < LOOP_TIME)
                finding_cure(finding_add(findings, FINDING_WARNING, "crash-loop",
                                         "%s was restarted automatically %u times, the last time %s ago: "
                                         "this looks like a crash loop.",
                                         unit->name, (unsigned) unit->n_restarts, span),
                             "journalctl%s -u %s -n 50", unit->system ? "" : " --user",
                             judge_word(unit->name).text);
        else
                finding_add(findings, FINDING_OK, "active", "%s has been %s for %s.", unit->name,
                            unit->active_state, span);
}

static void check_active(const Facts *facts, Findings *findings) {
        const UnitFacts *unit = &facts->unit;

        if (!judge_unit_is_readable(facts))
                return;
        if (is_looping(unit))
                tell_looping(facts, findings);
        else if (is(unit->active_state, "failed"))
                tell_failed(facts, findings);
        else if (is(unit->active_state, "deactivating"))
                tell_stopping(facts, findings);
        else if (is(unit->active_state, "active") || is(unit->active_state, "reloading"))
                tell_active(facts, findings);
        else if (is(unit->active_state, "activating"))
                finding_add(findings, FINDING_PROBLEM, "active", "%s is still starting (%s).", unit->name,
                            unit->sub_state);
        else
                finding_cure(finding_add(findings, FINDING_PROBLEM, "active",
                                         "%s does not run (%s), so there is nothing to restart from inside.",
                                         unit->name, unit->active_state),
                             "%s%s start %s", judge_as_owner(facts), judge_systemctl(facts),
                             judge_word(unit->name).text);
}

static void check_job(const Facts *facts, Findings *findings) {
        const UnitFacts *unit = &facts->unit;

        if (judge_unit_is_readable(facts) && unit->job > 0 && !is(unit->active_state, "deactivating"))
                finding_cure(finding_add(findings, FINDING_WARNING, "manager-job",
                                         "The manager has a job (%u) for %s already; a restart would "
                                         "replace it.",
                                         (unsigned) unit->job, unit->name),
                             "%s list-jobs", judge_systemctl(facts));
}

static void check_adopted(const Facts *facts, Findings *findings) {
        const UnitFacts *unit = &facts->unit;

        if (!judge_unit_is_readable(facts))
                return;
        if (unit->adopted)
                finding_add(findings, FINDING_OK, "adopted",
                            "%s is adopted: systemctl restart from inside it becomes cgmove restart.",
                            unit->name);
        else
                finding_cure(finding_add(findings, FINDING_NOTE, "adopted",
                                         "%s is not adopted: only cgmove restart is safe from inside, a "
                                         "plain systemctl restart is not.",
                                         unit->name),
                             "%scgmove adopt %s%s", judge_as_owner(facts), unit->system ? "--system " : "",
                             judge_word(unit->name).text);
}

const JudgeCheck judge_unit[] = {
        check_known,  check_load, check_user,    check_reload, check_manual,
        check_active, check_job,  check_adopted, NULL,
};
