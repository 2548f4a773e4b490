/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the caller may do, by which rule, and what root would write. */

#include <stdio.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/protected-service.h"
#include "tools/doctor/judge.h"

static bool is_root(const Facts *facts) {
        return facts->caller.uid == 0;
}

/* How a refusal of the policy ends: the command, or the section that stands in the way. */
static void cure_rule(const Facts *facts, const RuleFacts *rule, const char *source, Finding *finding) {
        if (rule->section[0])
                finding_cure(finding,
                             "as root: take \"allow = false\" out of section \"%s\" (%s:%u), or put a "
                             "section that allows %s in front of it; then: systemctl reload cgmoved.service",
                             rule->section, rule->file, (unsigned) rule->line, source);
        else
                finding_cure(finding, "as root: cgmove policy allow %s --from %s", facts->caller.name,
                             judge_word(source).text);
}

static void cure_refusal(const Facts *facts, const RuleFacts *rule, const MoveFacts *move,
                         Finding *finding) {
        if (strcmp(move->code, "SandboxLost") == 0)
                finding_cure(finding,
                             "as root: allow-unsandbox = true in section \"%s\" (%s:%u); then: systemctl "
                             "reload cgmoved.service",
                             rule->section, rule->file, (unsigned) rule->line);
        else if (strcmp(move->code, "Frozen") == 0)
                finding_cure(finding, "%s thaw %s", judge_systemctl(facts),
                             judge_word(facts->unit.asked ? facts->unit.name : facts->caller.source.unit)
                                             .text);
        else
                finding_cure(finding,
                             "run 'cgmove doctor' again from a command of the unit or a login session");
}

static void tell_allowed(const RuleFacts *rule, Findings *findings) {
        finding_add(findings, FINDING_OK, "policy",
                    "Section \"%s\" (%s:%u) allows moves out of %s: %u jobs at once, %s.", rule->section,
                    rule->file, (unsigned) rule->line, rule->source, (unsigned) rule->max_jobs, rule->rate);
}

/* --- without a unit: can the caller get out of where he is, or of one of his units? ---------- */

static size_t list_ways(const CallerFacts *caller, char *list, size_t size) {
        size_t n_ways = 0;

        list[0] = 0;
        for (size_t i = 0; i < caller->n_services; i++) {
                size_t n = strlen(list);

                if (caller->ways[i] && n_ways++ < 4)
                        (void) snprintf(list + n, size - n, "%suser:%s", n > 0 ? ", " : "",
                                        caller->services[i]);
        }
        return n_ways;
}

/* Neither a unit nor a session: no policy can name it, so none can be at fault. */
static bool is_nowhere(const CallerFacts *caller) {
        return caller->source.kind == SOURCE_OTHER || caller->source.kind == SOURCE_MANAGER;
}

static void tell_place(const Facts *facts, FindingLevel level, const char *topic, Findings *findings) {
        const CallerFacts *caller = &facts->caller;
        const char *text = caller->move.text[0] ? caller->move.text : caller->rule.text;
        Finding *finding;

        if (is_nowhere(caller)) {
                finding = finding_add(findings, level, topic,
                                      "This command is in no unit or session (its cgroup is %s), and nobody "
                                      "is moved out of there.",
                                      caller->cgroup[0] ? caller->cgroup : "not known");
                finding_cure(finding, "run it in a login session, or name a unit: cgmove doctor UNIT");
                return;
        }
        finding = finding_add(findings, level, topic, "%s",
                              text[0] ? text : "The daemon did not say whether this place may be left.");
        if (caller->rule.allowed == ANSWER_YES)
                cure_refusal(facts, &caller->rule, &caller->move, finding);
        else
                cure_rule(facts, &caller->rule, caller->place, finding);
}

static void check_place(const Facts *facts, Findings *findings) {
        const CallerFacts *caller = &facts->caller;
        char ways[640];

        if (facts->unit.asked || facts->daemon.reachable != ANSWER_YES || judge_is_first_minute(facts))
                return;
        if (caller->move.allowed == ANSWER_YES) {
                if (is_root(facts))
                        finding_add(findings, FINDING_OK, "policy", "You are root, who needs no rule.");
                else
                        tell_allowed(&caller->rule, findings);
        } else if (list_ways(caller, ways, sizeof(ways)) > 0) {
                finding_add(findings, FINDING_OK, "policy", "Commands may leave %s.", ways);
                tell_place(facts, FINDING_NOTE, "place", findings);
        } else
                tell_place(facts, FINDING_PROBLEM, "policy", findings);
}

/* --- with a unit ------------------------------------------------------------------------------------- */

static void check_unit_rule(const Facts *facts, Findings *findings) {
        const UnitFacts *unit = &facts->unit;
        Finding *finding;

        if (!unit->asked || facts->daemon.reachable != ANSWER_YES || judge_is_first_minute(facts))
                return;
        if (is_root(facts)) {
                finding_add(findings, FINDING_OK, "policy", "You are root, who needs no rule.");
                return;
        }
        if (unit->rule.allowed == ANSWER_YES) {
                tell_allowed(&unit->rule, findings);
                return;
        }
        finding = finding_add(findings, FINDING_PROBLEM, "policy", "%s",
                              unit->rule.text[0] ? unit->rule.text
                                                 : "The daemon did not say whether this unit may be left.");
        cure_rule(facts, &unit->rule, unit->source, finding);
}

/* What stands in the way of a process that is there, beside the rule for its place. */
static void check_unit_move(const Facts *facts, Findings *findings) {
        static const char *const of_no_interest[] = {
                "MainProcess", "NoSuchProcess", "NotYours", /* it was not the right one to ask for */
                "LimitReached",                             /* of calls that wait */
        };
        const UnitFacts *unit = &facts->unit;
        Finding *finding;

        if (!unit->asked || unit->move.allowed != ANSWER_NO ||
            (!is_root(facts) && unit->rule.allowed != ANSWER_YES))
                return;
        if (unit->system && strcmp(unit->move.code, "Denied") == 0)
                return; /* check_restart_list() and check_protected() have a cure */
        for (size_t i = 0; i < ELEMENTSOF(of_no_interest); i++)
                if (strcmp(unit->move.code, of_no_interest[i]) == 0)
                        return;
        finding = finding_add(findings, FINDING_PROBLEM, "move", "%s", unit->move.text);
        cure_refusal(facts, &unit->rule, &unit->move, finding);
}

/* In single quotes a "\" is nothing special, see cgmove.conf(5). */
static void cure_restart(const RuleFacts *rule, const char *unit, Finding *finding) {
        const char *quote = strchr(unit, '\\') ? "'" : "\"";

        finding_cure(finding,
                     "as root: restart = {%s%s%s} in section \"%s\" (%s:%u); then: systemctl reload "
                     "cgmoved.service",
                     quote, unit, quote, rule->section, rule->file, (unsigned) rule->line);
}

/* A system unit is restarted for those whom the policy's restart list names. */
static void check_restart_list(const Facts *facts, Findings *findings) {
        const UnitFacts *unit = &facts->unit;

        if (!unit->asked || !unit->system || is_root(facts) || unit->rule.allowed != ANSWER_YES ||
            unit->rule.restart == ANSWER_YES)
                return;
        cure_restart(&unit->rule, unit->source,
                     finding_add(findings, FINDING_PROBLEM, "restart-list",
                                 "Section \"%s\" does not list %s in restart, which a unit of the system "
                                 "manager needs.",
                                 unit->rule.section, unit->source));
}

/* Asking from elsewhere is another question than the one that was asked. */
static void check_from_here(const Facts *facts, Findings *findings) {
        const CallerFacts *caller = &facts->caller;
        const UnitFacts *unit = &facts->unit;
        Finding *finding;

        if (!unit->asked || unit->inside || caller->move.allowed != ANSWER_NO || is_nowhere(caller))
                return;
        finding = finding_add(findings, FINDING_NOTE, "place", "From here it would be refused: %s",
                              caller->move.text);
        if (caller->rule.allowed == ANSWER_YES)
                cure_restart(&caller->rule, unit->source, finding);
        else
                cure_rule(facts, &caller->rule, caller->place, finding);
}

/* The daemon restarts these for nobody. */
static void check_protected(const Facts *facts, Findings *findings) {
        const UnitFacts *unit = &facts->unit;

        if (unit->asked && unit->system && system_service_is_protected(unit->name))
                finding_cure(finding_add(findings, FINDING_PROBLEM, "restart-list",
                                         "%s is one of the units that cgmove restarts for nobody.",
                                         unit->name),
                             "as root: systemctl restart %s", judge_word(unit->name).text);
}

static void check_jobs(const Facts *facts, Findings *findings) {
        const CallerFacts *caller = &facts->caller;
        const RuleFacts *rule = facts->unit.asked ? &facts->unit.rule : &caller->rule;

        if (is_root(facts) || rule->allowed != ANSWER_YES || caller->n_jobs == UINT64_MAX ||
            rule->max_jobs == 0)
                return;
        if (caller->n_jobs >= rule->max_jobs)
                finding_cure(finding_add(findings, FINDING_PROBLEM, "jobs",
                                         "All %u jobs that section \"%s\" allows at once are in use.",
                                         (unsigned) rule->max_jobs, rule->section),
                             "cgmove list, then cgmove stop JOB; or, as root, a larger max-jobs in %s:%u",
                             rule->file, (unsigned) rule->line);
        else if (rule->max_jobs - caller->n_jobs <= rule->max_jobs / 10)
                finding_cure(finding_add(findings, FINDING_WARNING, "jobs",
                                         "%u of the %u jobs that section \"%s\" allows at once are in use.",
                                         (unsigned) caller->n_jobs, (unsigned) rule->max_jobs,
                                         rule->section),
                             "cgmove list, then cgmove stop JOB");
}

const JudgeCheck judge_policy[] = {
        check_place,     check_unit_rule, check_unit_move, check_restart_list,
        check_from_here, check_protected, check_jobs,      NULL,
};
