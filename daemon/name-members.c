/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/name-members.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "lib/allowed-snapshot.h"
#include "lib/cleanup.h"

#define GROUPS_FIRST 64
#define GROUPS_LIMIT 65536 /* NGROUPS_MAX of the kernel */
#define NAMES_SIZE_MAX (ALLOWED_SIZE_MAX - ALLOWED_HEAD_MAX - 8)

typedef struct Members {
        const Policy *policy;
        char **names;
        size_t n;
        size_t n_allocated;
        bool failed;
        bool cut;
} Members;

static void members_done(Members *members) {
        for (size_t i = 0; i < members->n; i++)
                free(members->names[i]);
        free(members->names);
}

/* --- one user ---------------------------------------- */

static void members_add(Members *members, const char *name) {
        char *copy;

        if (members->n == members->n_allocated) {
                size_t n = members->n ? members->n * 2 : 64;
                char **grown = reallocarray(members->names, n, sizeof(char *));

                if (!grown) {
                        members->failed = true;
                        return;
                }
                members->names = grown;
                members->n_allocated = n;
        }
        copy = strdup(name);
        if (!copy) {
                members->failed = true;
                return;
        }
        members->names[members->n++] = copy;
}

/* All groups that a login would give. */
static gid_t *groups_of(const char *name, gid_t primary, size_t *ret_n) {
        for (int size = GROUPS_FIRST; size <= GROUPS_LIMIT; size *= 4) {
                gid_t *groups = calloc((size_t) size, sizeof(gid_t));
                int n = size;

                if (!groups)
                        return NULL;
                if (getgrouplist(name, primary, groups, &n) >= 0) {
                        *ret_n = (size_t) n;
                        return groups;
                }
                free(groups);
        }
        return NULL;
}

static void consider(Members *members, const char *name, uid_t uid, gid_t primary) {
        _cleanup_free_ gid_t *groups = NULL;
        size_t n = 0;

        if (!allowed_name_is_valid(name, strlen(name)))
                return;
        groups = groups_of(name, primary, &n);
        if (!groups)
                members->failed = true;
        else if (policy_lets_user(members->policy, uid, groups, n))
                members_add(members, name);
}

/* By NAME, or by UID if that is NULL. */
static void consider_entry(Members *members, const char *name, uid_t uid) {
        size_t size = 16 * 1024; /* a directory may have long entries */
        _cleanup_free_ char *buffer = malloc(size);
        struct passwd entry, *found = NULL;
        int error;

        if (!buffer) {
                members->failed = true;
                return;
        }
        error = name ? getpwnam_r(name, &entry, buffer, size, &found)
                     : getpwuid_r(uid, &entry, buffer, size, &found);
        if (found)
                consider(members, entry.pw_name, entry.pw_uid, entry.pw_gid);
        else if (!policy_error_is_absence(error))
                members->failed = true;
}

/* --- whom the policy means ---------------------------------------- */

static void consider_group(Members *members, const char *name) {
        size_t size = 1024 * 1024;
        _cleanup_free_ char *buffer = malloc(size);
        struct group entry, *found = NULL;
        int error = ENOMEM;

        if (buffer)
                error = getgrnam_r(name, &entry, buffer, size, &found);
        if (!found) {
                members->failed |= !policy_error_is_absence(error);
                return;
        }
        for (char **member = entry.gr_mem; *member; member++)
                consider_entry(members, *member, UID_NONE);
}

static void consider_match(Members *members, const UserMatch *match) {
        switch (match->kind) {
        case USER_MATCH_NAME:
                members->failed |= match->unknown;
                if (match->first != UID_NONE)
                        consider_entry(members, match->name, UID_NONE);
                break;
        case USER_MATCH_GROUP:
                members->failed |= match->unknown;
                if (match->first != GID_NONE)
                        consider_group(members, match->name);
                break;
        case USER_MATCH_RANGE:
                if (match->first == match->last)
                        consider_entry(members, NULL, match->first);
                break;
        }
}

static bool match_needs_walk(const UserMatch *match) {
        return match->first != UID_NONE &&
               (match->kind == USER_MATCH_GROUP ||
                (match->kind == USER_MATCH_RANGE && match->first != match->last));
}

static bool match_is_of(const UserMatch *match, const struct passwd *entry) {
        if (!match_needs_walk(match))
                return false;
        if (match->kind == USER_MATCH_GROUP)
                return entry->pw_gid == match->first;
        return entry->pw_uid >= match->first && entry->pw_uid <= match->last;
}

/* Whether an entry of a section that allows something stands for the user; without one: whether any needs
 * the walk. */
static bool any_match(const Policy *policy, const struct passwd *entry) {
        for (size_t i = 0; i < policy->n_sections; i++) {
                const PolicySection *section = &policy->sections[i];

                for (size_t j = 0; section->allow && j < section->n_users; j++)
                        if (entry ? match_is_of(&section->users[j], entry)
                                  : match_needs_walk(&section->users[j]))
                                return true;
        }
        return false;
}

static void walk(Members *members) {
        const struct passwd *entry;
        size_t n = 0;

        if (!any_match(members->policy, NULL))
                return;

        setpwent();
        while ((entry = getpwent())) {
                if (n++ == NAME_WALK_MAX) {
                        members->cut = true;
                        break;
                }
                if (any_match(members->policy, entry)) {
                        /* the entry is libc's, and of the next call */
                        _cleanup_free_ char *name = strdup(entry->pw_name);

                        if (name)
                                consider(members, name, entry->pw_uid, entry->pw_gid);
                        else
                                members->failed = true;
                }
        }
        endpwent();
}

/* --- the text ---------------------------------------- */

static int compare_names(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

static char *members_text(Members *members, size_t *ret_size) {
        size_t size = 0, n = 0;
        char *text, *at;

        for (size_t i = 0; i < members->n; i++)
                size += strlen(members->names[i]) + 1;
        text = malloc(size + 1);
        if (!text)
                return NULL;

        at = text;
        for (size_t i = 0; i < members->n; i++) {
                const char *name = members->names[i];

                if (i > 0 && strcmp(name, members->names[i - 1]) == 0)
                        continue;
                if (n++ == ALLOWED_MEMBERS_MAX || (size_t) (at - text) + strlen(name) + 1 > NAMES_SIZE_MAX) {
                        members->cut = true;
                        break;
                }
                at = stpcpy(at, name);
                *at++ = '\n';
        }

        *ret_size = (size_t) (at - text);
        return text;
}

NameMembersState name_members_find(const Policy *policy, char **ret, size_t *ret_size) {
        _cleanup_(members_done) Members members = { .policy = policy };

        for (size_t i = 0; i < policy->n_sections; i++)
                for (size_t j = 0; policy->sections[i].allow && j < policy->sections[i].n_users; j++)
                        consider_match(&members, &policy->sections[i].users[j]);
        walk(&members);

        if (members.n > 0)
                qsort(members.names, members.n, sizeof(char *), compare_names);
        *ret = members_text(&members, ret_size);
        if (!*ret || members.failed)
                return NAME_MEMBERS_FAILED;
        return members.cut ? NAME_MEMBERS_CUT : NAME_MEMBERS_ALL;
}
