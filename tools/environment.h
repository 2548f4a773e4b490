/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The environment of an escaped command: without what a manager or a session said about the place it
 * left (systemd.exec(5), sd_notify(3), pam_systemd(8)), without what the policy's scrub-env names, and
 * with the way to the user's bus. Pure but for environment_paths_find(). */

#include <stdbool.h>
#include <sys/types.h>

typedef struct EnvironmentPaths {
        char runtime_dir[64]; /* "/run/user/UID", or "" if there is none */
        char bus[96];         /* "unix:path=/run/user/UID/bus", or "" */
} EnvironmentPaths;

/* What of it exists on this host and belongs to UID. */
void environment_paths_find(uid_t uid, EnvironmentPaths *ret);

/* True for a variable ("NAME" or "NAME=...") that a full escape takes away. PATTERNS may be NULL. */
bool environment_is_removed(const char *variable, char *const *patterns);

/* The environment after the escape: a NULL-terminated array, the strings in it are those of
 * ENVIRONMENT and PATHS or allocated; one allocation that the caller frees after use. Returns 0 or
 * -ENOMEM. */
int environment_escape(char *const *environment, char *const *patterns, const EnvironmentPaths *paths,
                       char ***ret);
