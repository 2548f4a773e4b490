/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The administrator's rules, and the decision over them: facts in, verdict out. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/cleanup.h"
#include "lib/limits.h"
#include "lib/on-logout.h"
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
        bool looked_up; /* what first says was an answer once */
        bool unknown;   /* could not be looked up, and never was: whom it means cannot be told now */
} UserMatch;

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
        bool invalid; /* stands for files that cannot be used: nothing matches, and refusals say why */
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
        bool undecided; /* SECTION may decide, but has names that could not be looked up: no permission, until they are */
        bool invalid;   /* there is none that could match */
        const PolicySection *section; /* the deciding one; NULL if none matched, which is a refusal */
} PolicyVerdict;

/* The first section that matches user and source decides. A source of kind OTHER or MANAGER matches no
 * section. Pure. */
void policy_decide(const Policy *policy, const PolicyFacts *facts, PolicyVerdict *ret);

/* Whether the user may leave any place at all: a section that allows something matches him, and not all that it allows
 * is refused to him by the sections before. Pure. */
bool policy_lets_user(const Policy *policy, uid_t uid, const gid_t *gids, size_t n_gids);

/* Whether one of the section's "restart" patterns stands for SERVICE (see service_from_string()). Pure. */
bool policy_section_restarts(const PolicySection *section, const Source *service);

/* One sentence on a refusal: who, from where, which rule, and the command with which root would allow it.
 * Returns 0 or -ENOMEM. The caller frees *ret. */
int policy_refusal_text(const PolicyFacts *facts, const PolicyVerdict *verdict, char **ret);

/* The same for a restart of SERVICE that SECTION, which allows the move, does not list: with the line that
 * root would write. */
int policy_restart_refusal_text(uid_t uid, const PolicySection *section, const Source *service, char **ret);

/* Looks a name or a group up: the id goes to *ret, UID_NONE if there is none of that name. Returns 0, or a negative
 * errno if that cannot be told now. */
typedef int (*policy_resolve_t)(UserMatchKind kind, const char *name, void *userdata, uint32_t *ret);

/* Calls RESOLVE for each name and group of the policy and stores the id it gives; one that cannot be looked up
 * keeps the id that it had, and is unknown if it had none. Returns the number of those that could not.
 * RESOLVE may block on a directory service: never call this in the daemon's loop (see
 * daemon/name-lookup.h). The order of calls is fixed by the policy, so that ids can be computed in a child
 * and applied by the parent. */
size_t policy_resolve(Policy *policy, policy_resolve_t resolve, void *userdata);

/* How many times policy_resolve() would call. */
size_t policy_count_names(const Policy *policy);

/* Names that both policies have get the ids that they have in FROM, to fall back on. */
void policy_inherit(Policy *policy, const Policy *from);

/* A resolver over getpwnam_r() and getgrnam_r(). */
int policy_resolve_nss(UserMatchKind kind, const char *name, void *userdata, uint32_t *ret);

/* Whether an error of these functions is no more than "there is none", which modules say in several ways (see
 * getpwnam(3)). ERROR: 0 or a positive errno. */
bool policy_error_is_absence(int error);
