/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/policy.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>

#include "lib/pattern.h"

#define NSS_BUFFER_MAX (1024 * 1024) /* a group with 50,000 members still fits */

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

static bool section_is_about(const PolicySection *section, const PolicyFacts *facts) {
        for (size_t i = 0; i < section->n_users; i++)
                if (user_matches(&section->users[i], facts))
                        return true;

        return false;
}

static bool section_matches(const PolicySection *section, const PolicyFacts *facts) {
        if (!section_is_about(section, facts))
                return false;

        for (char **pattern = section->from; *pattern; pattern++)
                if (source_matches(*pattern, facts->source))
                        return true;

        return false;
}

/* Whether a section before END refuses the user everything that PATTERN stands for: as a text it is one of
 * the names that a pattern of that section stands for, "*" being a character like others. */
static bool is_refused_before(const Policy *policy, const PolicySection *end, const PolicyFacts *facts,
                              const char *pattern) {
        for (const PolicySection *section = policy->sections; section < end; section++) {
                if (section->allow || !section_is_about(section, facts))
                        continue;
                for (char **from = section->from; *from; from++)
                        if (pattern_match(*from, pattern))
                                return true;
        }
        return false;
}

bool policy_may_allow(const Policy *policy, const PolicyFacts *facts) {
        for (size_t i = 0; i < policy->n_sections; i++) {
                const PolicySection *section = &policy->sections[i];

                if (!section->allow || !section_is_about(section, facts))
                        continue;
                for (char **from = section->from; *from; from++)
                        if (!is_refused_before(policy, section, facts, *from))
                                return true;
        }
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

                if (section_matches(section, facts)) {
                        *ret = (PolicyVerdict){ .allowed = section->allow, .section = section };
                        return;
                }
        }

        *ret = (PolicyVerdict){ .allowed = false };
}

void policy_resolve(Policy *policy, policy_resolve_t resolve, void *userdata) {
        for (size_t i = 0; i < policy->n_sections; i++)
                for (size_t j = 0; j < policy->sections[i].n_users; j++) {
                        UserMatch *match = &policy->sections[i].users[j];

                        if (match->kind != USER_MATCH_RANGE)
                                match->first = match->last = resolve(match->kind, match->name, userdata);
                }
}

static uint32_t resolve_user(const char *name, char *buffer, size_t size, int *ret_error) {
        struct passwd entry, *found = NULL;

        *ret_error = getpwnam_r(name, &entry, buffer, size, &found);
        return found ? found->pw_uid : UID_NONE;
}

static uint32_t resolve_group(const char *name, char *buffer, size_t size, int *ret_error) {
        struct group entry, *found = NULL;

        *ret_error = getgrnam_r(name, &entry, buffer, size, &found);
        return found ? found->gr_gid : GID_NONE;
}

uint32_t policy_resolve_nss(UserMatchKind kind, const char *name, void *userdata) {
        int error = ERANGE;

        for (size_t size = 4096; error == ERANGE && size <= NSS_BUFFER_MAX; size *= 4) {
                _cleanup_free_ char *buffer = NULL;
                uint32_t id;

                buffer = malloc(size);
                if (!buffer)
                        break;

                id = kind == USER_MATCH_GROUP ? resolve_group(name, buffer, size, &error)
                                              : resolve_user(name, buffer, size, &error);
                if (id != UID_NONE)
                        return id;
        }

        return UID_NONE;
}
