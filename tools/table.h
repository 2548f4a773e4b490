/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Rows in aligned columns. Text from elsewhere is escaped. */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "lib/cleanup.h"

#define TABLE_COLUMNS_MAX 8

typedef enum TableKind {
        TABLE_TEXT, /* shortened, with an ellipsis, where the terminal is too narrow; the widest column first */
        TABLE_WHOLE,  /* never shortened, as long as anything else can be */
        TABLE_NUMBER, /* neither, and flush right */
        TABLE_STATE,  /* as TABLE_WHOLE, and coloured by what the word means, see output_state() */
} TableKind;

typedef struct Table Table;
/* All columns are TABLE_TEXT at first. HEADINGS is NULL-terminated; 0 or -ENOMEM. */
int table_new(const char *const *headings, Table **ret);
Table *table_free(Table *table);
DEFINE_CLEANUP(Table, table_free)

void table_set_kind(Table *table, size_t column, TableKind kind);

/* Copies one text for each column; escapes it. 0 or -ENOMEM. */
int table_add(Table *table, const char *const *cells);

/* No row is wider than WIDTH columns (0: no limit); at most ROWS_MAX of them, not counting the headings. */
void table_write(FILE *f, const Table *table, size_t width, bool colour, size_t rows_max);

/* On the standard output, as wide as that is. */
void table_print(const Table *table);
