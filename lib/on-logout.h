/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The policy's word on what becomes of a job when its user logs out. In the order in which it is stricter:
 * a job that falls under several sections gets the greatest. */

typedef enum OnLogout {
        ON_LOGOUT_KEEP, /* nothing */
        ON_LOGOUT_AUTO, /* what logind does with what was left in the place it came from */
        ON_LOGOUT_STOP, /* it is stopped at the last logout of its user */
} OnLogout;

/* "keep", "auto", "stop"; NULL for what is none. */
const char *on_logout_to_string(OnLogout on_logout);

/* The reverse: 0 or -EINVAL. */
int on_logout_from_string(const char *text, OnLogout *ret);
