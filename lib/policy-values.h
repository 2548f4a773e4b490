/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What may stand in the lists of a policy. Pure. */

#include <stdbool.h>

#include "lib/policy.h"

/* "user:UNIT" or "system:UNIT": a unit name with its suffix, or a pattern of the characters of unit names,
 * "*" and "?". */
bool unit_pattern_is_valid(const char *text);

/* The same, or "session", or "job". */
bool source_pattern_is_valid(const char *text);

/* A pattern for names of environment variables. */
bool variable_pattern_is_valid(const char *text);

/* "NAME", "@GROUP", "ID" or "FIRST-LAST"; what starts with a digit is an id. Returns 0; -EINVAL; -ENOMEM.
 * The caller frees ret->name. */
int user_match_parse(const char *text, UserMatch *ret);

/* Whether systemd would take NAME (without "@") for that of a user or group, not being strict (USER_NAMES of
 * systemd.io), which leaves room for directory services: "DOMAIN\alice", "alice@example.org". */
bool user_name_is_valid(const char *name);
