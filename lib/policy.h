/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The administrator's rules, and the decision over them: facts in, verdict out. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/cleanup.h"
#include "lib/limits.h"
#include "lib/source.h"

typedef enum UserMatchKind {
        USER_MATCH_NAME,  /* "alice": first is her uid once resolved */
        USER_MATCH_GROUP, /* "@agents": first is its gid once resolved */
        USER_MATCH_RANGE, /* "2000-2999" or "2000": first and last */
} UserMatchKind;

typedef struct UserMatch {
        UserMatchKind kind;
        char *name;     /* name without "@", for USER_MATCH_NAME and _GROUP */
        uint32_t first; /* UID_NONE: name not known (yet); such an entry matches nobody */
        uint32_t last;
} UserMatch;

typedef enum OnLogout { ON_LOGOUT_AUTO, ON_LOGOUT_KEEP, ON_LOGOUT_STOP } OnLogout;
typedef enum WatchScope { WATCH_PROCESS, WATCH_COMMAND } WatchScope;

typedef struct Watch {
        char *name;
        char *unit; /* source pattern, "user:..." or "system:..." */
        char **exec;
        WatchScope scope;
} Watch;

/* Arrays of strings are NULL-terminated and never NULL. */
typedef struct PolicySection {
        char *name;
        char *file; /* where it stands, for explanations */
        unsigned line;
        bool allow;
        bool allow_unsandbox;
        UserMatch *users;
        size_t n_users;
        char **from;
        char **restart;
        char **scrub_env;
        uint32_t max_jobs;
        uint32_t rate_count;
        uint64_t rate_per; /* microseconds; rate_count events in it */
        Limits limits;     /* per job */
        OnLogout on_logout;
        Watch *watches;
        size_t n_watches;
} PolicySection;

typedef struct Policy {
        PolicySection *sections; /* in the order in which they are tried */
        size_t n_sections;
} Policy;

/* Free what the object owns, and leave it empty. */
void policy_section_clear(PolicySection *section);
void watch_clear(Watch *watch);

Policy *policy_free(Policy *policy);
DEFINE_CLEANUP(Policy, policy_free)

typedef struct PolicyFacts {
        uid_t uid;         /* the caller's, from the kernel */
        const gid_t *gids; /* all groups of the caller, from the kernel */
        size_t n_gids;
        const Source *source;
} PolicyFacts;

typedef struct PolicyVerdict {
        bool allowed;
        const PolicySection *section; /* the deciding one; NULL if none matched, which is a refusal */
} PolicyVerdict;

/* The first section that matches user and source decides. A source of kind OTHER or MANAGER matches no
 * section. Pure. */
void policy_decide(const Policy *policy, const PolicyFacts *facts, PolicyVerdict *ret);

/* Whether there is any source from which the user of FACTS (whose source is not looked at) may be allowed to
 * move something: a section that allows, and of whose "from" an earlier section that refuses him does not
 * have all. For what is only prepared, never for what is granted: where patterns overlap in part it may be
 * true for a user who is refused everywhere. Pure. */
bool policy_may_allow(const Policy *policy, const PolicyFacts *facts);

/* Whether one of the section's "restart" patterns stands for SERVICE (see service_from_string()). Pure. */
bool policy_section_restarts(const PolicySection *section, const Source *service);

/* One sentence on a refusal: who, from where, which rule, and the command with which root would allow it.
 * Returns 0 or -ENOMEM. The caller frees *ret. */
int policy_refusal_text(const PolicyFacts *facts, const PolicyVerdict *verdict, char **ret);

/* The same for a restart of SERVICE that SECTION, which allows the move, does not list: with the line that
 * root would write. */
int policy_restart_refusal_text(uid_t uid, const PolicySection *section, const Source *service, char **ret);

/* Calls RESOLVE for each name and group of the policy and stores the id it gives (UID_NONE: unknown).
 * RESOLVE may block on a directory service: never call this in the daemon's loop (see
 * daemon/policy-loader.h). The order of calls is fixed by the policy, so that ids can be computed in a child
 * and applied by the parent. */
typedef uint32_t (*policy_resolve_t)(UserMatchKind kind, const char *name, void *userdata);
void policy_resolve(Policy *policy, policy_resolve_t resolve, void *userdata);

/* A resolver over getpwnam_r() and getgrnam_r(). */
uint32_t policy_resolve_nss(UserMatchKind kind, const char *name, void *userdata);
