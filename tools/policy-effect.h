/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a rule does among the sections of a policy: which one decides on what it is about. */

#include "lib/policy.h"
#include "tools/policy-rule.h"

#define POLICY_EFFECT_GROUPS_MAX 1024

/* The last section goes to where its file stands among those of policy.d. */
void policy_effect_sort_last(Policy *policy);

/* Whom the rule is about, and from where, as a policy sees him. Returns 0, or -ENODATA if that is no single one: a range, a
 * group, a pattern. */
int policy_effect_facts(const Rule *rule, gid_t gids[static POLICY_EFFECT_GROUPS_MAX], Source *source,
                        PolicyFacts *ret);

/* The section that decides. Where that is about more than one user or unit, it is the first one that does so on all of them, as
 * far as the policy itself tells: a group is not compared by its members. */
void policy_effect_decide(const Policy *policy, const Rule *rule, PolicyVerdict *ret);

/* The first one before SECTION, of POLICY, that may decide on some of them; NULL: none does. */
const PolicySection *policy_effect_before(const Policy *policy, const Rule *rule,
                                          const PolicySection *section);
