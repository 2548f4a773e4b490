/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define SIZE_LARGEST 10000 /* columns or rows */

/* 0: not set, or no number. */
static size_t size_from_environment(const char *name) {
        const char *text = getenv(name);
        size_t value = 0;

        if (!text)
                return 0;
        for (; *text >= '0' && *text <= '9' && value <= SIZE_LARGEST; text++)
                value = value * 10 + (size_t) (*text - '0');
        return *text || value > SIZE_LARGEST ? 0 : value;
}

static size_t first_of(size_t a, size_t b, size_t c) {
        return a > 0 ? a : b > 0 ? b : c;
}

size_t terminal_columns(int fd) {
        struct winsize size = { .ws_col = 0 };

        if (!isatty(fd))
                return 0;
        (void) ioctl(fd, TIOCGWINSZ, &size);
        return first_of(size_from_environment("COLUMNS"), size.ws_col, TERMINAL_COLUMNS_DEFAULT);
}

void terminal_size(int fd, size_t *ret_rows, size_t *ret_columns) {
        struct winsize size = { .ws_col = 0 };

        (void) ioctl(fd, TIOCGWINSZ, &size);
        *ret_rows = first_of(size.ws_row, size_from_environment("LINES"), TERMINAL_ROWS_DEFAULT);
        *ret_columns = first_of(size.ws_col, size_from_environment("COLUMNS"), TERMINAL_COLUMNS_DEFAULT);
}

bool terminal_has_colour(FILE *f) {
        const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

        return isatty(fileno(f)) && !(no && no[0]) && !(term && strcmp(term, "dumb") == 0);
}
