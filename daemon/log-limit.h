/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What users can cause to be logged at will (refusals, signals), so that a flood of it does not drown the
 * rest of the
 * journal: the first LOG_LIMIT_LINES a minute of a user are logged, then one line that there are more, then
 * their number. */

#include <stdint.h>
#include <sys/types.h>

#define LOG_LIMIT_LINES 20
#define LOG_LIMIT_WINDOW UINT64_C(60000000) /* microseconds */
#define LOG_LIMIT_USERS 64                  /* told apart at once; all others share one more window */

typedef struct LogWindow {
        uid_t uid;
        uint32_t n;        /* events in it; 0: not in use */
        uint64_t n_hidden; /* of these, not logged */
        uint64_t since;
} LogWindow;

typedef struct LogLimit {
        LogWindow windows[LOG_LIMIT_USERS + 1];
} LogLimit;

typedef enum LogVerdict {
        LOG_VERDICT_LOG,
        LOG_VERDICT_MUTE, /* do not log it; say that from here on nothing is, as this is the first */
        LOG_VERDICT_HIDE,
} LogVerdict;

/* Judges one line about UID at NOW (CLOCK_BOOTTIME, microseconds). *ret_hidden is how many lines about
 * *ret_hidden_uid (UID_NONE: several users) were hidden in a window that ended only now; 0 mostly. */
LogVerdict log_limit_judge(LogLimit *limit, uid_t uid, uint64_t now, uint64_t *ret_hidden,
                           uid_t *ret_hidden_uid);
