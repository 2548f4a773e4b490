/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One look at systemd-logind: its settings, its users and its sessions, asked one after the other and never
 * waited for. */

#include <systemd/sd-bus.h>

#include "daemon/logins.h"

#define LOGIND_NAME "org.freedesktop.login1"
#define LOGIND_PATH "/org/freedesktop/login1"
#define LOGIND_MANAGER LOGIND_NAME ".Manager"

typedef struct LogindQuery LogindQuery;

/* Whether more is wanted of UID than that he is there: whether he lingers, and what his sessions are. */
typedef bool (*logind_wanted_t)(uid_t uid, void *userdata);

/* ERROR: 0, and LOGINS is the callee's; or a negative errno: -ENOTCONN if there is no logind. Called once,
 * the query is freed behind it. */
typedef void (*logind_told_t)(int error, Logins *logins, void *userdata);

int logind_query_new(sd_bus *bus, logind_wanted_t wanted, logind_told_t told, void *userdata,
                     LogindQuery **ret);
LogindQuery *logind_query_free(LogindQuery *query); /* tells nobody */
DEFINE_CLEANUP(LogindQuery, logind_query_free)
