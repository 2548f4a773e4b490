/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The two calls that the module makes, as bytes: OpenSession() and CloseSession() of org.cgmove1(5).
 * Pure. */

#include <stdint.h>
#include <sys/types.h>

#include "lib/protocol.h"

#define PAM_MESSAGE_GIDS_MAX 1024 /* groups of a user that are passed on */
#define PAM_MESSAGE_MAX (512 + PAM_MESSAGE_GIDS_MAX * sizeof(uint32_t))

/* Both write to MESSAGE (PAM_MESSAGE_MAX bytes) and return the size. SERVICE: at most CGMOVE_PAM_SERVICE_MAX
 * bytes are taken. N_GIDS: at most PAM_MESSAGE_GIDS_MAX. */
size_t pam_message_open(uint8_t *message, uid_t uid, const char *service, const gid_t *gids, size_t n_gids);
size_t pam_message_close(uint8_t *message, uint64_t session, uid_t uid, const char *service);
