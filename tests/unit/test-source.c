/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/cleanup.h"
#include "lib/source.h"

#define USER_1000 "/user.slice/user-1000.slice"
#define MANAGER_1000 USER_1000 "/user@1000.service"
#define POOL_1000 "/user.slice/user-cgmove.slice/user-cgmove-1000.slice/cgmove@1000.service"
#define NOBODY UID_NONE

typedef struct PathCase {
        const char *path;
        SourceKind kind;
        uid_t owner;
        const char *unit;
        uint64_t job;
        bool control;
} PathCase;

static const PathCase system_cases[] = {
        { "/system.slice/cron.service", SOURCE_SYSTEM_UNIT, NOBODY, "cron.service" },
        { "/system.slice/cron.service/a/b", SOURCE_SYSTEM_UNIT, NOBODY, "cron.service" },
        { "/system.slice/cron.service/.control", SOURCE_SYSTEM_UNIT, NOBODY, "cron.service", 0, true },
        { "/system.slice/cron.service/a/.control/b", SOURCE_SYSTEM_UNIT, NOBODY, "cron.service", 0, true },
        { "/system.slice/cron.service/x.control", SOURCE_SYSTEM_UNIT, NOBODY, "cron.service" },
        { "/system.slice/system-getty.slice/getty@tty1.service", SOURCE_SYSTEM_UNIT, NOBODY,
          "getty@tty1.service" },
        { "/a.slice/a-b.slice/a-b-c.slice/x.service", SOURCE_SYSTEM_UNIT, NOBODY, "x.service" },
        { "/x.service", SOURCE_SYSTEM_UNIT, NOBODY, "x.service" },
        { "/user.slice/x.service", SOURCE_SYSTEM_UNIT, NOBODY, "x.service" },
        { "/machine.slice/machine-web.scope", SOURCE_SYSTEM_UNIT, NOBODY, "machine-web.scope" },
        { USER_1000 "/x.service", SOURCE_SYSTEM_UNIT, 1000, "x.service" },
        { USER_1000 "/user-runtime-dir@1000.service", SOURCE_SYSTEM_UNIT, 1000,
          "user-runtime-dir@1000.service" },
        { USER_1000 "/user-1000-a.slice/x.service", SOURCE_SYSTEM_UNIT, 1000, "x.service" },
        /* names that would be a kernel attribute's are escaped */
        { "/system.slice/_memory.service", SOURCE_SYSTEM_UNIT, NOBODY, "memory.service" },
        { "/system.slice/__x.service", SOURCE_SYSTEM_UNIT, NOBODY, "_x.service" },
        { "/_memory.slice/x.service", SOURCE_SYSTEM_UNIT, NOBODY, "x.service" },
        { "/system.slice/dev-disk-by\\x2duuid.swap", SOURCE_SYSTEM_UNIT, NOBODY,
          "dev-disk-by\\x2duuid.swap" },
};

static const PathCase user_cases[] = {
        { MANAGER_1000 "/app.slice/gw.service", SOURCE_USER_UNIT, 1000, "gw.service" },
        { MANAGER_1000 "/app.slice/app-x.slice/app-x@1.service/sub", SOURCE_USER_UNIT, 1000,
          "app-x@1.service" },
        { MANAGER_1000 "/run-r1.scope", SOURCE_USER_UNIT, 1000, "run-r1.scope" },
        { MANAGER_1000 "/app.slice/_cpu.service", SOURCE_USER_UNIT, 1000, "cpu.service" },
        { MANAGER_1000 "/app.slice/gw.service/.control", SOURCE_USER_UNIT, 1000, "gw.service", 0, true },
        /* to a user's manager these are units like any other */
        { MANAGER_1000 "/app.slice/session-1.scope", SOURCE_USER_UNIT, 1000, "session-1.scope" },
        { MANAGER_1000 "/user@1001.service", SOURCE_USER_UNIT, 1000, "user@1001.service" },
        { "/user.slice/user-0.slice/user@0.service/app.slice/x.service", SOURCE_USER_UNIT, 0, "x.service" },

        { USER_1000 "/session-3.scope", SOURCE_SESSION, 1000, "session-3.scope" },
        { USER_1000 "/session-c1.scope/sub/group", SOURCE_SESSION, 1000, "session-c1.scope" },
        { USER_1000 "/session-c1.scope/.control", SOURCE_SESSION, 1000, "session-c1.scope", 0, true },

        { POOL_1000, SOURCE_JOB, 1000, "cgmove@1000.service" },
        { POOL_1000 "/keeper", SOURCE_JOB, 1000, "cgmove@1000.service" },
        { POOL_1000 "/job-17", SOURCE_JOB, 1000, "cgmove@1000.service", 17 },
        { POOL_1000 "/job-18446744073709551615/x", SOURCE_JOB, 1000, "cgmove@1000.service", UINT64_MAX },
        { POOL_1000 "/.control", SOURCE_JOB, 1000, "cgmove@1000.service", 0, true },
        /* not as a job is written, so no job */
        { POOL_1000 "/job-0", SOURCE_JOB, 1000, "cgmove@1000.service" },
        { POOL_1000 "/job-017", SOURCE_JOB, 1000, "cgmove@1000.service" },
        { POOL_1000 "/job-+17", SOURCE_JOB, 1000, "cgmove@1000.service" },
        { POOL_1000 "/job- 17", SOURCE_JOB, 1000, "cgmove@1000.service" },
        { POOL_1000 "/job-17x", SOURCE_JOB, 1000, "cgmove@1000.service" },
        { POOL_1000 "/job-18446744073709551616", SOURCE_JOB, 1000, "cgmove@1000.service" },
        { POOL_1000 "/x/job-17", SOURCE_JOB, 1000, "cgmove@1000.service" },

        { "/init.scope", SOURCE_MANAGER, NOBODY, "" },
        { "/init.scope/x", SOURCE_MANAGER, NOBODY, "" },
        { MANAGER_1000, SOURCE_MANAGER, 1000, "" },
        { MANAGER_1000 "/init.scope", SOURCE_MANAGER, 1000, "" },
        { MANAGER_1000 "/init.scope/x", SOURCE_MANAGER, 1000, "" },
        { MANAGER_1000 "/.control", SOURCE_MANAGER, 1000, "", 0, true },
        { MANAGER_1000 "/.control/x", SOURCE_MANAGER, 1000, "", 0, true },
        { MANAGER_1000 "/app.slice/init.scope", SOURCE_MANAGER, 1000, "" },
        { MANAGER_1000 "/app.slice/container.scope/init.scope", SOURCE_MANAGER, 1000, "" },
        { "/system.slice/container.service/payload/init.scope/x", SOURCE_MANAGER, NOBODY, "" },
};

/* Nowhere a user's processes belong, or made to look as if. */
static const char *const other_cases[] = {
        "",
        "/",
        "user.slice",
        "//system.slice/x.service",
        "/system.slice//x.service",
        "/system.slice/x.service/",
        "/system.slice/../system.slice/x.service",
        "/../x.service",
        "/./x.service",
        "/system.slice/x.service\n",
        "/system.slice",
        "/user.slice",
        USER_1000,
        "/docker/0123456789ab",
        "/system.slice/x.servic",
        "/system.slice/x",
        "/system.slice/.service",
        "/system.slice/@x.service",
        "/system.slice/x@.service",
        "/system.slice/x y.service",
        "/system.slice/x@y.slice/z.service",
        /* slices that do not nest */
        "/system.slice/user-1000.slice/x.service",
        "/a.slice/b.slice/x.service",
        "/a-b.slice/x.service",
        "/a.slice/ab-c.slice/x.service",
        "/user.slice/user-1000.slice/user-10000.slice/x.service",
        "/_user.slice/user-1000.slice/session-1.scope",
        "/_user.slice/user-1000.slice/x.service",
        /* managers that are not at their place, or not their slice's */
        "/user.slice/user-1000.slice/user@1001.service/app.slice/x.service",
        "/user.slice/user-1000.slice/user@100.service/app.slice/x.service",
        "/user.slice/user-100.slice/user@1000.service/app.slice/x.service",
        "/user.slice/user-01000.slice/user@1000.service/app.slice/x.service",
        "/user.slice/user-1000.slice/user@01000.service/app.slice/x.service",
        "/user.slice/user-1000.slice/user@alice.service/app.slice/x.service",
        "/user.slice/user-65535.slice/user@65535.service/app.slice/x.service",
        "/user.slice/user-4294967295.slice/user@4294967295.service/app.slice/x.service",
        "/user.slice/user-4294968296.slice/user@4294968296.service/app.slice/x.service",
        "/user.slice/user@1000.service/app.slice/x.service",
        "/system.slice/user@1000.service/app.slice/x.service",
        "/user@1000.service/init.scope",
        "/user.slice/user-1000.slice/_user@1000.service/app.slice/x.service",
        "/xuser.slice/user-1000.slice/session-1.scope",
        "/user.slicex/user-1000.slice/session-1.scope",
        /* sessions that are not at their place */
        "/system.slice/session-1.scope",
        "/user.slice/session-1.scope",
        "/session-1.scope",
        "/user.slice/user-1000.slice/user-1000-a.slice/session-1.scope",
        "/user.slice/user-1000.slice/_session-1.scope",
        "/system.slice/user-1000.slice/session-1.scope",
        /* below a manager, but in no unit */
        MANAGER_1000 "/app.slice",
        MANAGER_1000 "/plain",
        MANAGER_1000 "/.controlx",
        MANAGER_1000 "/app.slice/plain/x.service",
        MANAGER_1000 "/a.slice/b.slice/x.service",
        /* pools that are not at their place, or whose ids differ */
        "/user.slice/user-cgmove.slice",
        "/user.slice/user-cgmove.slice/user-cgmove-1000.slice",
        "/user.slice/user-cgmove.slice/x.service",
        "/user.slice/user-cgmove.slice/cgmove@1000.service/job-1",
        "/user.slice/user-cgmove.slice/user-cgmove-1000.slice/cgmove@1001.service/job-1",
        "/user.slice/user-cgmove.slice/user-cgmove-1000.slice/cgmove@100.service/job-1",
        "/user.slice/user-cgmove.slice/user-cgmove-1000.slice/cgmove@1000.servicex/job-1",
        "/user.slice/user-cgmove.slice/user-cgmove-1000.slice/x.service/job-1",
        "/user.slice/user-cgmove.slice/user-cgmove-01000.slice/cgmove@1000.service/job-1",
        "/user.slice/user-cgmove.slice/user-cgmove-.slice/cgmove@.service/job-1",
        "/system.slice/cgmove@1000.service/job-1",
        "/system.slice/_cgmove@1000.service/job-1",
        "/cgmove@1000.service/job-1",
        "/user-cgmove.slice/user-cgmove-1000.slice/cgmove@1000.service/job-1",
};

static void check_paths(const PathCase *cases, size_t n) {
        for (size_t i = 0; i < n; i++) {
                const PathCase *c = &cases[i];
                Source source;

                source_from_cgroup_path(c->path, &source);
                if (source.kind != c->kind || source.owner_uid != c->owner ||
                    strcmp(source.unit, c->unit) != 0 || source.job != c->job ||
                    source.control != c->control)
                        fail_msg("%s: kind %d owner %u unit \"%s\" job %lu control %d", c->path, source.kind,
                                 source.owner_uid, source.unit, source.job, source.control);
        }
}

static void test_system_paths(void **state) {
        check_paths(system_cases, ELEMENTSOF(system_cases));
}

static void test_user_paths(void **state) {
        check_paths(user_cases, ELEMENTSOF(user_cases));
}

static void test_other_paths(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(other_cases); i++)
                check_paths(&(PathCase){ other_cases[i], SOURCE_OTHER, NOBODY, "" }, 1);
}

/* 255 bytes are a name, 256 are not, wherever they stand. */
static void test_long_names(void **state) {
        char path[1024], name[UNIT_NAME_MAX + 2];
        Source source;

        memset(name, 'x', sizeof(name));
        memcpy(name + UNIT_NAME_MAX - 8, ".service", 9);
        snprintf(path, sizeof(path), "/system.slice/%s", name);
        source_from_cgroup_path(path, &source);
        assert_int_equal(source.kind, SOURCE_SYSTEM_UNIT);
        assert_string_equal(source.unit, name);

        memset(name, 'x', sizeof(name));
        memcpy(name + UNIT_NAME_MAX - 7, ".service", 9);
        snprintf(path, sizeof(path), "/system.slice/%s", name);
        source_from_cgroup_path(path, &source);
        assert_int_equal(source.kind, SOURCE_OTHER);
        assert_false(unit_name_is_valid(name));
}

static void test_proc_text(void **state) {
        static const struct {
                const char *text;
                int r;
                const char *path;
                bool deleted;
        } cases[] = {
                { "0::/a\n", 0, "/a", false },
                { "0::/a", 0, "/a", false },
                { "0::/\n", 0, "/", false },
                { "0::/a (deleted)\n", 0, "/a", true },
                { "0::/a (deleted) b\n", 0, "/a (deleted) b", false },
                { "12:pids:/x\n1:name=systemd:/y\n0::/z\n", 0, "/z", false },
                { "10::/x\n0::/z\n", 0, "/z", false },
                { "", -ENODATA, NULL, false },
                { "1:name=systemd:/0::/y\n", -ENODATA, NULL, false },
                { "12:pids:/x\n", -ENODATA, NULL, false },
                { "10::/x\n", -ENODATA, NULL, false },
                { "0::\n", -EINVAL, NULL, false },
                { "0::a\n", -EINVAL, NULL, false },
                { "0::/../a\n", -EINVAL, NULL, false },
                { "0::/a/..\n", -EINVAL, NULL, false },
                { "0::/a/./b\n", -EINVAL, NULL, false },
                { "0::/a//b\n", -EINVAL, NULL, false },
                { "0::/a/\n", -EINVAL, NULL, false },
                { "0::/a\tb\n", -EINVAL, NULL, false },
                { "0::/a\x7f\n", -EINVAL, NULL, false },
                { "0:: (deleted)\n", -EINVAL, NULL, false },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *path = NULL;
                bool deleted = false;

                assert_int_equal(cgroup_path_from_proc(cases[i].text, &path, &deleted), cases[i].r);
                if (cases[i].r < 0) {
                        assert_null(path);
                        continue;
                }
                assert_string_equal(path, cases[i].path);
                assert_int_equal(deleted, cases[i].deleted);
        }
}

static void test_to_string(void **state) {
        static const struct {
                Source source;
                const char *text;
        } cases[] = {
                { { .kind = SOURCE_USER_UNIT, .unit = "a.service" }, "user:a.service" },
                { { .kind = SOURCE_SYSTEM_UNIT, .unit = "a.service" }, "system:a.service" },
                { { .kind = SOURCE_SESSION, .unit = "session-1.scope" }, "session" },
                { { .kind = SOURCE_JOB, .unit = "cgmove@1000.service", .job = 3 }, "job" },
                { { .kind = SOURCE_MANAGER }, "manager" },
                { { .kind = SOURCE_OTHER }, "other" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *text = NULL;

                assert_int_equal(source_to_string(&cases[i].source, &text), 0);
                assert_string_equal(text, cases[i].text);
        }
}

/* Each place a policy can name comes back as it was; nothing else does. */
static void test_from_string(void **state) {
        static const struct {
                const char *text;
                SourceKind kind;
                const char *unit;
        } good[] = {
                { "session", SOURCE_SESSION, NULL },
                { "job", SOURCE_JOB, NULL },
                { "user:a@b.service", SOURCE_USER_UNIT, "a@b.service" },
                { "system:a.service", SOURCE_SYSTEM_UNIT, "a.service" },
        };
        static const char *const bad[] = {
                "",
                "*",
                "user:",
                "user:*",
                "user:a",
                "user:a@.service",
                "system:a*.service",
                "manager",
                "other",
                "a.service",
                "session ",
                "Session",
                "user:a.service ",
                "other:a.service",
                "user:../a.service",
        };

        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                Source source = { .kind = SOURCE_OTHER };

                assert_int_equal(source_from_string(good[i].text, 1000, &source), 0);
                assert_int_equal(source.kind, good[i].kind);
                if (good[i].unit)
                        assert_string_equal(source.unit, good[i].unit);
        }
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                Source source = { .kind = SOURCE_OTHER };

                if (source_from_string(bad[i], 1000, &source) != -EINVAL || source.kind != SOURCE_OTHER)
                        fail_msg("\"%s\" was taken", bad[i]);
        }
}

static void test_services(void **state) {
        static const char *const bad[] = {
                "session",          "job",
                "user:a.socket",    "user:a.service.timer",
                "system:x.slice",   "user:a@.service",
                "user:*.service",   "system:a?.service",
                "user:../a.service", "user:/etc/a.service",
                "a.service",        "user:a",
                "",                 "user:",
                "user:.service",    "user:a.service\n",
        };
        Source source;

        assert_int_equal(service_from_string("user:a@b.service", 1000, &source), 0);
        assert_int_equal(source.kind, SOURCE_USER_UNIT);
        assert_int_equal(source.owner_uid, 1000);
        assert_string_equal(source.unit, "a@b.service");
        assert_int_equal(service_from_string("system:a.service", 1000, &source), 0);
        assert_int_equal(source.kind, SOURCE_SYSTEM_UNIT);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                if (service_from_string(bad[i], 1000, &source) != -EINVAL)
                        fail_msg("\"%s\" was taken", bad[i]);
}

static void test_unit_names(void **state) {
        static const char *const good[] = {
                "a.service",        "a.b.service", "a@b.service",    "a@b@c.service", "-.mount",
                "a:b_c\\x2d.scope", "a.automount", "dev-sda.device", "x.slice",
        };
        static const char *const bad[] = {
                "",
                ".",
                "a",
                "a.",
                ".service",
                "a.foo",
                "a.Service",
                "@a.service",
                "a@.service",
                "a b.service",
                "a/b.service",
                "a*.service",
                "a?.service",
                "\xc3\xa9.service",
                "a.service ",
                "a\n.service",
        };

        for (size_t i = 0; i < ELEMENTSOF(good); i++)
                if (!unit_name_is_valid(good[i]))
                        fail_msg("\"%s\" was refused", good[i]);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                if (unit_name_is_valid(bad[i]))
                        fail_msg("\"%s\" was taken", bad[i]);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_system_paths), cmocka_unit_test(test_user_paths),
                cmocka_unit_test(test_other_paths),  cmocka_unit_test(test_long_names),
                cmocka_unit_test(test_proc_text),    cmocka_unit_test(test_to_string),
                cmocka_unit_test(test_from_string),  cmocka_unit_test(test_unit_names),
                cmocka_unit_test(test_services),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
