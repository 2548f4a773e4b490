/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The decision on one process: a pure function, facts in, decision out, in the order of checks that
 * cgmoved(8) states: the process, its source, the policy, its sandbox. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "daemon/caller.h"
#include "daemon/target.h"
#include "lib/policy.h"

typedef struct Decision {
        const char *error;            /* CGMOVE_ERROR_*, or NULL: allowed as far as the facts are known */
        char *message;                /* one sentence; NULL if allowed */
        const PolicySection *section; /* the deciding section; NULL for root, whom no policy binds */
} Decision;

/* Returns 0 and sets *ret, or -ENOMEM. A fact that is UNKNOWN refuses nothing: ask again when it is known.
 * Free with decision_done(). */
int decide(const Policy *policy, const Caller *caller, const Target *target, Decision *ret);
void decision_done(Decision *decision);

/* Refuses with ERROR, CGMOVE_ERROR_*, and one sentence, which is made plain text: a cgroup may have any bytes in its
 * name. Returns 1, or -ENOMEM. */
__attribute__((format(printf, 3, 4))) int decision_refuse(Decision *decision, const char *error, const char *format,
                                                          ...);

/* Whether the target may be the main or control process of its unit, so that its manager must be asked:
 * always for a unit of PID 1 (whose word costs little and is exact), and for a user's unit if its parent is
 * a manager, PARENT_IS_MANAGER: the children of others are main processes only by way of a MAINPID=
 * notification, and moving such a one hurts only its own manager, which is its user's. */
bool target_needs_manager(const Target *target, bool parent_is_manager);
