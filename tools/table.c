/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/display.h"
#include "tools/output.h"
#include "tools/terminal.h"

#define GAP 2          /* blanks between columns */
#define COLUMN_LEAST 8 /* what a column is shortened to at first; only then all are cut at the edge */

typedef struct Row {
        char *cells[TABLE_COLUMNS_MAX]; /* NULL: empty */
} Row;

struct Table {
        size_t n_columns;
        TableKind kinds[TABLE_COLUMNS_MAX];
        Row *rows; /* the first one holds the headings */
        size_t n_rows;
        size_t widths[TABLE_COLUMNS_MAX];
};

int table_add(Table *table, const char *const *cells) {
        Row *rows = reallocarray(table->rows, table->n_rows + 1, sizeof(Row));

        if (!rows)
                return -ENOMEM;
        table->rows = rows;
        rows[table->n_rows] = (Row){ .cells = { NULL } };
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

void table_set_kind(Table *table, size_t column, TableKind kind) {
        table->kinds[column] = kind;
}

/* The widest column that can be shortened still, the last one of several; n_columns if there is none. */
static size_t find_widest(const Table *table, const size_t *widths) {
        size_t widest = table->n_columns;

        for (size_t i = 0; i < table->n_columns; i++)
                if (table->kinds[i] == TABLE_TEXT && widths[i] > COLUMN_LEAST &&
                    (widest == table->n_columns || widths[i] >= widths[widest]))
                        widest = i;
        return widest;
}

/* What each column gets of WIDTH. */
static void fit_columns(const Table *table, size_t width, size_t *ret_widths) {
        size_t total = GAP * (table->n_columns - 1), at = 0, widest;

        for (size_t i = 0; i < table->n_columns; i++) {
                ret_widths[i] = table->widths[i];
                total += table->widths[i];
        }
        if (width == 0)
                return;
        for (; total > width && (widest = find_widest(table, ret_widths)) < table->n_columns; total--)
                ret_widths[widest]--;
        for (size_t i = 0; i < table->n_columns && total > width; i++) { /* the edge */
                size_t left = width > at ? width - at : 0;

                if (ret_widths[i] > left)
                        ret_widths[i] = left;
                at += ret_widths[i] + GAP;
        }
}

static void write_cell(FILE *f, const char *text, size_t width, TableKind kind, bool colour, bool last) {
        _cleanup_free_ char *shortened = display_shorten(text, width);
        size_t pad = shortened && display_width(shortened) < width ? width - display_width(shortened) : 0;
        const char *sequence = colour && kind == TABLE_STATE ? output_state_colour(text) : "";

        if (kind == TABLE_NUMBER)
                (void) fprintf(f, "%*s", (int) pad, "");
        (void) fprintf(f, "%s%s%s", sequence, shortened ?: "?", sequence[0] ? "\x1b[0m" : "");
        if (kind != TABLE_NUMBER && !last)
                (void) fprintf(f, "%*s", (int) pad, "");
}

static void write_row(FILE *f, const Table *table, const Row *row, const size_t *widths, bool colour) {
        for (size_t i = 0; i < table->n_columns && widths[i] > 0; i++) {
                bool last = i + 1 == table->n_columns || widths[i + 1] == 0;

                write_cell(f, row->cells[i] ?: "", widths[i], table->kinds[i], colour, last);
                if (!last)
                        (void) fprintf(f, "%*s", GAP, "");
        }
        (void) fputc('\n', f);
}

void table_write(FILE *f, const Table *table, size_t width, bool colour, size_t rows_max) {
        size_t widths[TABLE_COLUMNS_MAX];

        fit_columns(table, width, widths);
        (void) fputs(colour ? "\x1b[1m" : "", f);
        write_row(f, table, &table->rows[0], widths, false);
        (void) fputs(colour ? "\x1b[0m" : "", f);
        for (size_t i = 1; i < table->n_rows && i <= rows_max; i++)
                write_row(f, table, &table->rows[i], widths, colour);
}

void table_print(const Table *table) {
        table_write(stdout, table, terminal_columns(STDOUT_FILENO), terminal_has_colour(stdout), SIZE_MAX);
}
