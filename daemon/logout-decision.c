/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/logout-decision.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static LogoutVerdict decide_session(const LogoutFacts *facts) {
        switch (facts->kills) {
        case YES:
                return (LogoutVerdict){ LOGOUT_ENDS_WITH_SESSION, LOGOUT_KILLED, !facts->session_open };
        case NO:
                return (LogoutVerdict){ LOGOUT_STAYS, LOGOUT_LEFT, false };
        case UNKNOWN:
                break;
        }
        return (LogoutVerdict){ LOGOUT_STAYS, LOGOUT_UNKNOWN, false };
}

/* logind forgets a user also when somebody stops or restarts his manager by hand; as long as he lingers that
 * is no logout. And where it kills nobody's processes, a job outlives the manager as it outlives a session. */
static LogoutVerdict decide_manager(const LogoutFacts *facts) {
        if (facts->lingers == YES)
                return (LogoutVerdict){ LOGOUT_STAYS, LOGOUT_LINGERS, false };
        if (facts->kills == NO)
                return (LogoutVerdict){ LOGOUT_STAYS, LOGOUT_NOT_KILLED, false };
        if (facts->lingers == UNKNOWN || facts->kills == UNKNOWN)
                return (LogoutVerdict){ LOGOUT_STAYS, LOGOUT_UNKNOWN, false };
        return (LogoutVerdict){ LOGOUT_ENDS_WITH_LAST, LOGOUT_MANAGER_ENDS,
                                facts->user_was_known && !facts->user_known };
}

static LogoutVerdict decide_auto(const LogoutFacts *facts) {
        switch (facts->origin) {
        case ORIGIN_SESSION:
                return decide_session(facts);
        case ORIGIN_MANAGER:
                return decide_manager(facts);
        case ORIGIN_NONE:
                break;
        }
        return (LogoutVerdict){ LOGOUT_STAYS, LOGOUT_NO_LOGIN, false };
}

LogoutVerdict logout_decide(const LogoutFacts *facts) {
        if (facts->on_logout == ON_LOGOUT_KEEP)
                return (LogoutVerdict){ LOGOUT_STAYS, LOGOUT_BY_KEEP, false };
        if (!facts->logind)
                return (LogoutVerdict){ LOGOUT_STAYS, LOGOUT_NO_LOGIND, false };
        if (facts->on_logout == ON_LOGOUT_STOP)
                return (LogoutVerdict){ LOGOUT_ENDS_WITH_LAST, LOGOUT_BY_STOP,
                                        facts->was_logged_in && !facts->is_logged_in };
        return decide_auto(facts);
}

/* --- facts --------------------------------------------------------------------------------------- */

static void add_session(LogoutFacts *facts, const JobRecord *record, const Logins *logins, const char *id) {
        const LoginSession *session = logins_find_session(logins, id);
        const char *rule;

        /* logind begins to count anew when it is restarted: that may be another one, of another user */
        facts->session_open = session && login_session_is_open(session) && session->uid == record->uid;
        facts->kills = logins_kills(logins, record->login, record->uid, &rule);
}

static void add_manager(LogoutFacts *facts, const JobRecord *record, const Logins *logins,
                        logout_lingers_t lingers) {
        const LoginUser *user = logins_find_user(logins, record->uid);
        const char *rule;

        facts->user_was_known = record->login[0] != '\0';
        facts->user_known = logins_knows_user(logins, record->uid);
        facts->kills = logins_kills(logins, record->login, record->uid, &rule);
        if (user)
                facts->lingers = user->lingers;
        else if (!facts->user_known)
                facts->lingers = lingers(record->login);
}

LogoutFacts logout_facts(const JobRecord *record, const Logins *logins, logout_lingers_t lingers) {
        LogoutFacts facts = { .on_logout = record->on_logout, .logind = logins != NULL };
        char session[ORIGIN_MAX + 1];

        if (origin_parse(record->origin, &facts.origin, session) < 0)
                facts.origin = ORIGIN_NONE;
        if (!logins)
                return facts;

        facts.was_logged_in = record->logged_in;
        if (record->on_logout == ON_LOGOUT_STOP)
                facts.is_logged_in = logins_is_logged_in(logins, record->uid);
        if (facts.origin == ORIGIN_SESSION)
                add_session(&facts, record, logins, session);
        else if (facts.origin == ORIGIN_MANAGER)
                add_manager(&facts, record, logins, lingers);
        return facts;
}

/* --- words --------------------------------------------------------------------------------------- */

const char *logout_end_to_string(LogoutEnd end) {
        static const char *const words[] = {
                [LOGOUT_STAYS] = "stays",
                [LOGOUT_ENDS_WITH_SESSION] = "ends-with-session",
                [LOGOUT_ENDS_WITH_LAST] = "ends-with-last-logout",
        };

        return (size_t) end < ELEMENTSOF(words) ? words[end] : NULL;
}

const char *logout_reason_to_string(LogoutReason reason) {
        static const char *const words[] = {
                [LOGOUT_BY_KEEP] = "keep",          [LOGOUT_BY_STOP] = "stop",
                [LOGOUT_NO_LOGIND] = "no-logind",   [LOGOUT_NO_LOGIN] = "no-login",
                [LOGOUT_KILLED] = "session-killed", [LOGOUT_LEFT] = "session-left",
                [LOGOUT_LINGERS] = "lingers",       [LOGOUT_MANAGER_ENDS] = "manager-ends",
                [LOGOUT_NOT_KILLED] = "not-killed", [LOGOUT_UNKNOWN] = "unknown",
        };

        return (size_t) reason < ELEMENTSOF(words) ? words[reason] : NULL;
}

/* What stands behind "on-logout = ...". */
static const char *explain_rest(const JobRecord *record, const Logins *logins, LogoutReason reason,
                                char *buffer, size_t size) {
        const char *rule = "";

        switch (reason) {
        case LOGOUT_BY_KEEP:
                return "";
        case LOGOUT_BY_STOP:
                return ", whether or not the user lingers";
        case LOGOUT_NO_LOGIND:
                return ", but systemd-logind does not answer";
        case LOGOUT_NO_LOGIN:
                return "; it came from no session and no unit of the user's manager";
        case LOGOUT_KILLED:
        case LOGOUT_LEFT:
                if (logins)
                        (void) logins_kills(logins, record->login, record->uid, &rule);
                (void) snprintf(buffer, size, "; logind %s what is left in %s at its end (%s)",
                                reason == LOGOUT_KILLED ? "kills" : "lets run", record->origin, rule);
                return buffer;
        case LOGOUT_LINGERS:
                (void) snprintf(buffer, size, "; the user lingers, so %s stays", record->origin);
                return buffer;
        case LOGOUT_MANAGER_ENDS:
        case LOGOUT_NOT_KILLED:
                if (logins)
                        (void) logins_kills(logins, record->login, record->uid, &rule);
                (void) snprintf(buffer, size, "; logind %s the user's processes at the last logout (%s%s)",
                                reason == LOGOUT_MANAGER_ENDS ? "kills" : "does not kill", rule,
                                reason == LOGOUT_MANAGER_ENDS ? ", and no lingering" : "");
                return buffer;
        case LOGOUT_UNKNOWN:
                break;
        }
        (void) snprintf(buffer, size, "; what logind does with %s is not known", record->origin);
        return buffer;
}

int logout_explain(const JobRecord *record, const Logins *logins, LogoutReason reason, char **ret) {
        char buffer[ORIGIN_MAX + 128], *text;
        const char *rest = explain_rest(record, logins, reason, buffer, sizeof(buffer));

        if (asprintf(&text, "%s%s%son-logout = \"%s\"%s", record->section[0] ? "policy \"" : "",
                     record->section, record->section[0] ? "\": " : "",
                     on_logout_to_string(record->on_logout), rest) < 0)
                return -ENOMEM;
        *ret = text;
        return 0;
}
