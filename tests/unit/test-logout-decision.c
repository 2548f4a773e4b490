/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/logout-decision.h"

/* Each row changes one thing in the row above it, or in one of the same block. */
static void test_decide(void **state) {
#define SESSION .logind = true, .on_logout = ON_LOGOUT_AUTO, .origin = ORIGIN_SESSION
#define MANAGER .logind = true, .on_logout = ON_LOGOUT_AUTO, .origin = ORIGIN_MANAGER
#define STOP .logind = true, .on_logout = ON_LOGOUT_STOP
        static const struct {
                LogoutFacts facts;
                LogoutVerdict verdict;
        } table[] = {
                /* the session is there, and then it is not */
                { { SESSION, .kills = YES, .session_open = true },
                  { LOGOUT_ENDS_WITH_SESSION, LOGOUT_KILLED, false } },
                { { SESSION, .kills = YES }, { LOGOUT_ENDS_WITH_SESSION, LOGOUT_KILLED, true } },
                { { SESSION, .kills = NO }, { LOGOUT_STAYS, LOGOUT_LEFT, false } },
                { { SESSION, .kills = UNKNOWN }, { LOGOUT_STAYS, LOGOUT_UNKNOWN, false } },
                /* lingering, and other sessions of the user, save nothing of a session */
                { { SESSION, .kills = YES, .lingers = YES, .user_known = true, .user_was_known = true,
                    .was_logged_in = true, .is_logged_in = true },
                  { LOGOUT_ENDS_WITH_SESSION, LOGOUT_KILLED, true } },

                /* what came from a unit of the manager ends with the last session, if anything is killed */
                { { MANAGER, .lingers = NO, .kills = YES, .user_was_known = true },
                  { LOGOUT_ENDS_WITH_LAST, LOGOUT_MANAGER_ENDS, true } },
                { { MANAGER, .lingers = NO, .kills = NO, .user_was_known = true },
                  { LOGOUT_STAYS, LOGOUT_NOT_KILLED, false } },
                { { MANAGER, .lingers = NO, .kills = UNKNOWN, .user_was_known = true },
                  { LOGOUT_STAYS, LOGOUT_UNKNOWN, false } },
                { { MANAGER, .lingers = NO, .kills = YES, .user_was_known = true, .user_known = true },
                  { LOGOUT_ENDS_WITH_LAST, LOGOUT_MANAGER_ENDS, false } },
                /* it was started by hand, and logind has no part in it */
                { { MANAGER, .lingers = NO, .kills = YES },
                  { LOGOUT_ENDS_WITH_LAST, LOGOUT_MANAGER_ENDS, false } },
                /* somebody has stopped it though the user lingers */
                { { MANAGER, .lingers = YES, .kills = YES, .user_was_known = true },
                  { LOGOUT_STAYS, LOGOUT_LINGERS, false } },
                { { MANAGER, .lingers = UNKNOWN, .kills = YES, .user_was_known = true },
                  { LOGOUT_STAYS, LOGOUT_UNKNOWN, false } },
                { { MANAGER, .lingers = UNKNOWN, .kills = NO, .user_was_known = true },
                  { LOGOUT_STAYS, LOGOUT_NOT_KILLED, false } },

                /* a unit of the system is no part of a login */
                { { .logind = true,
                    .on_logout = ON_LOGOUT_AUTO,
                    .kills = YES,
                    .lingers = NO,
                    .user_was_known = true,
                    .was_logged_in = true },
                  { LOGOUT_STAYS, LOGOUT_NO_LOGIN, false } },

                /* stop: the last session of one who had one */
                { { STOP, .was_logged_in = true, .is_logged_in = true },
                  { LOGOUT_ENDS_WITH_LAST, LOGOUT_BY_STOP, false } },
                { { STOP, .was_logged_in = true }, { LOGOUT_ENDS_WITH_LAST, LOGOUT_BY_STOP, true } },
                { { STOP, .was_logged_in = true, .lingers = YES, .user_known = true, .kills = NO },
                  { LOGOUT_ENDS_WITH_LAST, LOGOUT_BY_STOP, true } },
                { { STOP }, { LOGOUT_ENDS_WITH_LAST, LOGOUT_BY_STOP, false } },
                /* the session that it came from has ended, another has not */
                { { STOP, .origin = ORIGIN_SESSION, .kills = YES, .was_logged_in = true,
                    .is_logged_in = true },
                  { LOGOUT_ENDS_WITH_LAST, LOGOUT_BY_STOP, false } },

                /* keep */
                { { .on_logout = ON_LOGOUT_KEEP,
                    .logind = true,
                    .origin = ORIGIN_SESSION,
                    .kills = YES,
                    .was_logged_in = true },
                  { LOGOUT_STAYS, LOGOUT_BY_KEEP, false } },
                { { .on_logout = ON_LOGOUT_KEEP }, { LOGOUT_STAYS, LOGOUT_BY_KEEP, false } },

                /* nobody tells of logouts */
                { { .on_logout = ON_LOGOUT_AUTO, .origin = ORIGIN_SESSION, .kills = YES },
                  { LOGOUT_STAYS, LOGOUT_NO_LOGIND, false } },
                { { .on_logout = ON_LOGOUT_AUTO,
                    .origin = ORIGIN_MANAGER,
                    .lingers = NO,
                    .user_was_known = true },
                  { LOGOUT_STAYS, LOGOUT_NO_LOGIND, false } },
                { { .on_logout = ON_LOGOUT_STOP, .was_logged_in = true },
                  { LOGOUT_STAYS, LOGOUT_NO_LOGIND, false } },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                LogoutVerdict verdict = logout_decide(&table[i].facts);

                if (verdict.end != table[i].verdict.end || verdict.reason != table[i].verdict.reason ||
                    verdict.now != table[i].verdict.now)
                        fail_msg("row %zu: %s, %s, %d", i, logout_end_to_string(verdict.end),
                                 logout_reason_to_string(verdict.reason), verdict.now);
        }
}

/* --- from the record and what logind says -------------------------------------------------------- */

static Knowledge lingers_by_name;
static unsigned n_asked;

static Knowledge lingers(const char *name) {
        assert_string_equal(name, "alice");
        n_asked++;
        return lingers_by_name;
}

static void set(char **to, const char *text) {
        free(*to);
        *to = strdup(text);
}

static Logins *logins_of_alice(void) {
        Logins *logins = calloc(1, sizeof(*logins));

        assert_non_null(logins);
        logins->kill_user_processes = true;
        assert_int_equal(logins_add_user(logins, 1000, "alice"), 0);
        logins->users[0].lingers = NO;
        assert_int_equal(logins_add_session(logins, "3", 1000, "alice", "/3"), 0);
        set(&logins->sessions[0].class, "user");
        set(&logins->sessions[0].state, "active");
        return logins;
}

static const JobRecord from_session = {
        .uid = 1000,
        .on_logout = ON_LOGOUT_AUTO,
        .origin = "session-3.scope",
        .login = "alice",
        .logged_in = true,
};

static const JobRecord from_manager = {
        .uid = 1000,
        .on_logout = ON_LOGOUT_AUTO,
        .origin = "user@1000.service",
        .login = "alice",
};

static void test_session_facts(void **state) {
        Logins *logins = logins_of_alice();
        JobRecord record = from_session;
        LogoutFacts facts;

        facts = logout_facts(&record, logins, lingers);
        assert_true(facts.logind && facts.session_open && facts.was_logged_in);
        assert_int_equal(facts.kills, YES);
        set(&logins->sessions[0].state, "closing");
        facts = logout_facts(&record, logins, lingers);
        assert_false(facts.session_open);
        /* logind counts anew when it is restarted: that is another session 3 */
        set(&logins->sessions[0].state, "active");
        set(&logins->sessions[0].user, "bob");
        logins->sessions[0].uid = 1001;
        facts = logout_facts(&record, logins, lingers);
        assert_false(facts.session_open);
        /* gone: by the name that the record has kept */
        logins_remove_session(logins, 0);
        facts = logout_facts(&record, logins, lingers);
        assert_false(facts.session_open);
        assert_int_equal(facts.kills, YES);
        logins->kill_exclude_users = calloc(2, sizeof(char *));
        logins->kill_exclude_users[0] = strdup("alice");
        facts = logout_facts(&record, logins, lingers);
        assert_int_equal(facts.kills, NO);
        record.login = "";
        facts = logout_facts(&record, logins, lingers);
        assert_int_equal(facts.kills, UNKNOWN);
        logins_free(logins);
}

static void test_stop_facts(void **state) {
        Logins *logins = logins_of_alice();
        JobRecord record = from_session;
        LogoutFacts facts;

        record.on_logout = ON_LOGOUT_STOP;
        facts = logout_facts(&record, logins, lingers);
        assert_true(facts.is_logged_in && facts.was_logged_in);
        set(&logins->sessions[0].state, "closing");
        facts = logout_facts(&record, logins, lingers);
        assert_false(facts.is_logged_in);
        assert_true(logout_decide(&facts).now);
        logins_free(logins);
}

static void test_manager_facts(void **state) {
        Logins *logins = logins_of_alice();
        LogoutFacts facts;

        n_asked = 0;
        facts = logout_facts(&from_manager, logins, lingers);
        assert_true(facts.user_known && facts.user_was_known);
        assert_int_equal(facts.lingers, NO);
        assert_int_equal(n_asked, 0);
        /* he has logged out, and logind has forgotten him: it is asked elsewhere whether he lingers */
        logins_remove_session(logins, 0);
        logins_remove_user(logins, 0);
        lingers_by_name = YES;
        facts = logout_facts(&from_manager, logins, lingers);
        assert_false(facts.user_known);
        assert_int_equal(facts.lingers, YES);
        lingers_by_name = NO;
        facts = logout_facts(&from_manager, logins, lingers);
        assert_true(logout_decide(&facts).now);
        assert_int_equal(n_asked, 2);
        logins_free(logins);
}

static void test_no_logind_facts(void **state) {
        LogoutFacts facts = logout_facts(&from_session, NULL, lingers);

        assert_false(facts.logind);
        assert_int_equal(facts.origin, ORIGIN_SESSION);
}

static void check_text(const JobRecord *record, const Logins *logins, LogoutReason reason,
                       const char *text) {
        char *said = NULL;

        assert_int_equal(logout_explain(record, logins, reason, &said), 0);
        assert_string_equal(said, text);
        free(said);
}

static void test_explain(void **state) {
        Logins *logins = logins_of_alice();
        JobRecord record = from_session;

        record.section = "build";
        check_text(&record, logins, LOGOUT_KILLED,
                   "policy \"build\": on-logout = \"auto\"; logind kills what is left in session-3.scope at "
                   "its end "
                   "(KillUserProcesses=yes)");
        record.on_logout = ON_LOGOUT_KEEP;
        check_text(&record, NULL, LOGOUT_BY_KEEP, "policy \"build\": on-logout = \"keep\"");
        record = from_manager;
        record.section = "";
        check_text(&record, logins, LOGOUT_LINGERS,
                   "on-logout = \"auto\"; the user lingers, so user@1000.service stays");
        check_text(&record, logins, LOGOUT_MANAGER_ENDS,
                   "on-logout = \"auto\"; logind kills the user's processes at the last logout "
                   "(KillUserProcesses=yes, and no lingering)");
        logins->kill_user_processes = false;
        check_text(&record, logins, LOGOUT_NOT_KILLED,
                   "on-logout = \"auto\"; logind does not kill the user's processes at the last logout "
                   "(KillUserProcesses=no)");
        for (LogoutReason reason = LOGOUT_BY_KEEP; reason <= LOGOUT_UNKNOWN; reason++)
                assert_non_null(logout_reason_to_string(reason));
        logins_free(logins);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_decide),        cmocka_unit_test(test_session_facts),
                cmocka_unit_test(test_manager_facts), cmocka_unit_test(test_no_logind_facts),
                cmocka_unit_test(test_explain),       cmocka_unit_test(test_stop_facts),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
