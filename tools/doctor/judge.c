/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/doctor/judge.h"

#include <stdio.h>
#include <string.h>

#include "lib/cleanup.h"

const char *judge_systemctl(const Facts *facts) {
        return facts->unit.system ? "systemctl" : "systemctl --user";
}

const char *judge_as_root(const Facts *facts) {
        return facts->caller.uid == 0 ? "" : "as root: ";
}

const char *judge_as_owner(const Facts *facts) {
        return facts->unit.system ? judge_as_root(facts) : "";
}

JudgeWord judge_word(const char *word) {
        const char *quote = strchr(word, '\\') ? "'" : ""; /* of which no such name has one */
        JudgeWord ret;

        (void) snprintf(ret.text, sizeof(ret.text), "%s%s%s", quote, word, quote);
        return ret;
}

JudgeRestart judge_restart(const Facts *facts) {
        JudgeRestart ret;

        (void) snprintf(ret.text, sizeof(ret.text), "cgmove restart %s%s",
                        facts->unit.system ? "--system " : "", judge_word(facts->unit.name).text);
        return ret;
}

void judge_cure_setting(const Facts *facts, Finding *finding, const char *section, const char *line) {
        finding_cure(finding, "%s%s under [%s] with '%s edit %s'", judge_as_owner(facts), line, section,
                     judge_systemctl(facts), judge_word(facts->unit.name).text);
}

bool judge_unit_is_readable(const Facts *facts) {
        return facts->unit.asked && facts->unit.known == ANSWER_YES &&
               !strcmp(facts->unit.load_state, "loaded");
}

void judge(const Facts *facts, Findings *ret) {
        static const JudgeCheck *const tables[] = {
                judge_first,  judge_host, judge_daemon,  judge_policy,
                judge_caller, judge_unit, judge_service, judge_processes,
        };

        ret->n = 0;
        for (size_t i = 0; i < ELEMENTSOF(tables); i++)
                for (const JudgeCheck *check = tables[i]; *check; check++)
                        (*check)(facts, ret);
}
