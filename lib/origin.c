/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/origin.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/values.h"

#define SESSION_PREFIX "session-"
#define SESSION_SUFFIX ".scope"
#define MANAGER_PREFIX "user@"
#define MANAGER_SUFFIX ".service"

/* What stands between PREFIX and SUFFIX, at least one character. */
static bool middle_of(const char *name, const char *prefix, const char *suffix,
                      char ret[static ORIGIN_MAX + 1]) {
        size_t n = strnlen(name, ORIGIN_MAX + 1), before = strlen(prefix), after = strlen(suffix);

        if (n > ORIGIN_MAX || n <= before + after || strncmp(name, prefix, before) != 0 ||
            strcmp(name + n - after, suffix) != 0)
                return false;
        memcpy(ret, name + before, n - before - after);
        ret[n - before - after] = '\0';
        return true;
}

/* As logind makes ids: of letters and digits (session_id_valid()). */
static bool session_id_is_valid(const char *id) {
        return id[strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")] == '\0';
}

int origin_parse(const char *origin, OriginKind *ret_kind, char ret_session[ORIGIN_MAX + 1]) {
        char middle[ORIGIN_MAX + 1];
        uint32_t uid;

        if (origin[0] == '\0') {
                *ret_kind = ORIGIN_NONE;
                return 0;
        }
        if (middle_of(origin, SESSION_PREFIX, SESSION_SUFFIX, middle) && session_id_is_valid(middle)) {
                *ret_kind = ORIGIN_SESSION;
                if (ret_session)
                        strcpy(ret_session, middle);
                return 0;
        }
        if (middle_of(origin, MANAGER_PREFIX, MANAGER_SUFFIX, middle) && parse_id(middle, &uid) >= 0) {
                *ret_kind = ORIGIN_MANAGER;
                return 0;
        }
        return -EINVAL;
}

void origin_from_source(const Source *source, char ret[static ORIGIN_MAX + 1]) {
        ret[0] = '\0';
        if (source->kind == SOURCE_SESSION)
                strcpy(ret, source->unit);
        else if (source->kind == SOURCE_USER_UNIT)
                (void) snprintf(ret, ORIGIN_MAX + 1, MANAGER_PREFIX "%u" MANAGER_SUFFIX,
                                (unsigned) source->owner_uid);
}
