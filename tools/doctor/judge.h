/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* From facts to findings. Pure. */

#include "tools/doctor/facts.h"
#include "tools/doctor/finding.h"

/* One check; it adds what it has to say, or nothing. Each is fit for a test of its own. */
typedef void (*JudgeCheck)(const Facts *facts, Findings *findings);

/* NULL-terminated, in the order in which they are told. */
extern const JudgeCheck judge_first[];
extern const JudgeCheck judge_host[];
extern const JudgeCheck judge_daemon[];
extern const JudgeCheck judge_policy[];
extern const JudgeCheck judge_caller[];
extern const JudgeCheck judge_unit[];    /* its state, and what it is set to */
extern const JudgeCheck judge_service[]; /* what a restart of it will do */
extern const JudgeCheck judge_processes[];

/* All of them. */
void judge(const Facts *facts, Findings *ret);

/* "systemctl --user" or "systemctl", for the unit's manager. */
const char *judge_systemctl(const Facts *facts);

/* "run as root: ", for a cure, unless the caller is root. */
const char *judge_as_root(const Facts *facts);

/* The same for what only the unit's owner may do. */
const char *judge_as_owner(const Facts *facts);

/* WORD, a unit or a source, as one word of a shell: a name may have "\x2d", which that would eat. For an argument of
 * finding_cure(): judge_word(name).text. */
typedef struct JudgeWord {
        char text[JOB_RECORD_SOURCE_MAX + sizeof("''")];
} JudgeWord;
JudgeWord judge_word(const char *word);

/* "cgmove restart UNIT", as the unit's manager wants it: for an argument of finding_cure(), as judge_word(). */
typedef struct JudgeRestart {
        char text[sizeof("cgmove restart --system ") + sizeof(JudgeWord)];
} JudgeRestart;
JudgeRestart judge_restart(const Facts *facts);

/* The cure "LINE under [SECTION] with 'systemctl --user edit UNIT'". */
void judge_cure_setting(const Facts *facts, Finding *finding, const char *section, const char *line);

/* There is no policy at all, and the caller would need one: judge_first tells, instead of others. */
bool judge_is_first_minute(const Facts *facts);

/* A unit is asked for, and it is loaded: what it is set to means something. */
bool judge_unit_is_readable(const Facts *facts);
