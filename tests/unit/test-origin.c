/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/cleanup.h"
#include "lib/on-logout.h"
#include "lib/origin.h"

static void test_parse(void **state) {
        static const struct {
                const char *origin;
                int r;
                OriginKind kind;
                const char *session;
        } table[] = {
                { "", 0, ORIGIN_NONE, "" },
                { "session-1.scope", 0, ORIGIN_SESSION, "1" },
                { "session-c12.scope", 0, ORIGIN_SESSION, "c12" },
                { "user@1000.service", 0, ORIGIN_MANAGER, "" },
                { "user@0.service", 0, ORIGIN_MANAGER, "" },
                { "session-.scope", -EINVAL, ORIGIN_NONE, "" },
                { "session-1.scope.scope", -EINVAL, ORIGIN_NONE, "" },
                { "session-1", -EINVAL, ORIGIN_NONE, "" },
                { "session-../1.scope", -EINVAL, ORIGIN_NONE, "" },
                { "session-1 2.scope", -EINVAL, ORIGIN_NONE, "" },
                { "user@.service", -EINVAL, ORIGIN_NONE, "" },
                { "user@alice.service", -EINVAL, ORIGIN_NONE, "" },
                { "user@-1.service", -EINVAL, ORIGIN_NONE, "" },
                { "user@4294967295.service", -EINVAL, ORIGIN_NONE, "" },
                { "user@1000.scope", -EINVAL, ORIGIN_NONE, "" },
                { "cron.service", -EINVAL, ORIGIN_NONE, "" },
                { "/", -EINVAL, ORIGIN_NONE, "" },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                char session[ORIGIN_MAX + 1] = "";
                OriginKind kind = ORIGIN_NONE;

                assert_int_equal(origin_parse(table[i].origin, &kind, session), table[i].r);
                assert_int_equal(kind, table[i].kind);
                assert_string_equal(session, table[i].session);
        }
}

static void test_too_long(void **state) {
        char origin[ORIGIN_MAX + 2];
        OriginKind kind;

        memset(origin, 'a', sizeof(origin));
        memcpy(origin, "session-", 8);
        memcpy(origin + sizeof(origin) - 7, ".scope", 7);
        assert_int_equal(origin_parse(origin, &kind, NULL), -EINVAL);
}

static void test_from_source(void **state) {
        static const struct {
                const char *path, *origin;
        } table[] = {
                { "/user.slice/user-1000.slice/session-c3.scope", "session-c3.scope" },
                { "/user.slice/user-1000.slice/user@1000.service/app.slice/a.service", "user@1000.service" },
                { "/system.slice/cron.service", "" },
                { "/user.slice/user-1000.slice/user@1000.service/init.scope", "" },
                { "/user.slice/user-cgmove.slice/user-cgmove-1000.slice/cgmove@1000.service/job-3", "" },
                { "/", "" },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                char origin[ORIGIN_MAX + 1];
                OriginKind kind;
                Source source;

                source_from_cgroup_path(table[i].path, &source);
                origin_from_source(&source, origin);
                assert_string_equal(origin, table[i].origin);
                assert_int_equal(origin_parse(origin, &kind, NULL), 0);
        }
}

static void test_on_logout(void **state) {
        static const char *const words[] = { "keep", "auto", "stop" };
        static const char *const others[] = { "", "Keep", "never", "stop " };
        OnLogout on_logout;

        for (size_t i = 0; i < ELEMENTSOF(words); i++) {
                assert_int_equal(on_logout_from_string(words[i], &on_logout), 0);
                assert_string_equal(on_logout_to_string(on_logout), words[i]);
        }
        for (size_t i = 0; i < ELEMENTSOF(others); i++)
                assert_int_equal(on_logout_from_string(others[i], &on_logout), -EINVAL);
        assert_null(on_logout_to_string((OnLogout) 3));
        assert_true(ON_LOGOUT_STOP > ON_LOGOUT_AUTO && ON_LOGOUT_AUTO > ON_LOGOUT_KEEP);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_parse),
                cmocka_unit_test(test_too_long),
                cmocka_unit_test(test_from_source),
                cmocka_unit_test(test_on_logout),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
