/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Where a process is in the cgroup tree, in systemd's terms: the "source" of a move.
 *
 * The rules are systemd's own (src/basic/cgroup-util.c, cg_path_get_unit(), cg_path_get_user_unit(),
 * cg_path_get_owner_uid(), and https://systemd.io/CGROUP_DELEGATION): slices are skipped, the first other
 * unit is the unit; names that would clash with a kernel attribute carry a "_" prefix; below
 * user@UID.service the user manager repeats the same layout. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define UNIT_NAME_MAX 255

typedef enum SourceKind {
        SOURCE_OTHER,       /* nowhere a user's own processes belong: always refused */
        SOURCE_MANAGER,     /* init.scope of PID 1 or of a user manager: always refused */
        SOURCE_USER_UNIT,   /* "user:NAME", a unit of the manager of user owner_uid */
        SOURCE_SYSTEM_UNIT, /* "system:NAME", a unit of the system manager */
        SOURCE_SESSION,     /* "session", a logind session scope of user owner_uid */
        SOURCE_JOB,         /* "job", a job (or other group) in the pool of user owner_uid */
} SourceKind;

typedef struct Source {
        SourceKind kind;
        uid_t owner_uid; /* whose slice, session, manager or pool it is; UID_NONE where nobody's */
        uint64_t job;    /* SOURCE_JOB: the job's id, 0 for another group of the pool */
        bool control;    /* below a ".control" group of the unit: a control process of its manager */
        /* the unit with its suffix; a session's scope; a job's pool; else "" */
        char unit[UNIT_NAME_MAX + 1];
} Source;

/* Finds the cgroup v2 path in the text of /proc/PID/cgroup (the "0::" line; v1 lines are skipped). A
 * trailing " (deleted)" is taken off and told in *ret_deleted. Returns 0; -ENODATA without a v2 line;
 * -EINVAL if the path is not absolute, has a ".." or "." component or a control character (a cgroup outside
 * our namespace shows as "/../..."); -ENOMEM. The caller frees *ret_path. */
int cgroup_path_from_proc(const char *text, char **ret_path, bool *ret_deleted);

/* Tells what place an absolute cgroup path is. Never fails: what is not understood is SOURCE_OTHER. Pure. */
void source_from_cgroup_path(const char *path, Source *ret);

/* The words a policy and a user use: "user:NAME", "system:NAME", "session", "job"; for SOURCE_OTHER and
 * SOURCE_MANAGER "other" and "manager", which no policy can name. Returns 0 or -ENOMEM; the caller frees
 * *ret. */
int source_to_string(const Source *source, char **ret);

/* The reverse, for a question about the policy: OWNER_UID is whose unit, session or job it is. Returns 0;
 * -EINVAL for what is no source that a policy can name. Pure. */
int source_from_string(const char *text, uid_t owner_uid, Source *ret);

/* The unit that a restart is about: "user:NAME.service", of the manager of OWNER_UID, or
 * "system:NAME.service". Returns 0; -EINVAL for anything else: another kind of unit, a template, a pattern,
 * a path. Pure. */
int service_from_string(const char *text, uid_t owner_uid, Source *ret);

/* Whether NAME is a valid unit name with a suffix systemd knows (unit_name_is_valid() of systemd, plain or
 * instance; no template, no glob). */
bool unit_name_is_valid(const char *name);
