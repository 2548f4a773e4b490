/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* pam_cgmove.so, see pam_cgmove(8): the two functions that libpam calls. */

#include "lib/protocol.h"
#include "nss-pam/pam-runtime.h"
#include "nss-pam/pam-session.h"

static const PamPlace place = {
        .daemon = { .path = CGMOVE_PRIVATE_SOCKET, .uid = 0 },
        .runtime_root = PAM_RUNTIME_ROOT,
};

int pam_sm_open_session(pam_handle_t *pamh, int flags, int argc, const char **argv) {
        return pam_session_open(pamh, &place, argc, argv);
}

int pam_sm_close_session(pam_handle_t *pamh, int flags, int argc, const char **argv) {
        return pam_session_close(pamh, &place, argc, argv);
}
