/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Patterns of the policy: "*" stands for any run of characters but "@" and "/", "?" for one such character;
 * anything else, "[" and "\" included, for itself. "*" does not cross "@" so that a pattern for a unit never
 * reaches the instances of a template that somebody else may name. */

#include <stdbool.h>

/* Matches the whole of STRING. Linear in strlen(pattern) * strlen(string), never exponential. Pure. */
bool pattern_match(const char *pattern, const char *string);

/* As above for command lines and variable names, where "@" and "/" mean nothing: "*" crosses everything. */
bool pattern_match_any(const char *pattern, const char *string);

/* Whether PATTERN matches whatever OTHER, a pattern too, matches. False also where that takes more than a glance. Pure. */
bool pattern_covers(const char *pattern, const char *other);
