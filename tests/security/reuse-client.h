/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A client of the daemon, a process of its own, that asks for moves as any client does. */

#include <stdatomic.h>

#define CLIENT_UID 1000
#define CLIENT_TARGETS_MAX 128

typedef enum Answer { ANSWER_MOVED, ANSWER_GONE, ANSWER_REFUSED, N_ANSWERS } Answer;

/* Returns a socket that takes the numbers of the processes of a Move in one packet, and then gives an Answer. *RET_SENT becomes 1
 * when the call is on its way. */
int client_begin(atomic_int **ret_sent);
