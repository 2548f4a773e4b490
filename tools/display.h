/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Words for people, and the care for words that come from elsewhere. Pure; nothing but libc. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The arguments joined by spaces and cut to SIZE - 1 bytes, as UTF-8: what is no UTF-8 and every
 * control character becomes "?". */
void display_arguments(char *const *arguments, char *buffer, size_t size);

/* The size of the UTF-8 sequence at TEXT (of LENGTH bytes) and its code point; 0 if there is none. */
size_t display_utf8_next(const char *text, size_t length, uint32_t *ret);

/* How many bytes at the end of the text begin a character whose other bytes are to come: 0 to 3. */
size_t display_utf8_incomplete(const char *text, size_t length);

/* The text with everything unsafe and invalid as \n, \t, \xNN or \u{NNNN}. If KEEP_LINES, newline and
 * tab stay. NULL: out of memory. The caller frees it. */
char *display_escape(const char *text, size_t length, bool keep_lines);

/* How many columns of a terminal a character takes: 0 for those that combine with the one before, 2 for wide ones, as
 * wcwidth(3) has it for UTF-8, whatever the locale of the process is. */
size_t display_character_width(uint32_t code_point);

/* Columns of a whole text in valid UTF-8. */
size_t display_width(const char *text);

/* A copy of TEXT (valid UTF-8) that is no wider than WIDTH columns: the end is cut off, and there is an ellipsis in its
 * place. NULL: out of memory. The caller frees it. */
char *display_shorten(const char *text, size_t width);

/* "850 ms", "12.3 s", "5 min 3 s", "6 h 20 min", "3 d 4 h"; BUFFER of 32 bytes or more. */
void display_span(uint64_t usec, char *buffer, size_t size);

/* "512 B", "1.5 GiB". */
void display_bytes(uint64_t bytes, char *buffer, size_t size);
