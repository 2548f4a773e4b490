/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Exit statuses, see cgmove(1); those above 64 are sysexits.h's, 125 to 127 those of env(1). */

#define STATUS_FAILED 1
#define STATUS_USAGE 2
#define STATUS_SAID 3 /* of `cgmove systemctl` alone: what is wrong is told, and the shim is not to go on */
#define STATUS_UNAVAILABLE 69
#define STATUS_TRY_AGAIN 75
#define STATUS_REFUSED 77
#define STATUS_OWN_FAILURE 125
#define STATUS_CANNOT_EXECUTE 126
#define STATUS_NOT_FOUND 127
#define STATUS_SIGNAL 128 /* and the signal's number */

/* The status for a D-Bus error name. */
int status_from_error(const char *name);
