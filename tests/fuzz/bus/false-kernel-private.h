/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Inside of false-kernel.h: the files that stand for groups and processes (false-kernel.c), and what the daemon calls instead of its
 * own functions (false-calls.c). */

#include <stddef.h>

#include "tests/fuzz/bus/false-kernel.h"

extern int false_proc_fd;

void false_put_file(int dir_fd, const char *name, const void *data, size_t size);
void false_put_text(int dir_fd, const char *name, const char *text);

/* The path of a group in the tree, from the descriptor that the daemon has of it; false for any other file. */
bool false_group_find(int fd, char ret[static FALSE_PATH_MAX]);

/* Whether GROUP is PATH, or, if BELOW, one below it. */
bool false_group_is_in(const char *group, const char *path, bool below);
bool false_group_is_pool(const char *path); /* or in one */

/* What the kernel says of the processes of PATH, if it is there. */
void false_group_put(const char *path);

/* All files of a new group. */
void false_group_fill(int fd);
void false_groups_remove(const char *path); /* with all below it */
