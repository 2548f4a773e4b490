/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The unit of a login that a job came from, directly or by way of other jobs: what systemd-logind ends at a
 * logout (see logind.conf(5), KillUserProcesses=, and loginctl(1), enable-linger). Told by the unit's name:
 * "session-ID.scope", "user@UID.service", or "" for a job that came from no login. */

#include <sys/types.h>

#include "lib/source.h"

typedef enum OriginKind {
        ORIGIN_NONE,
        ORIGIN_SESSION, /* the scope of a session: it ends with that session */
        ORIGIN_MANAGER, /* the user's manager, with all of its units: it ends with his last session */
} OriginKind;

#define ORIGIN_MAX UNIT_NAME_MAX /* bytes */

/* What the unit name ORIGIN is; a session's id goes to RET_SESSION, if it is not NULL. -EINVAL for a name
 * that is none of the three. Pure. */
int origin_parse(const char *origin, OriginKind *ret_kind, char ret_session[ORIGIN_MAX + 1]);

/* The origin of what is in the place SOURCE; of a job it is that of the job's record. Pure. */
void origin_from_source(const Source *source, char ret[static ORIGIN_MAX + 1]);
