/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The first minute: cgmove is installed, and there is no policy at all. What a newcomer needs then is not
 * one finding among others. */

#include "tools/doctor/judge.h"

static bool may_leave_somewhere(const CallerFacts *caller) {
        for (size_t i = 0; i < caller->n_services; i++)
                if (caller->ways[i])
                        return true;
        return caller->move.allowed == ANSWER_YES;
}

static bool may_leave(const Facts *facts) {
        return facts->unit.asked ? facts->unit.rule.allowed == ANSWER_YES
                                 : may_leave_somewhere(&facts->caller);
}

/* For a unit of the system manager other rules are missing too, which have findings of their own. */
bool judge_is_first_minute(const Facts *facts) {
        return facts->daemon.reachable == ANSWER_YES && facts->daemon.policy_empty == ANSWER_YES &&
               facts->caller.uid != 0 && !(facts->unit.asked && facts->unit.system) && !may_leave(facts);
}

/* A place that a policy can name: no process is moved out of another one. */
static bool has_place(const CallerFacts *caller) {
        return caller->source.kind != SOURCE_OTHER && caller->source.kind != SOURCE_MANAGER;
}

static const char shipped[] =
                "There is no policy yet, so no user is allowed anything: that is how cgmove is shipped.";

static void check_first_minute(const Facts *facts, Findings *findings) {
        const CallerFacts *caller = &facts->caller;
        bool here = has_place(caller);
        Finding *finding;

        if (!judge_is_first_minute(facts))
                return;
        finding = finding_add(findings, FINDING_PROBLEM, "policy", "%s Two lines make a start:", shipped);
        if (facts->unit.asked)
                finding_cure(finding, "as root: cgmove policy allow %s --from %s\nas %s: cgmove doctor %s",
                             caller->name, judge_word(facts->unit.source).text, caller->name,
                             judge_word(facts->unit.name).text);
        else
                finding_cure(finding,
                             "as root: cgmove policy allow %s --from %s\nas %s%s: cgmove run --wait -- true",
                             caller->name, here ? judge_word(caller->place).text : "session", caller->name,
                             here ? "" : ", in a login session");
}

/* Root needs no rule, but has to give them. */
static void check_nobody_allowed(const Facts *facts, Findings *findings) {
        if (facts->caller.uid == 0 && facts->daemon.policy_empty == ANSWER_YES)
                finding_cure(finding_add(findings, FINDING_NOTE, "policy", "%s", shipped),
                             "cgmove policy allow USER --from session");
}

const JudgeCheck judge_first[] = { check_first_minute, check_nobody_allowed, NULL };
