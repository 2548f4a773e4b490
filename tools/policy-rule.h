/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The rule that `cgmove policy allow` writes: its text, its name, its file. */

#include "lib/cleanup.h"
#include "lib/policy.h"
#include "tools/failure.h"

#define RULE_NAME_MAX 64 /* as for every section, see cgmove.conf(5) */
#define RULE_RESTARTS_MAX 16

typedef struct Rule {
        char *user;       /* as it is written in the file: "alice", "1000", "@agents" */
        UserMatch match;  /* resolved; match.name is user's */
        const char *from; /* a source pattern */
        const char *restart[RULE_RESTARTS_MAX + 1]; /* units that may be restarted, up to the first NULL */
        const char *on_logout;                      /* a value of that option; NULL: none is written */
        bool named; /* by the administrator, so that another name will not do */
        char name[RULE_NAME_MAX +
                  1]; /* of the section; "50-" is in front of it in the file's unless it was given */
} Rule;

/* Checks USER (a name, an id or "@GROUP") and FROM; NAME may be NULL. Returns 0 or a status with FAILURE
 * filled. */
int rule_init(Rule *rule, const char *user, const char *from, const char *name, Failure *failure);
void rule_done(Rule *rule);

/* Adds UNIT ("user:NAME" or "system:NAME", or a pattern), which must live as long as RULE, to what may be
 * restarted. Returns 0 or a status with FAILURE filled. */
int rule_add_restart(Rule *rule, const char *unit, Failure *failure);

/* VALUE of "on-logout", which must live as long as RULE. Returns 0 or a status with FAILURE filled. */
int rule_set_on_logout(Rule *rule, const char *value, Failure *failure);

/* How much of what the rule is about a section decides on, as far as the two tell: a group's members are not asked for, nor the
 * units that there are. */
typedef enum RuleOverlap {
        RULE_APART, /* nothing: another place, or other users */
        RULE_MAY_MEET,
        RULE_COVERED, /* all of it: same or more users, from the same or more places */
} RuleOverlap;

/* GIDS: the groups of the rule's user if it is for a single one. Pure. */
RuleOverlap rule_overlap(const Rule *rule, const gid_t *gids, size_t n_gids, const PolicySection *section);

/* Whether SECTION, which allows the move, gives all else that the rule would: lists what it would have
 * restarted, and does the same at a logout. Pure. */
bool rule_terms_are_in_section(const Rule *rule, const PolicySection *section);

/* The name to try when that of the rule is taken: "allow-alice-2" and so on. Returns 0, or -EEXIST after the
 * 99th. */
int rule_set_next_name(Rule *rule, unsigned n);

/* The path below policy.d, and the text. The caller frees *ret. 0 or -ENOMEM. */
int rule_file_name(const Rule *rule, char **ret);
int rule_text(const Rule *rule, char **ret);
