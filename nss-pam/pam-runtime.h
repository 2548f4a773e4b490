/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A user's runtime directory and the socket of his bus, as logind makes the one and his manager the other
 * (pam_systemd(8)): only where they are, and only if they are his. Nothing is taken from the environment,
 * which in a set-uid program is somebody else's. */

#include <stdbool.h>
#include <sys/types.h>

#define PAM_RUNTIME_ROOT "/run/user"
#define PAM_RUNTIME_PATH_MAX 128

typedef struct PamRuntime {
        char directory[PAM_RUNTIME_PATH_MAX];        /* empty: there is none */
        char bus_address[PAM_RUNTIME_PATH_MAX + 16]; /* "unix:path=DIRECTORY/bus", likewise */
} PamRuntime;

/* ROOT: PAM_RUNTIME_ROOT, but for tests. */
void pam_runtime_find(const char *root, uid_t uid, PamRuntime *ret);
