/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The words behind pam_cgmove.so in a file of /etc/pam.d. */

#include <stdbool.h>

#define PAM_TIMEOUT_DEFAULT 1000 /* milliseconds */
#define PAM_TIMEOUT_MIN 10
#define PAM_TIMEOUT_MAX 10000

typedef struct PamOptions {
        bool debug;
        bool quiet;
        unsigned timeout;    /* milliseconds */
        const char *unknown; /* the first word that means nothing, which is passed over; NULL */
} PamOptions;

/* A time is seconds ("2", "2s") or milliseconds ("500ms"); one beyond the limits above is set to the
 * nearest. Pure. */
void pam_options_parse(int argc, const char *const *argv, PamOptions *ret);
