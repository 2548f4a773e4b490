/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/policy.h"

#include <string.h>

#include "lib/pattern.h"

static void strv_free(char **strv) {
        for (char **s = strv; s && *s; s++)
                free(*s);
        free(strv);
}

void watch_clear(Watch *watch) {
        free(watch->name);
        free(watch->unit);
        strv_free(watch->exec);
        *watch = (Watch){ 0 };
}

void policy_section_clear(PolicySection *section) {
        for (size_t i = 0; i < section->n_users; i++)
                free(section->users[i].name);
        for (size_t i = 0; i < section->n_watches; i++)
                watch_clear(&section->watches[i]);

        free(section->users);
        free(section->watches);
        strv_free(section->from);
        strv_free(section->restart);
        strv_free(section->scrub_env);
        free(section->name);
        free(section->file);
        *section = (PolicySection){ 0 };
}

Policy *policy_free(Policy *policy) {
        if (!policy)
                return NULL;

        for (size_t i = 0; i < policy->n_sections; i++)
                policy_section_clear(&policy->sections[i]);

        free(policy->sections);
        free(policy);
        return NULL;
}

static bool user_in_groups(const PolicyFacts *facts, gid_t gid) {
        for (size_t i = 0; i < facts->n_gids; i++)
                if (facts->gids[i] == gid)
                        return true;

        return false;
}

static bool user_matches(const UserMatch *match, const PolicyFacts *facts) {
        if (match->first == UID_NONE)
                return false;

        switch (match->kind) {
        case USER_MATCH_NAME:
                return facts->uid == match->first;
        case USER_MATCH_GROUP:
                return user_in_groups(facts, match->first);
        case USER_MATCH_RANGE:
                return facts->uid >= match->first && facts->uid <= match->last;
        }

        return false;
}

static bool source_matches(const char *pattern, const Source *source) {
        const char *prefix;

        switch (source->kind) {
        case SOURCE_USER_UNIT:
                prefix = "user:";
                break;
        case SOURCE_SYSTEM_UNIT:
                prefix = "system:";
                break;
        case SOURCE_SESSION:
                return strcmp(pattern, "session") == 0;
        case SOURCE_JOB:
                return strcmp(pattern, "job") == 0;
        case SOURCE_OTHER:
        case SOURCE_MANAGER:
        default:
                return false;
        }

        return strncmp(pattern, prefix, strlen(prefix)) == 0 &&
               pattern_match(pattern + strlen(prefix), source->unit);
}

static bool section_has_user(const PolicySection *section, const PolicyFacts *facts) {
        for (size_t i = 0; i < section->n_users; i++)
                if (user_matches(&section->users[i], facts))
                        return true;

        return false;
}

static bool section_has_source(const PolicySection *section, const Source *source) {
        for (char **pattern = section->from; *pattern; pattern++)
                if (source_matches(*pattern, source))
                        return true;

        return false;
}

static bool section_is_incomplete(const PolicySection *section) {
        for (size_t i = 0; i < section->n_users; i++)
                if (section->users[i].unknown)
                        return true;

        return false;
}

bool policy_section_restarts(const PolicySection *section, const Source *service) {
        for (char **pattern = section->restart; *pattern; pattern++)
                if (source_matches(*pattern, service))
                        return true;

        return false;
}

void policy_decide(const Policy *policy, const PolicyFacts *facts, PolicyVerdict *ret) {
        for (size_t i = 0; i < policy->n_sections; i++) {
                const PolicySection *section = &policy->sections[i];

                if (!section_has_source(section, facts->source))
                        continue;
                if (section_has_user(section, facts)) {
                        *ret = (PolicyVerdict){ .allowed = section->allow, .section = section };
                        return;
                }
                /* it may refuse this very user, or bound him more than what follows */
                if (section_is_incomplete(section)) {
                        *ret = (PolicyVerdict){ .undecided = true, .section = section };
                        return;
                }
        }

        *ret = (PolicyVerdict){ .invalid = policy->invalid };
}

/* Whether sections before the N-th leave nothing of what PATTERN of the N-th stands for: they refuse it, or nobody can tell
 * now whether they do. */
static bool closed_before(const Policy *policy, size_t n, const PolicyFacts *facts, const char *pattern) {
        for (size_t i = 0; i < n; i++) {
                const PolicySection *section = &policy->sections[i];
                bool closes = section_has_user(section, facts) ? !section->allow
                                                               : section_is_incomplete(section);

                for (char **other = section->from; closes && *other; other++)
                        if (pattern_covers(*other, pattern))
                                return true;
        }

        return false;
}

bool policy_lets_user(const Policy *policy, uid_t uid, const gid_t *gids, size_t n_gids) {
        PolicyFacts facts = { .uid = uid, .gids = gids, .n_gids = n_gids };

        for (size_t i = 0; i < policy->n_sections; i++) {
                const PolicySection *section = &policy->sections[i];

                if (!section->allow || !section_has_user(section, &facts))
                        continue;
                for (char **pattern = section->from; *pattern; pattern++)
                        if (!closed_before(policy, i, &facts, *pattern))
                                return true;
        }

        return false;
}
