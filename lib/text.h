/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Text that is safe on a terminal and in a log: UTF-8 (RFC 3629: no overlong forms, no surrogates) without
 * control characters (C0, DEL, C1), line separators, and characters that turn the direction of others (U+2028
 * to U+202E, U+2066 to U+2069). Pure. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How many bytes the plain character at TEXT (NUL-terminated) has; 0 if there is none: a control character,
 * the end, or not UTF-8. */
size_t text_plain_length(const char *text);

bool text_is_plain(const char *text);

/* Copies TEXT to TO (SIZE bytes with the NUL, at least 1), every byte that is not plain as "?", cut before a
 * character that does not fit. TO may be TEXT. Returns the length of what was written. */
size_t text_copy_plain(char *to, size_t size, const char *text);
