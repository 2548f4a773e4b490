/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The users whom a policy lets do anything, as far as the sources of nsswitch.conf(5) name them:
 *
 *   - users that it names, and the users of single ids;
 *   - members of its groups, also those whose primary group it is, if an enumeration gives them;
 *   - of a range of ids, those that such an enumeration gives.
 *
 * Each is then asked for all his groups, and listed if policy_lets_user(). An enumeration goes through
 * NAME_WALK_MAX users at most. Asks directory services: for a process of its own. */

#include <stddef.h>

#include "lib/policy.h"

#define NAME_WALK_MAX 65536

typedef enum NameMembersState {
        NAME_MEMBERS_ALL,
        NAME_MEMBERS_CUT,    /* there are more than can be listed */
        NAME_MEMBERS_FAILED, /* some could not be looked up now */
} NameMembersState;

/* Names as allowed_encode() wants them; the caller frees *ret, which is NULL if there is no memory. */
NameMembersState name_members_find(const Policy *policy, char **ret, size_t *ret_size);
