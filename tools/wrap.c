/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/wrap.h"

#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "tools/display.h"

#define ROOM_LEAST 24 /* columns; what is narrower is not worth wrapping */

static size_t word_width(const char *text) {
        size_t width = 0;

        while (*text && *text != ' ') {
                uint32_t c;
                size_t n = display_utf8_next(text, strlen(text), &c);

                width += n > 0 ? display_character_width(c) : 1;
                text += n > 0 ? n : 1;
        }
        return width;
}

/* How many bytes of TEXT go into a line of ROOM columns: up to a blank, or to the end. A word that would not fit into the
 * next line either stays in this one. */
static size_t line_length(const char *text, size_t room) {
        size_t at = 0, columns = 0;

        for (;;) {
                size_t word = strcspn(text + at, " "), blanks = strspn(text + at + word, " "),
                       width = word_width(text + at);

                if (at > 0 && columns + width > room && width <= room)
                        return at;
                columns += width + blanks;
                at += word + blanks;
                if (!text[at])
                        return at;
        }
}

void wrap_print(FILE *f, const char *text, size_t indent, size_t width) {
        _cleanup_free_ char *escaped = display_escape(text, strlen(text), false);
        size_t room = width < indent + ROOM_LEAST ? SIZE_MAX : width - indent;
        const char *at = escaped ?: "(out of memory)";

        for (;;) {
                size_t n = line_length(at, room), length = n;

                if (at[n]) /* without the blanks it ends with */
                        while (length > 0 && at[length - 1] == ' ')
                                length--;
                (void) fprintf(f, "%.*s\n", (int) length, at);
                at += n;
                if (!*at)
                        return;
                (void) fprintf(f, "%*s", (int) indent, "");
        }
}
