/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The picture that `top` shows: lines of text, of a size. Where they go is not known here. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "tools/top/snapshot.h"

typedef struct View {
        SortKey key;
        bool reverse;
        bool users; /* a column for the owner */
        bool colour;
        bool keys;   /* a line that tells the keys */
        size_t rows; /* 0: no limit, here and below */
        size_t columns;
        uint64_t now;        /* CLOCK_REALTIME, microseconds */
        const char *problem; /* one sentence, or NULL */
} View;

/* Sorts SNAPSHOT (NULL: there is none yet) and writes the lines, no more than view->rows, none wider than view->columns. 0 or
 * -ENOMEM. */
int view_write(FILE *f, const View *view, Snapshot *snapshot);
