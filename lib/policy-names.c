/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The names of a policy, and the numbers that they stand for. */

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>

#include "lib/policy.h"

#define NSS_BUFFER_MAX (1024 * 1024) /* a group with 50,000 members still fits */

static bool resolve_match(UserMatch *match, policy_resolve_t resolve, void *userdata) {
        uint32_t id;

        if (resolve(match->kind, match->name, userdata, &id) < 0) {
                match->unknown = !match->looked_up;
                return false;
        }

        match->first = match->last = id;
        match->looked_up = true;
        match->unknown = false;
        return true;
}

size_t policy_resolve(Policy *policy, policy_resolve_t resolve, void *userdata) {
        size_t n_failed = 0;

        for (size_t i = 0; i < policy->n_sections; i++)
                for (size_t j = 0; j < policy->sections[i].n_users; j++) {
                        UserMatch *match = &policy->sections[i].users[j];

                        if (match->kind != USER_MATCH_RANGE)
                                n_failed += !resolve_match(match, resolve, userdata);
                }

        return n_failed;
}

size_t policy_count_names(const Policy *policy) {
        size_t n = 0;

        for (size_t i = 0; i < policy->n_sections; i++)
                for (size_t j = 0; j < policy->sections[i].n_users; j++)
                        n += policy->sections[i].users[j].kind != USER_MATCH_RANGE;

        return n;
}

static const UserMatch *find_match(const Policy *policy, UserMatchKind kind, const char *name) {
        for (size_t i = 0; i < policy->n_sections; i++)
                for (size_t j = 0; j < policy->sections[i].n_users; j++) {
                        const UserMatch *match = &policy->sections[i].users[j];

                        if (match->kind == kind && match->looked_up && strcmp(match->name, name) == 0)
                                return match;
                }

        return NULL;
}

void policy_inherit(Policy *policy, const Policy *from) {
        for (size_t i = 0; i < policy->n_sections; i++)
                for (size_t j = 0; j < policy->sections[i].n_users; j++) {
                        UserMatch *match = &policy->sections[i].users[j];
                        const UserMatch *other = NULL;

                        if (match->kind != USER_MATCH_RANGE)
                                other = find_match(from, match->kind, match->name);
                        if (other) {
                                match->first = match->last = other->first;
                                match->looked_up = true;
                        }
                }
}

/* --- libc ---------------------------------------- */

bool policy_error_is_absence(int error) {
        return error == 0;
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

int policy_resolve_nss(UserMatchKind kind, const char *name, void *userdata, uint32_t *ret) {
        int error = ERANGE;

        for (size_t size = 4096; error == ERANGE && size <= NSS_BUFFER_MAX; size *= 4) {
                _cleanup_free_ char *buffer = NULL;
                uint32_t id;

                buffer = malloc(size);
                if (!buffer)
                        return -ENOMEM;

                id = kind == USER_MATCH_GROUP ? resolve_group(name, buffer, size, &error)
                                              : resolve_user(name, buffer, size, &error);
                if (id != UID_NONE || policy_error_is_absence(error)) {
                        *ret = id;
                        return 0;
                }
        }

        return -error;
}
