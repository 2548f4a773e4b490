/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a process leaves behind with its unit. Pure. */

#include "tools/doctor/facts.h"

#define SHED_MAX 640

/* "MemoryMax=1.0 GiB, CPUQuota=50%": the unit's own limits; "" if it has none. Returns the length. TasksMax= counts
 * only if the unit says it itself, not as the manager's default. */
size_t shed_limits(const UnitFacts *unit, char ret[static SHED_MAX]);

/* The same with the names of its sandbox's settings, "IPAddressDeny=" and the like, behind. */
size_t shed_all(const UnitFacts *unit, char ret[static SHED_MAX]);
