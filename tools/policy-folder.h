/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The folder that the administrator's policies are in. */

#include "tools/failure.h"

#define POLICY_FOLDER CGMOVE_CONF_DIR "/policy.d"

/* Makes it if need be. Returns 0 with a descriptor in *ret, or a status with FAILURE filled. */
int policy_folder_open(int *ret, Failure *failure);

/* The file NAME appears whole or not at all, and replaces none: -EEXIST. A dot in front hides it from the
 * daemon till then. Returns 0 or a negative errno. */
int policy_folder_write(int folder, const char *name, const char *text);
