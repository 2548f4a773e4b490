/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a logout does to a job: a pure function, facts in, verdict out. In short:
 *
 *   keep  nothing.
 *   stop  the job ends at the last logout of its user, wherever it came from, and whether or not he lingers.
 *   auto  the job ends where logind kills the processes of its user (KillUserProcesses=, KillOnlyUsers=,
 *         KillExcludeUsers=): with the session, if it came from one; if it came from a unit of the user's
 *         manager, with the last session, unless he lingers. Where logind kills nothing, the manager's end
 *         is its units' end and not that of what has left them.
 *
 * A logout is one only for who was logged in: nothing ends a job whose user logind has not known while it
 * ran. Without logind, or without knowing, a job stays. */

#include <stdbool.h>

#include "daemon/logins.h"
#include "lib/job-record.h"
#include "lib/origin.h"

typedef struct LogoutFacts {
        OnLogout on_logout;
        OriginKind origin;
        bool logind;         /* it answers; if not, what follows is of no meaning */
        bool session_open;   /* ORIGIN_SESSION: that session is there, and not closing */
        Knowledge kills;     /* not ORIGIN_NONE: logind kills what the user leaves behind */
        bool user_known;     /* ORIGIN_MANAGER: logind knows of the user now */
        bool user_was_known; /* ... and has while the job ran */
        Knowledge lingers;   /* ORIGIN_MANAGER */
        bool is_logged_in;   /* ON_LOGOUT_STOP: the job's user is now */
        bool was_logged_in;  /* ... and has been while the job ran */
} LogoutFacts;

typedef enum LogoutEnd {
        LOGOUT_STAYS,
        LOGOUT_ENDS_WITH_SESSION,
        LOGOUT_ENDS_WITH_LAST, /* of the user's sessions */
} LogoutEnd;

typedef enum LogoutReason {
        LOGOUT_BY_KEEP,      /* on-logout = "keep" */
        LOGOUT_BY_STOP,      /* on-logout = "stop" */
        LOGOUT_NO_LOGIND,    /* nobody tells of logouts */
        LOGOUT_NO_LOGIN,     /* it came from no login */
        LOGOUT_KILLED,       /* logind kills what is left in its session */
        LOGOUT_LEFT,         /* logind lets what is left in its session run on */
        LOGOUT_LINGERS,      /* the user's manager stays */
        LOGOUT_MANAGER_ENDS, /* the user's manager, and all else of his, ends with his last session */
        LOGOUT_NOT_KILLED,   /* logind lets the user's processes run on */
        LOGOUT_UNKNOWN,      /* what decides cannot be had */
} LogoutReason;

typedef struct LogoutVerdict {
        LogoutEnd end;
        LogoutReason reason;
        bool now; /* that logout has been: the job is to be stopped */
} LogoutVerdict;

LogoutVerdict logout_decide(const LogoutFacts *facts);

/* The facts of the job of RECORD, as LOGINS (NULL: without logind) has them. LINGERS tells of a user that
 * logind does not know any more, by his name; see logind.h. */
typedef Knowledge (*logout_lingers_t)(const char *name);
LogoutFacts logout_facts(const JobRecord *record, const Logins *logins, logout_lingers_t lingers);

/* "stays", "ends-with-session", "ends-with-last-logout"; "keep", "stop", "no-logind", ... */
const char *logout_end_to_string(LogoutEnd end);
const char *logout_reason_to_string(LogoutReason reason);

/* One sentence: which rule has it so, for the job of RECORD. Returns 0 or -ENOMEM; the caller frees *ret. */
int logout_explain(const JobRecord *record, const Logins *logins, LogoutReason reason, char **ret);
