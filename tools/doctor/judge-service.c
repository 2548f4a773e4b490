/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a service is set to, against what that does at a restart that one of its own commands asks for:
 * systemd.service(5), systemd.kill(5), systemd.unit(5). */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tools/display.h"
#include "tools/doctor/judge.h"
#include "tools/doctor/shed.h"

#define SECOND UINT64_C(1000000)
#define STOP_LONG (90 * SECOND) /* systemd's default; beyond it people take a drain for a hang */
#define START_LONG (300 * SECOND)
#define TIME_WAIT_TIME (60 * SECOND) /* TCP_TIMEWAIT_LEN of the kernel */

static bool is(const char *value, const char *word) {
        return strcmp(value, word) == 0;
}

static void span(uint64_t usec, char *text, size_t size) {
        if (usec == UINT64_MAX)
                (void) snprintf(text, size, "infinity");
        else
                display_span(usec, text, size);
}

static void check_kill_mode(const Facts *facts, Findings *findings) {
        const UnitFacts *unit = &facts->unit;
        Finding *finding;

        if (!judge_unit_is_readable(facts))
                return;
        if (is(unit->kill_mode, "process") || is(unit->kill_mode, "none")) {
                finding = finding_add(findings, FINDING_NOTE, "kill-mode",
                                      "KillMode=%s leaves the unit's children behind at a restart; one that "
                                      "holds its port keeps the new instance from starting (cgmove restart "
                                      "ends such).",
                                      unit->kill_mode);
                judge_cure_setting(facts, finding, "Service", "KillMode=mixed");
        } else
                finding_add(findings, FINDING_OK, "kill-mode",
                            "KillMode=%s ends every command in the unit at a restart%s; cgmove restart is "
                            "out of it by then.",
                            unit->kill_mode,
                            is(unit->kill_mode, "mixed") ? ", when the main process has gone" : "");
}

/* From inside a drain waits for its own restarter: cgmove restart lets the command end first. */
static void check_timeout_stop(const Facts *facts, Findings *findings) {
        const UnitFacts *unit = &facts->unit;
        Finding *finding;
        char text[32];

        if (!judge_unit_is_readable(facts))
                return;
        span(unit->timeout_stop, text, sizeof(text));
        if (unit->timeout_stop > STOP_LONG) {
                finding = finding_add(findings, FINDING_WARNING, "stop-timeout",
                                      "TimeoutStopSec= is %s: a service that drains its commands may be "
                                      "away for that long at each restart.",
                                      text);
                judge_cure_setting(facts, finding, "Service", "TimeoutStopSec=30");
        } else
                finding_add(findings, FINDING_OK, "stop-timeout",
                            "A stop takes %s at most (TimeoutStopSec=).", text);
        if (!unit->send_sigkill) {
                finding = finding_add(findings, FINDING_WARNING, "stop-timeout",
                                      "SendSIGKILL=no: what does not end on SIGTERM is never ended, and a "
                                      "restart leaves it behind.");
                judge_cure_setting(facts, finding, "Service", "SendSIGKILL=yes");
        }
}

static void check_timeout_start(const Facts *facts, Findings *findings) {
        const UnitFacts *unit = &facts->unit;
        Finding *finding;
        char text[32];

        /* of these types a start takes no time at all */
        if (!judge_unit_is_readable(facts) || unit->timeout_start <= START_LONG ||
            is(unit->type, "simple") || is(unit->type, "exec") || is(unit->type, "idle"))
                return;
        span(unit->timeout_start, text, sizeof(text));
        finding = finding_add(findings, FINDING_WARNING, "start-timeout",
                              "TimeoutStartSec= is %s: a new instance that never gets ready is not given up "
                              "before.",
                              text);
        judge_cure_setting(facts, finding, "Service", "TimeoutStartSec=90");
}

static void check_restart(const Facts *facts, Findings *findings) {
        const UnitFacts *unit = &facts->unit;
        Finding *finding;
        char text[32];

        if (!judge_unit_is_readable(facts) || is(unit->type, "oneshot"))
                return;
        span(unit->restart_delay, text, sizeof(text));
        if (is(unit->restart, "no")) {
                finding = finding_add(findings, FINDING_WARNING, "restart",
                                      "Restart=no: if the new instance ends, nothing starts it again but "
                                      "cgmove restart, twice at most.");
                judge_cure_setting(facts, finding, "Service", "Restart=on-failure");
        } else
                finding_add(findings, FINDING_OK, "restart", "Restart=%s, after %s.", unit->restart, text);
}

/* A port that is held for longer than all starts take leaves the unit down; one start after another without
 * an end is the other way to lose. */
static void check_start_limit(const Facts *facts, Findings *findings) {
        const UnitFacts *unit = &facts->unit;
        char interval[32], all[32];
        uint64_t starts;
        Finding *finding;

        if (!judge_unit_is_readable(facts) || unit->start_limit_interval == 0 ||
            unit->start_limit_burst == 0 || is(unit->restart, "no") || unit->restart_delay == UINT64_MAX)
                return;
        starts = unit->restart_delay * unit->start_limit_burst;
        span(unit->start_limit_interval, interval, sizeof(interval));
        if (starts < SECOND)
                (void) snprintf(all, sizeof(all), "a moment");
        else
                span(starts, all, sizeof(all));
        if (starts >= unit->start_limit_interval || starts >= TIME_WAIT_TIME) {
                finding_add(findings, FINDING_OK, "start-limit",
                            "The start limit (%u in %s) does not end a unit that has to wait for its port.",
                            (unsigned) unit->start_limit_burst, interval);
                return;
        }
        finding = finding_add(findings, FINDING_WARNING, "start-limit",
                              "A port that is held for more than %s leaves the unit down: %u starts, one "
                              "every RestartSec=, reach the start limit of %s.",
                              all, (unsigned) unit->start_limit_burst, interval);
        judge_cure_setting(facts, finding, "Unit", "StartLimitIntervalSec=0");
}

/* What the program says with its exit status decides whether it comes back. */
static void check_statuses(const Facts *facts, Findings *findings) {
        const UnitFacts *unit = &facts->unit;
        char list[128] = "";

        if (!judge_unit_is_readable(facts) || is(unit->restart, "no"))
                return;
        for (size_t i = 0; i < unit->restart_prevent.n; i++) {
                size_t n = strlen(list);

                (void) snprintf(list + n, sizeof(list) - n, "%s%d", n > 0 ? ", " : "",
                                unit->restart_prevent.items[i]);
        }
        if (list[0])
                finding_add(findings, FINDING_NOTE, "exit-status",
                            "An exit with status %s is not followed by a restart "
                            "(RestartPreventExitStatus=).",
                            list);
        if (unit->success.n > 0 && is(unit->restart, "on-failure"))
                finding_add(findings, FINDING_NOTE, "exit-status",
                            "SuccessExitStatus= makes %d a success, which Restart=on-failure does not "
                            "restart.",
                            unit->success.items[0]);
}

static void check_type(const Facts *facts, Findings *findings) {
        const UnitFacts *unit = &facts->unit;
        Finding *finding;

        if (!judge_unit_is_readable(facts))
                return;
        if (is(unit->type, "oneshot")) {
                finding = finding_add(findings, FINDING_WARNING, "type",
                                      "Type=oneshot: there is no main process to restart; its commands are "
                                      "run again.");
                judge_cure_setting(facts, finding, "Service", "Type=exec");
        } else if (is(unit->type, "simple") || is(unit->type, "idle") || is(unit->type, "exec"))
                finding_add(findings, FINDING_NOTE, "type",
                            "Type=%s: its manager calls a start done before the program is ready; cgmove "
                            "restart waits for its ports.",
                            unit->type);
        if (unit->socket_activated)
                finding_add(findings, FINDING_NOTE, "type",
                            "It is socket-activated: its ports are its manager's and stay open during a "
                            "restart.");
}

/* --- resources ---------------------------------------------------------------------------------------- */

static void check_oom(const Facts *facts, Findings *findings) {
        const UnitFacts *unit = &facts->unit;
        Finding *finding;

        if (!judge_unit_is_readable(facts))
                return;
        if (is(unit->oom_policy, "stop") || is(unit->oom_policy, "kill")) {
                finding = finding_add(findings, FINDING_NOTE, "oom",
                                      "OOMPolicy=%s: one command of it that the kernel ends for memory ends "
                                      "the whole unit.",
                                      unit->oom_policy);
                judge_cure_setting(facts, finding, "Service", "OOMPolicy=continue");
        }
        if (unit->oom_score_adjust > 200)
                finding_add(findings, FINDING_NOTE, "oom",
                            "OOMScoreAdjust=%d makes its commands the first to be ended for memory; jobs of "
                            "cgmove run and restart get 0.",
                            (int) unit->oom_score_adjust);
}

static void check_limits(const Facts *facts, Findings *findings) {
        char limits[SHED_MAX];

        if (judge_unit_is_readable(facts) && shed_limits(&facts->unit, limits) > 0)
                finding_add(findings, FINDING_NOTE, "limits",
                            "What leaves the unit leaves its limits (%s); those of the policy and the pool "
                            "apply instead.",
                            limits);
}

/* What can be lost and is never seen: nobody can ask which rules of a firewall name a cgroup. */
static void tell_firewall(const UnitFacts *unit, Findings *findings) {
        bool none = !unit->sandbox[0] && !unit->sandbox_lsm[0];

        finding_add(findings, none ? FINDING_OK : FINDING_NOTE, "sandbox",
                    "%s nft(8) rules that match its cgroup, if there are any, do not hold for what leaves "
                    "it.",
                    none ? "No sandbox of the unit is lost by leaving it that can be seen;"
                         : "Nor can this be seen:");
}

static void check_sandbox(const Facts *facts, Findings *findings) {
        const UnitFacts *unit = &facts->unit;
        const RuleFacts *rule = &unit->rule;
        Finding *finding;

        if (!judge_unit_is_readable(facts))
                return;
        if (unit->sandbox_lsm[0])
                finding_add(findings, FINDING_WARNING, "sandbox",
                            "%s of the unit does not hold for what leaves it, and the daemon cannot see "
                            "that it is lost.",
                            unit->sandbox_lsm);
        tell_firewall(unit, findings);
        if (!unit->sandbox[0] || unit->move.allowed != ANSWER_UNKNOWN)
                return; /* the daemon has said what comes of it */
        finding = finding_add(findings, rule->unsandbox == ANSWER_YES ? FINDING_NOTE : FINDING_WARNING,
                              "sandbox",
                              rule->unsandbox == ANSWER_YES
                                              ? "%s of the unit does not hold for what leaves it, and the "
                                                "policy allows that (allow-unsandbox)."
                                              : "%s of the unit would be lost by leaving it, so the daemon "
                                                "refuses that with SandboxLost.",
                              unit->sandbox);
        if (rule->unsandbox != ANSWER_YES && rule->section[0])
                finding_cure(finding,
                             "as root: allow-unsandbox = true in section \"%s\" (%s:%u); then: systemctl "
                             "reload cgmoved.service",
                             rule->section, rule->file, (unsigned) rule->line);
}

/* 219/CGROUP: a main process cannot start in a group that has controllers enabled for groups below it. */
static void check_delegate(const Facts *facts, Findings *findings) {
        const UnitFacts *unit = &facts->unit;
        Finding *finding;

        if (!judge_unit_is_readable(facts) || !unit->delegate || !is(unit->kill_mode, "process"))
                return;
        finding = finding_add(findings, FINDING_WARNING, "delegate",
                              "Delegate= with KillMode=process: processes left over in groups below the "
                              "unit's can keep the new main process from starting (status 219/CGROUP).");
        judge_cure_setting(facts, finding, "Service", "KillMode=mixed");
}

const JudgeCheck judge_service[] = {
        check_kill_mode,   check_timeout_stop, check_timeout_start, check_restart,
        check_start_limit, check_statuses,     check_type,          check_oom,
        check_limits,      check_sandbox,      check_delegate,      NULL,
};
