/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What is known of the terminal that the output goes to. */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define TERMINAL_COLUMNS_DEFAULT 80
#define TERMINAL_ROWS_DEFAULT 24

/* How many columns lines on FD may have: of COLUMNS if that is a number (as in ls(1)), else what the terminal says
 * (TIOCGWINSZ, see ioctl_tty(2)), else 80. 0, no limit, where FD is no terminal: what reads a pipe gets everything. */
size_t terminal_columns(int fd);

/* The size of the window itself, for what draws all of it; where the terminal does not know it, LINES and COLUMNS, else 24
 * and 80. */
void terminal_size(int fd, size_t *ret_rows, size_t *ret_columns);

/* Whether F is a terminal that takes control sequences for colours: not with TERM=dumb, nor with a NO_COLOR that is not
 * empty (no-color.org). */
bool terminal_has_colour(FILE *f);
