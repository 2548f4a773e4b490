/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/pattern.h"

#include <stddef.h>
#include <string.h>

static bool wildcard_takes(char c, bool crosses) {
        return c != '\0' && (crosses || (c != '@' && c != '/'));
}

/* The greedy walk that goes back to the last "*" only. That is complete although "*" stops at "@" and "/":
 * if a literal could also match later, the earlier "*" covers all that lies between, so none of it stops the
 * later "*" either. */
static bool match(const char *pattern, const char *string, bool crosses) {
        const char *star = NULL, *resume = NULL;

        while (*string || *pattern) {
                if (*pattern == '*') {
                        star = ++pattern;
                        resume = string;
                } else if (*pattern == '?' && wildcard_takes(*string, crosses)) {
                        pattern++;
                        string++;
                } else if (*pattern && *pattern != '?' && *pattern == *string) {
                        pattern++;
                        string++;
                } else if (star && wildcard_takes(*resume, crosses)) {
                        pattern = star;
                        string = ++resume;
                } else
                        return false;
        }

        return true;
}

bool pattern_match(const char *pattern, const char *string) {
        return match(pattern, string, false);
}

bool pattern_match_any(const char *pattern, const char *string) {
        return match(pattern, string, true);
}

bool pattern_covers(const char *pattern, const char *other) {
        if (strcmp(pattern, other) == 0)
                return true;
        /* a "?" takes the "*" for one character, which it is not */
        if (strchr(other, '*') && strchr(pattern, '?'))
                return false;
        /* all that a wildcard of OTHER may stand for, a "*" takes as well as the wildcard itself, and a "?" another "?" */
        return pattern_match(pattern, other);
}
