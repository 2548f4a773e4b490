/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stddef.h>
#include <stdio.h>

/* Prints TEXT, escaped, and a newline. Lines are ended at blanks so that they stay within WIDTH columns (0: one line, as
 * long as it gets) and continued below the column INDENT, where the cursor is at first. A word that is too long for a line,
 * a path maybe, stays whole. */
void wrap_print(FILE *f, const char *text, size_t indent, size_t width);
