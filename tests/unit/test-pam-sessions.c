/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/pam-sessions.h"

#define ALICE 1000
#define BOB 1001

static uint64_t add(PamSessions *sessions, uid_t uid, uint64_t now) {
        uint64_t id = 0;

        assert_int_equal(pam_sessions_add(sessions, uid, "sshd", now, &id), 0);
        assert_int_not_equal(id, 0);
        return id;
}

static void test_taken_once_and_by_its_user(void **state) {
        _cleanup_(pam_sessions_freep) PamSessions *sessions = NULL;
        PamSession session;
        uint64_t first, second;

        assert_int_equal(pam_sessions_new(&sessions), 0);
        first = add(sessions, ALICE, 5);
        second = add(sessions, ALICE, 5);
        assert_int_not_equal(first, second);
        assert_false(pam_sessions_take(sessions, first, BOB, &session));
        assert_false(pam_sessions_take(sessions, 0, ALICE, &session));
        assert_true(pam_sessions_take(sessions, first, ALICE, &session));
        assert_int_equal(session.id, first);
        assert_int_equal(session.uid, ALICE);
        assert_int_equal(session.opened, 5);
        assert_string_equal(session.service, "sshd");
        assert_false(pam_sessions_take(sessions, first, ALICE, &session));
        assert_int_equal(pam_sessions_count(sessions), 1);
        assert_true(pam_sessions_take(sessions, second, ALICE, &session));
        assert_int_equal(pam_sessions_count(sessions), 0);
}

/* A daemon that starts later in the same boot gives others. */
static void test_numbers(void **state) {
        _cleanup_(pam_sessions_freep) PamSessions *earlier = NULL, *later = NULL;
        uint64_t last = 0;

        assert_int_equal(pam_sessions_new(&earlier), 0);
        assert_int_equal(pam_sessions_new(&later), 0);
        for (int i = 0; i < 100; i++)
                last = add(earlier, ALICE, 1000);
        assert_true(add(later, ALICE, 2000) > last);
}

static void test_limits(void **state) {
        _cleanup_(pam_sessions_freep) PamSessions *sessions = NULL;
        uint64_t first, of_bob, second = 0;
        PamSession session;

        assert_int_equal(pam_sessions_new(&sessions), 0);
        of_bob = add(sessions, BOB, 1);
        first = add(sessions, ALICE, 2);
        for (unsigned i = 1; i < CGMOVE_SESSIONS_PER_USER_MAX; i++)
                second = add(sessions, ALICE, 3);
        assert_int_equal(pam_sessions_count(sessions), CGMOVE_SESSIONS_PER_USER_MAX + 1);

        /* one more costs a user the first of his own */
        (void) add(sessions, ALICE, 4);
        assert_int_equal(pam_sessions_count(sessions), CGMOVE_SESSIONS_PER_USER_MAX + 1);
        assert_false(pam_sessions_take(sessions, first, ALICE, &session));
        assert_true(pam_sessions_take(sessions, second, ALICE, &session));

        /* and one more on the host costs whoever has the first of all */
        for (uid_t uid = 2000; pam_sessions_count(sessions) < CGMOVE_SESSIONS_MAX; uid++)
                (void) add(sessions, uid, 5);
        (void) add(sessions, 1999, 6);
        assert_int_equal(pam_sessions_count(sessions), CGMOVE_SESSIONS_MAX);
        assert_false(pam_sessions_take(sessions, of_bob, BOB, &session));
}

static void test_service_is_cut(void **state) {
        _cleanup_(pam_sessions_freep) PamSessions *sessions = NULL;
        char service[200];
        PamSession session;
        uint64_t id;

        memset(service, 'x', sizeof(service) - 1);
        service[sizeof(service) - 1] = '\0';
        assert_int_equal(pam_sessions_new(&sessions), 0);
        assert_int_equal(pam_sessions_add(sessions, ALICE, service, 1, &id), 0);
        assert_true(pam_sessions_take(sessions, id, ALICE, &session));
        assert_int_equal(strlen(session.service), CGMOVE_PAM_SERVICE_MAX);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_taken_once_and_by_its_user),
                cmocka_unit_test(test_numbers),
                cmocka_unit_test(test_limits),
                cmocka_unit_test(test_service_is_cut),
        };

        return cmocka_run_group_tests_name("pam-sessions", tests, NULL, NULL);
}
