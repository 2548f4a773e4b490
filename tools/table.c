/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tools/display.h"
#include "tools/output.h"

#define GAP 2 /* blanks between columns */

typedef struct Row {
        char *cells[TABLE_COLUMNS_MAX];
} Row;

struct Table {
        size_t n_columns;
        Row *rows; /* the first one holds the headings */
        size_t n_rows;
        size_t widths[TABLE_COLUMNS_MAX];
};

int table_add(Table *table, const char *const *cells) {
        Row *rows = reallocarray(table->rows, table->n_rows + 1, sizeof(Row));

        if (!rows)
                return -ENOMEM;
        table->rows = rows;
        rows[table->n_rows] = (Row) { .cells = { NULL } };
        table->n_rows++;
        for (size_t i = 0; i < table->n_columns && cells[i]; i++) {
                char *cell = display_escape(cells[i], strlen(cells[i]), false);
                size_t width;

                if (!cell)
                        return -ENOMEM;
                rows[table->n_rows - 1].cells[i] = cell;
                width = display_width(cell);
                if (width > table->widths[i])
                        table->widths[i] = width;
        }
        return 0;
}

int table_new(const char *const *headings, Table **ret) {
        _cleanup_(table_freep) Table *table = calloc(1, sizeof(*table));
        int r;

        if (!table)
                return -ENOMEM;
        while (table->n_columns < TABLE_COLUMNS_MAX && headings[table->n_columns])
                table->n_columns++;
        r = table_add(table, headings);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(table);
        return 0;
}

Table *table_free(Table *table) {
        if (!table)
                return NULL;
        for (size_t i = 0; i < table->n_rows; i++)
                for (size_t j = 0; j < table->n_columns; j++)
                        free(table->rows[i].cells[j]);
        free(table->rows);
        free(table);
        return NULL;
}

/* 0 where there is no limit: a pipe gets everything. */
static size_t terminal_width(void) {
        struct winsize size;

        if (!isatty(STDOUT_FILENO))
                return 0;
        if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
                return 80;
        return size.ws_col;
}

/* Prints up to WIDTH characters, the last one as an ellipsis if there are more. */
static void print_cut(const char *text, size_t width) {
        size_t left = width;

        if (display_width(text) <= width) {
                (void) fputs(text, stdout);
                return;
        }
        for (; *text && (left > 1 || ((unsigned char) *text & 0xc0) == 0x80); text++) {
                if (((unsigned char) *text & 0xc0) != 0x80)
                        left--;
                (void) putchar(*text);
        }
        (void) fputs("\xe2\x80\xa6", stdout);
}

static void print_row(const Table *table, const Row *row, size_t width) {
        size_t last = table->n_columns - 1, at = 0;

        for (size_t i = 0; i < last; i++) {
                size_t pad = table->widths[i] - display_width(row->cells[i]) + GAP;

                (void) printf("%s%*s", row->cells[i], (int) pad, "");
                at += table->widths[i] + GAP;
        }
        if (width == 0 || width < at + 8) /* a terminal too narrow to cut for */
                (void) fputs(row->cells[last], stdout);
        else
                print_cut(row->cells[last], width - at);
        (void) putchar('\n');
}

void table_print(const Table *table) {
        bool colour = output_has_colour(stdout);
        size_t width = terminal_width();

        for (size_t i = 0; i < table->n_rows; i++) {
                if (i == 0 && colour)
                        (void) fputs("\x1b[1m", stdout);
                print_row(table, &table->rows[i], width);
                if (i == 0 && colour)
                        (void) fputs("\x1b[0m", stdout);
        }
}
