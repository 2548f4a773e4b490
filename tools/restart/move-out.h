/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tools/client.h"

/* A command that would be killed with its unit comes along, with all it has started: it is not lost,
 * whatever it does that takes so long. *CLIENT may be NULL at first. What becomes of it is said on the
 * standard error. */
void calling_move_out(Client **client, int pidfd);
