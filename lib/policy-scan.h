/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A look at the text of a policy file before libconfuse gets it. libconfuse 3.3 takes without a word what an
 * administrator did not mean: a second assignment replaces the first, "${X}" is the environment's, "\x2d"
 * becomes "-", a bare "*" is dropped, the end of the file ends a string or a comment, "a|b" reaches into a
 * section; it counts the line of a comment twice, and forgets where a section starts; and a string that is
 * not closed leaves its scanner in the middle of a string for the next file. All that is refused here, or
 * taken out. */

#include <stddef.h>

#define POLICY_DEPTH_MAX 4

typedef struct PolicyScanError {
        unsigned line;
        char text[200];
} PolicyScanError;

typedef struct PolicyScanResult {
        char *text;      /* a copy, NUL-terminated, with spaces in place of comments */
        unsigned *lines; /* where the sections with a title start, in the order of their starts */
        size_t n_lines;
} PolicyScanResult;

/* Returns 0; -EINVAL, and then *ret_error is set; -ENOMEM. The caller clears *ret. Pure. */
int policy_scan(const char *text, size_t size, PolicyScanResult *ret, PolicyScanError *ret_error);
void policy_scan_result_clear(PolicyScanResult *result);
