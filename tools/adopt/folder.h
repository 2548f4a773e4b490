/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The folder of a unit's drop-ins, and our file in it. Functions return 0, or an exit status with FAILURE
 * filled. */

#include <stdbool.h>
#include <stddef.h>

#include "tools/failure.h"

/* Where the file for UNIT belongs: below the persistent folder that has the last word, systemd.unit(5).
 * CONFIG is a user's XDG_CONFIG_HOME or NULL, HOME his home; both NULL for the system manager. Returns 0
 * or -ENAMETOOLONG, -EINVAL (no absolute path). */
int drop_in_folder_path(const char *unit, const char *config, const char *home, char *ret, size_t size);

/* Opens PATH, with CREATE makes what is missing of it. Everything on the way must be a folder, and belong
 * to root or to the caller. For root no symbolic link is followed: no user can have root write elsewhere.
 * *ret is -1 if it does not exist and is not to be made. */
int drop_in_folder_open(const char *path, bool create, int *ret, Failure *failure);

typedef enum DropInState { DROP_IN_ABSENT, DROP_IN_SAME, DROP_IN_OTHER_TEXT } DropInState;

/* What is there already, against TEXT (may be NULL). Fails for a file that is not ours. FOLDER may be -1. */
int drop_in_look(int folder, const char *path, const char *text, DropInState *ret, Failure *failure);

/* The file has TEXT, at once or not at all. */
int drop_in_write(int folder, const char *path, const char *text, Failure *failure);

/* Removes the file, and the folder PATH if it is empty then. */
int drop_in_remove(int folder, const char *path, Failure *failure);
