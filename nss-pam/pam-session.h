/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the module does when a session begins and ends. Whatever happens, it is PAM_SUCCESS: a module that
 * failed, or that had nothing to say (PAM_IGNORE) and was alone in its stack, would end a login. Nothing is
 * static: what has to be kept until the session ends is kept in the handle, so that handles may be used in
 * several threads, and after fork(2). errno stays as it was. */

#include <security/pam_modules.h>

#include "nss-pam/pam-call.h"

/* Where things are: constants of the module, but for tests. */
typedef struct PamPlace {
        PamDaemon daemon;
        const char *runtime_root;
} PamPlace;

int pam_session_open(pam_handle_t *handle, const PamPlace *place, int argc, const char *const *argv);
int pam_session_close(pam_handle_t *handle, const PamPlace *place, int argc, const char *const *argv);
