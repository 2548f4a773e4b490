/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What ssh or systemd-run, and whoever is behind them, writes to the standard error: through a pipe, so that nobody over there gets
 * hold of this terminal, and what they say is shown escaped. More than a pipe holds is lost. */

typedef struct RemoteSaid {
        int fd;    /* to read from; -1: none */
        int saved; /* the standard error meanwhile; -1 */
} RemoteSaid;

#define REMOTE_SAID_INIT { .fd = -1, .saved = -1 }

/* Puts the pipe in the place of the standard error, for what is started until remote_said_end(). Returns 0 or a negative errno, with
 * all as it was. */
int remote_said_begin(RemoteSaid *said);
void remote_said_end(RemoteSaid *said);

/* Prints the lines that have come so far to the standard error. */
void remote_said_print(const RemoteSaid *said);

void remote_said_done(RemoteSaid *said);
