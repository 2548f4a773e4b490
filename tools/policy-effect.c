/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/policy-effect.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>

#include "tools/patience.h"
#include "tools/policy-folder.h"

void policy_effect_sort_last(Policy *policy) {
        PolicySection last = policy->sections[policy->n_sections - 1];
        size_t i = policy->n_sections - 1;

        while (i > 0 &&
               strncmp(policy->sections[i - 1].file, POLICY_FOLDER "/", strlen(POLICY_FOLDER) + 1) == 0 &&
               strcmp(policy->sections[i - 1].file, last.file) > 0) {
                policy->sections[i] = policy->sections[i - 1];
                i--;
        }

        policy->sections[i] = last;
}

static bool is_for_one(const Rule *rule) {
        return rule->match.kind != USER_MATCH_GROUP && rule->match.first == rule->match.last;
}

static size_t look_groups_up(uid_t uid, gid_t gids[static POLICY_EFFECT_GROUPS_MAX]) {
        PATIENTLY();
        const struct passwd *entry = getpwuid(uid);
        int n = POLICY_EFFECT_GROUPS_MAX;

        if (!entry)
                return 0;
        return getgrouplist(entry->pw_name, entry->pw_gid, gids, &n) < 0 ? POLICY_EFFECT_GROUPS_MAX
                                                                         : (size_t) n;
}

/* Of the user, if the rule is for a single one. */
static size_t find_groups(const Rule *rule, gid_t gids[static POLICY_EFFECT_GROUPS_MAX]) {
        return is_for_one(rule) ? look_groups_up(rule->match.first, gids) : 0;
}

int policy_effect_facts(const Rule *rule, gid_t gids[static POLICY_EFFECT_GROUPS_MAX], Source *source,
                        PolicyFacts *ret) {
        if (!is_for_one(rule) || source_from_string(rule->from, rule->match.first, source) < 0)
                return -ENODATA;
        *ret = (PolicyFacts){ .uid = rule->match.first, .gids = gids, .source = source };
        ret->n_gids = find_groups(rule, gids);
        return 0;
}

void policy_effect_decide(const Policy *policy, const Rule *rule, PolicyVerdict *ret) {
        gid_t gids[POLICY_EFFECT_GROUPS_MAX];
        PolicyFacts facts;
        Source source;
        size_t n;

        if (policy_effect_facts(rule, gids, &source, &facts) >= 0) {
                policy_decide(policy, &facts, ret);
                return;
        }
        *ret = (PolicyVerdict){ .allowed = false };
        n = find_groups(rule, gids);
        for (size_t i = 0; i < policy->n_sections && !ret->section; i++)
                if (rule_overlap(rule, gids, n, &policy->sections[i]) == RULE_COVERED)
                        *ret = (PolicyVerdict){ .section = &policy->sections[i],
                                                .allowed = policy->sections[i].allow };
}

const PolicySection *policy_effect_before(const Policy *policy, const Rule *rule,
                                          const PolicySection *section) {
        gid_t gids[POLICY_EFFECT_GROUPS_MAX];
        PolicyFacts facts;
        Source source;
        size_t n;

        if (policy_effect_facts(rule, gids, &source, &facts) >= 0)
                return NULL;
        n = find_groups(rule, gids);
        for (const PolicySection *before = policy->sections; before < section; before++)
                if (rule_overlap(rule, gids, n, before) != RULE_APART)
                        return before;
        return NULL;
}
