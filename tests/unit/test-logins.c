/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/logins.h"

static Logins *logins_new(void) {
        Logins *logins = calloc(1, sizeof(*logins));

        assert_non_null(logins);
        return logins;
}

static LoginSession *add(Logins *logins, const char *id, uid_t uid, const char *class, const char *state) {
        LoginSession *session;

        assert_int_equal(logins_add_session(logins, id, uid, "somebody", "/"), 0);
        session = &logins->sessions[logins->n_sessions - 1];
        free(session->class);
        free(session->state);
        session->class = strdup(class);
        session->state = strdup(state);
        return session;
}

/* Row by row as logind's manager_shall_kill() has it. */
static void test_kills(void **state) {
        static char *none[] = { NULL };
        static char *alice[] = { (char *) "alice", NULL };
        static char *others[] = { (char *) "bob", (char *) "carol", NULL };
        static char *root[] = { (char *) "root", NULL };
        static const struct {
                bool kill;
                char **only, **exclude;
                const char *name;
                uid_t uid;
                Knowledge kills;
                const char *rule;
        } table[] = {
                { false, NULL, NULL, "alice", 1000, NO, "KillUserProcesses=no" },
                { true, NULL, NULL, "alice", 1000, YES, "KillUserProcesses=yes" },
                { true, none, none, "alice", 1000, YES, "KillUserProcesses=yes" },
                { true, NULL, alice, "alice", 1000, NO, "KillExcludeUsers=" },
                { true, NULL, others, "alice", 1000, YES, "KillUserProcesses=yes" },
                /* they decide without KillUserProcesses=, and exclude comes first */
                { false, alice, NULL, "alice", 1000, YES, "KillOnlyUsers=" },
                { true, others, NULL, "alice", 1000, NO, "KillOnlyUsers=" },
                { true, alice, alice, "alice", 1000, NO, "KillExcludeUsers=" },
                /* root is left alone unless somebody else is */
                { true, NULL, NULL, "root", 0, NO, "KillExcludeUsers=" },
                { true, NULL, root, "root", 0, NO, "KillExcludeUsers=" },
                { true, NULL, alice, "root", 0, YES, "KillUserProcesses=yes" },
                { true, NULL, NULL, "", 0, NO, "KillExcludeUsers=" },
                /* nobody knows his name */
                { false, NULL, NULL, "", 1000, NO, "KillUserProcesses=no" },
                { false, NULL, others, "", 1000, NO, "KillUserProcesses=no" },
                { true, NULL, NULL, "", 1000, YES, "KillUserProcesses=yes" },
                { true, NULL, root, "", 1000, YES, "KillUserProcesses=yes" },
                { true, NULL, others, "", 1000, UNKNOWN, "KillExcludeUsers=" },
                { false, others, NULL, "", 1000, UNKNOWN, "KillOnlyUsers=" },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                const Logins logins = {
                        .kill_user_processes = table[i].kill,
                        .kill_only_users = table[i].only,
                        .kill_exclude_users = table[i].exclude,
                };
                const char *rule = "";

                if (logins_kills(&logins, table[i].name, table[i].uid, &rule) != table[i].kills ||
                    strcmp(rule, table[i].rule) != 0)
                        fail_msg("row %zu: %s", i, rule);
        }
}

static void test_logged_in(void **state) {
        static const struct {
                const char *class, *state;
                bool logged_in;
        } table[] = {
                { "user", "active", true },
                { "user", "online", true },
                { "user", "closing", false },
                { "background", "active", true },
                { "user-early", "active", true },
                { "manager", "active", false },
                { "manager-early", "active", false },
                { "greeter", "active", false },
                { "lock-screen", "active", false },
                { "", "", true }, /* nothing but that it is there is known */
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                Logins *logins = logins_new();

                add(logins, "1", 1000, table[i].class, table[i].state);
                assert_int_equal(logins_is_logged_in(logins, 1000), table[i].logged_in);
                assert_false(logins_is_logged_in(logins, 1001));
                assert_true(logins_knows_user(logins, 1000));
                assert_false(logins_knows_user(logins, 1001));
                logins_free(logins);
        }
}

static void test_find_and_remove(void **state) {
        Logins *logins = logins_new();
        char id[16];

        for (uid_t i = 0; i < 100; i++) {
                (void) snprintf(id, sizeof(id), "c%u", (unsigned) i);
                assert_int_equal(logins_add_user(logins, i, id), 0);
                assert_int_equal(logins_add_session(logins, id, i, id, "/path"), 0);
        }
        assert_string_equal(logins_find_session(logins, "c99")->user, "c99");
        assert_int_equal(logins_find_user(logins, 50)->uid, 50);
        logins_sort(logins);
        assert_string_equal(logins_find_session(logins, "c0")->user, "c0");
        assert_string_equal(logins_find_session(logins, "c42")->user, "c42");
        assert_null(logins_find_session(logins, "c100"));
        logins_remove_session(logins, (size_t) (logins_find_session(logins, "c99") - logins->sessions));
        logins_remove_session(logins, (size_t) (logins_find_session(logins, "c0") - logins->sessions));
        logins_remove_user(logins, 50);
        assert_null(logins_find_session(logins, "c99"));
        assert_null(logins_find_session(logins, "c0"));
        assert_non_null(logins_find_session(logins, "c98"));
        assert_null(logins_find_user(logins, 50));
        assert_non_null(logins_find_user(logins, 99));
        /* and as many again */
        for (uid_t i = 100; i < 140; i++) {
                assert_int_equal(logins_add_user(logins, i, "x"), 0);
                assert_int_equal(logins_add_session(logins, "x", i, "x", "/"), 0);
        }
        assert_int_equal(logins->n_users, 139);
        assert_int_equal(logins->n_sessions, 138);
        logins_free(logins);
}

static void test_bound(void **state) {
        Logins *logins = logins_new();
        int r = 0;

        for (uid_t i = 0; i < LOGINS_MAX && r >= 0; i++)
                r = logins_add_user(logins, i, "x");
        assert_int_equal(r, 0);
        assert_int_equal(logins_add_user(logins, LOGINS_MAX, "x"), -E2BIG);
        assert_int_equal(logins->n_users, LOGINS_MAX);
        logins_free(logins);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_kills),
                cmocka_unit_test(test_logged_in),
                cmocka_unit_test(test_find_and_remove),
                cmocka_unit_test(test_bound),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
