/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Trees of processes that do not hold still. All of them have the name "fork-race". */

#define RACE_NAME "fork-race"

const char *race_program(void); /* its path */

/* Becomes the root of a tree of this KIND; it runs until it is killed with all others. OTHER: a group of the same user that its
 * members may go to. Returns only if there is no such kind. */
void race_tree_run(const char *kind, const char *other);
