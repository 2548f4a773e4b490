/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The service that the calling process is a member of, and other names of it. Nothing but libc. */

#include <stdbool.h>

#include "lib/source.h"

/* The unit of this process, if it is a service of the manager that is asked (USER: of the effective
 * user's own one) and the process no control process of it. Returns 0; -ENOENT if it is in none; what
 * reading /proc returns. */
int caller_unit_get(bool user, char ret[static UNIT_NAME_MAX + 1]);

/* Whether NAME (a whole unit name) is another name of UNIT: a symbolic link to a file of its name in the
 * first of the manager's folders that has NAME, systemd.unit(5). Best effort: the manager is not asked. */
bool caller_unit_has_alias(bool user, const char *unit, const char *name);
