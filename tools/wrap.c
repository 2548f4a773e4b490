/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/wrap.h"

#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "tools/display.h"

#define ROOM_LEAST 24 /* columns; what is narrower is not worth wrapping */

/* How many bytes of TEXT go into a line of ROOM columns: up to a blank, or to the end. */
static size_t line_length(const char *text, size_t room) {
        size_t columns = 0, end = 0, i = 0;

        while (text[i]) {
                uint32_t c;
                size_t n = display_utf8_next(text + i, strlen(text + i), &c);

                if (text[i] == ' ')
                        end = i;
                columns += n > 0 ? display_character_width(c) : 1;
                if (columns > room && end > 0)
                        return end;
                i += n > 0 ? n : 1;
        }
        return i;
}

void wrap_print(FILE *f, const char *text, size_t indent, size_t width) {
        _cleanup_free_ char *escaped = display_escape(text, strlen(text), false);
        size_t room = width < indent + ROOM_LEAST ? SIZE_MAX : width - indent;
        const char *at = escaped ?: "(out of memory)";

        for (;;) {
                size_t n = line_length(at, room);

                (void) fprintf(f, "%.*s\n", (int) n, at);
                at += n;
                while (*at == ' ')
                        at++;
                if (!*at)
                        return;
                (void) fprintf(f, "%*s", (int) indent, "");
        }
}
