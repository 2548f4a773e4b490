/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One call to the daemon from inside of another program: within a time, and without a trace in that program.
 * No signal is sent or caught, no timer set, no descriptor left, nothing static; nothing but poll(2)
 * waits. */

#include <stdint.h>
#include <sys/types.h>

#include "lib/peer-wire.h"

typedef struct PamDaemon {
        const char *path; /* of its socket */
        uid_t uid;        /* who must listen there (SO_PEERCRED of unix(7)): 0, but for tests */
} PamDaemon;

/* Sends CALL and waits for the answer, which is in BUFFER, and *RET in it. TIMEOUT: milliseconds for all of
 * it (CLOCK_MONOTONIC). Returns 0, also for the answer "error"; -ENOENT or -ECONNREFUSED: no daemon; -EPERM:
 * somebody else's socket; -ETIMEDOUT; -ECONNRESET: it hung up; -EBADMSG: what it says is no answer; other
 * errors of socket(2) and connect(2). */
int pam_call(const PamDaemon *daemon, const uint8_t *call, size_t size, unsigned timeout,
             uint8_t buffer[static PEER_ANSWER_MAX], PeerAnswer *ret);
