/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* How the readers of policy files fill a PolicyProblem. */

#include <stddef.h>

#include "lib/policy-file.h"

/* Sets problem->text to "FILE:LINE: ..." (without ":LINE" for 0), unless it is set already: the first word
 * is the best one. Returns -EINVAL, or -ENOMEM, so that callers can return it. */
int policy_problem_set(PolicyProblem *problem, const char *file, unsigned line, const char *format, ...)
                __attribute__((format(printf, 4, 5)));

/* Adds a sentence on FILE that uses NAMES to problem->pending. Returns 0 or -ENOMEM. */
int policy_problem_add_pending(PolicyProblem *problem, const char *file, const char *const *names,
                               size_t n_names);
