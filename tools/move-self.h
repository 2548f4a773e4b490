/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The one call that `cgmove exec` makes: Move([], {kind: exec, self: true, command: COMMAND}). Whatever loads
 * libsystemd with what it is linked with costs more than the whole move, and `exec` stands in the place of
 * the command itself; so this call, which but for its end is the same bytes every time, is a constant. A unit
 * test holds it against what sd-bus makes of the same call. Everything else uses sd-bus. */

#include <stddef.h>
#include <stdint.h>

#define MOVE_SELF_REASON_MAX 2048 /* bytes of a refusal's sentence, with its NUL */

#define MOVE_SELF_CALL_MAX 512

/* The call for what stands in COMMAND, cut to CGMOVE_COMMAND_MAX bytes. Returns its size. Pure. */
size_t move_self_make_call(char *const *command, uint8_t ret[static MOVE_SELF_CALL_MAX]);

/* Moves the calling process, which is about to become COMMAND. Returns 0; 1 if it was refused, with the daemon's
 * sentence in REASON; a negative errno if the daemon cannot be reached, does not answer, or says that it may be
 * asked again. */
int move_self_quickly(char *const *command, char reason[static MOVE_SELF_REASON_MAX]);

/* The job the calling process is in; 0 if in none, or if that can't be told. */
uint64_t move_own_job(void);

/* Reads an answer of SIZE bytes: 0 for a method return, 1 for an error, with its sentence; -EAGAIN for the
 * error that is no refusal (Busy); -EBADMSG. Pure. */
int move_self_parse(const uint8_t *answer, size_t size, char reason[static MOVE_SELF_REASON_MAX]);
