/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Root asks what a user has in hand. That may be a false manager of his, which never answers, or answers
 * with all that a message can hold, or with descriptors of a file system of his own: to close such a one is
 * enough to wait for ever. So it is a process of that user's that asks, and one that is given up. */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define ASK_AS_SIZE_MAX 512 /* bytes of an answer: it comes at once, see PIPE_BUF in pipe(7) */

/* Fills ANSWER, in the other process. Returns 0 or a negative errno. */
typedef int (*ask_as_t)(void *userdata, void *answer);

/* Has ASK called as user UID, without any groups but his main one, without descriptors and without a
 * terminal. RET gets the SIZE bytes of its answer: his word, so every value of every byte must be good.
 * Root only. Returns 0; -ETIMEDOUT after TIMEOUT microseconds; -ENODATA if there is no answer or no such
 * user; what fork(2) and pipe(2) return. */
int ask_as(uid_t uid, ask_as_t ask, void *userdata, uint64_t timeout, void *ret, size_t size);
