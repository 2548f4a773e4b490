/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Ends processes that an earlier instance of a unit has left behind and that hold a port of it. */

#include "tools/restart/outcome.h"
#include "tools/restart/unit-ports.h"

/* SIGTERM to each, SIGKILL to those that are still there after some seconds; through pidfds, and only if it
 * is still the same process, in the same place, and the caller's own. Those that were ended are added to
 * OUTCOME. Returns how many are still there, or a negative errno. */
int left_overs_end(int proc_fd, const Unit *unit, const PortHolder *left_overs, size_t n, Outcome *outcome);
