/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Sessions that pam_cgmove has reported and that have not ended: which PAM service opened them, and when.
 * For the log alone: nothing is decided by it, it is lost with the daemon, and a program that dies with its
 * session open never reports the end. Hence the limits (CGMOVE_SESSIONS_MAX, CGMOVE_SESSIONS_PER_USER_MAX),
 * at which the longest open one is forgotten: the user's own, where he has reached his. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/cleanup.h"
#include "lib/protocol.h"

typedef struct PamSessions PamSessions;

typedef struct PamSession {
        uint64_t id; /* never 0, and none that an earlier daemon of this boot gave */
        uid_t uid;
        uint64_t opened; /* CLOCK_BOOTTIME, microseconds */
        char service[CGMOVE_PAM_SERVICE_MAX + 1];
} PamSession;

/* Returns 0 or -ENOMEM. */
int pam_sessions_new(PamSessions **ret);
PamSessions *pam_sessions_free(PamSessions *sessions);
DEFINE_CLEANUP(PamSessions, pam_sessions_free)

/* SERVICE is cut at CGMOVE_PAM_SERVICE_MAX bytes. NOW: as PamSession.opened. Returns 0 or -ENOMEM. */
int pam_sessions_add(PamSessions *sessions, uid_t uid, const char *service, uint64_t now, uint64_t *ret_id);

/* Forgets the session ID of UID, and gives what it was. False if it is not known (any more). */
bool pam_sessions_take(PamSessions *sessions, uint64_t id, uid_t uid, PamSession *ret);

unsigned pam_sessions_count(const PamSessions *sessions);
