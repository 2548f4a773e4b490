/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who may restart what, as a table. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/restart-decision.h"
#include "lib/protected-service.h"
#include "lib/protocol.h"
#include "lib/values.h"

#define ALICE 1000
#define BOB 1001

static char *listed[] = { (char *) "user:gateway.service",    (char *) "user:work-*.service",
                          (char *) "system:openclaw.service", (char *) "system:systemd-*.service",
                          (char *) "system:*@*.service",      NULL };
static char *none[] = { NULL };

static PolicySection make_section(char **restart) {
        return (PolicySection){
                .name = (char *) "test",
                .file = (char *) "/etc/cgmove/cgmove.conf",
                .line = 3,
                .allow = true,
                .from = none,
                .restart = restart,
                .scrub_env = none,
        };
}

static Decision judge(uid_t caller_uid, uid_t owner, const char *from, char **restart, const char *unit) {
        PolicySection section = make_section(restart);
        Caller caller = { .uid = caller_uid, .pidfd = -1 };
        Target target = { .pid = 4711, .status = { .tgid = 4711, .uid = { owner, owner, owner, owner } } };
        Decision decision = {};
        Source service;

        assert_int_equal(source_from_string(from, owner, &target.source), 0);
        assert_int_equal(service_from_string(unit, owner, &service), 0);
        assert_int_equal(decide_restart(&caller, &target, caller_uid == 0 ? NULL : &section, &service,
                                        &decision),
                         0);
        return decision;
}

static void test_table(void **state) {
        static const struct {
                uid_t caller, owner;
                const char *from;
                char **restart;
                const char *unit;
                bool allowed;
        } table[] = {
                /* from inside of the very unit */
                { ALICE, ALICE, "user:gateway.service", none, "user:gateway.service", true },
                { ALICE, ALICE, "user:gateway.service", none, "user:gateway2.service", false },
                { ALICE, ALICE, "user:gateway2.service", none, "user:gateway.service", false },
                { ALICE, ALICE, "session", none, "user:gateway.service", false },
                { ALICE, ALICE, "job", none, "user:gateway.service", false },
                /* a user's unit with the name of a system unit, and the reverse */
                { ALICE, ALICE, "user:openclaw.service", none, "system:openclaw.service", false },
                { ALICE, ALICE, "system:gateway.service", none, "system:gateway.service", false },
                { ALICE, ALICE, "system:gateway.service", none, "user:gateway.service", false },
                { ALICE, ALICE, "session", listed, "system:gateway.service", false },
                { ALICE, ALICE, "session", listed, "user:openclaw.service", false },
                /* listed */
                { ALICE, ALICE, "session", listed, "user:gateway.service", true },
                { ALICE, ALICE, "session", listed, "user:work-1.service", true },
                { ALICE, ALICE, "session", listed, "user:work-@1.service", false },
                { ALICE, ALICE, "session", listed, "user:work-.timer.service", true },
                { ALICE, ALICE, "system:openclaw.service", listed, "system:openclaw.service", true },
                { ALICE, ALICE, "session", listed, "system:openclaw.service", true },
                /* never, however it is listed */
                { ALICE, ALICE, "session", listed, "system:systemd-logind.service", false },
                { ALICE, ALICE, "session", listed, "system:user@1000.service", false },
                { ALICE, ALICE, "session", listed, "system:cgmove@1000.service", false },
                { ALICE, ALICE, "session", listed, "system:web@1.service", true },
                { 0, 0, "session", NULL, "system:dbus.service", false },
                /* root needs no list, but does not lend its rights to others' jobs */
                { 0, 0, "session", NULL, "system:openclaw.service", true },
                { 0, 0, "session", NULL, "user:gateway.service", true },
                { 0, ALICE, "session", NULL, "user:gateway.service", true },
                { 0, ALICE, "session", NULL, "system:openclaw.service", false },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                Decision decision = judge(table[i].caller, table[i].owner, table[i].from, table[i].restart,
                                          table[i].unit);

                if ((decision.error == NULL) != table[i].allowed)
                        fail_msg("row %zu: %s", i, decision.error ? decision.message : "allowed");
                if (decision.error) {
                        assert_string_equal(decision.error, CGMOVE_ERROR_DENIED);
                        assert_non_null(decision.message);
                }
                decision_done(&decision);
        }
}

/* The unit of another user's manager has the same name. */
static void test_another_manager(void **state) {
        PolicySection section = make_section(none);
        Caller caller = { .uid = ALICE, .pidfd = -1 };
        Target target = { .pid = 4711, .status = { .uid = { ALICE, ALICE, ALICE, ALICE } } };
        Decision decision;
        Source service;

        assert_int_equal(source_from_string("user:gateway.service", BOB, &target.source), 0);
        assert_int_equal(service_from_string("user:gateway.service", ALICE, &service), 0);
        assert_int_equal(decide_restart(&caller, &target, &section, &service, &decision), 0);
        assert_string_equal(decision.error, CGMOVE_ERROR_DENIED);
        decision_done(&decision);
}

static void test_refusal_names_the_cure(void **state) {
        char *many[20] = {};
        Decision decision;

        decision = judge(ALICE, ALICE, "session", none, "system:foo\\x2dbar.service");
        assert_string_equal(decision.message,
                            "Section \"test\" (/etc/cgmove/cgmove.conf:3) does not let user 1000 restart "
                            "system:foo\\x2dbar.service; as root, write into it: restart = "
                            "{'system:foo\\x2dbar.service'}");
        decision_done(&decision);
        decision = judge(ALICE, ALICE, "session", listed, "user:b.service");
        assert_non_null(strstr(decision.message,
                               "restart = {'user:gateway.service', 'user:work-*.service', "));
        assert_non_null(strstr(decision.message, ", 'user:b.service'}"));
        decision_done(&decision);

        for (size_t i = 0; i < ELEMENTSOF(many) - 1; i++)
                many[i] = (char *) "user:a.service";
        decision = judge(ALICE, ALICE, "session", many, "user:b.service");
        assert_non_null(strstr(decision.message, "restart = {..., 'user:b.service'}"));
        decision_done(&decision);
}

static void test_protected(void **state) {
        static const char *const never[] = {
                "systemd-journald.service",
                "systemd-logind.service",
                "systemd-networkd.service",
                "dbus.service",
                "dbus-broker.service",
                "dbus-org.freedesktop.login1.service",
                "cgmoved.service",
                "cgmove@1000.service",
                "cgmove@0.service",
                "user@0.service",
                "user@1000.service",
                "user-runtime-dir@1000.service",
                "init.service",
                "initrd-switch-root.service",
                "emergency.service",
                "rescue.service",
        };
        static const char *const others[] = { "openclaw.service", "mydbus.service", "users@1.service",
                                              "xcgmoved.service" };

        for (size_t i = 0; i < ELEMENTSOF(never); i++)
                assert_true(system_service_is_protected(never[i]));
        for (size_t i = 0; i < ELEMENTSOF(others); i++)
                assert_false(system_service_is_protected(others[i]));
}

/* --- acts on a system unit -------------------------------------------------------------------------- */

static SystemdService good_service(void) {
        return (SystemdService){
                .id = "openclaw.service",
                .load_state = "loaded",
                .active_state = "active",
                .sub_state = "running",
        };
}

static const ServiceHistory nothing_yet = {}, restarted = { .restarted = true },
                            twice = { .restarted = true, .n_starts = 2 };

static void expect_name(const char *error, ServiceAct act, const char *name, const SystemdService *service,
                        bool is_listed, const ServiceHistory *history) {
        Decision decision;

        assert_int_equal(decide_service(act, name, service, is_listed, history, &decision), 0);
        if (error) {
                assert_non_null(decision.error);
                assert_string_equal(decision.error, error);
                assert_non_null(decision.message);
        } else if (decision.error)
                fail_msg("%s", decision.message);
        decision_done(&decision);
}

static void expect(const char *error, ServiceAct act, const SystemdService *service,
                   const ServiceHistory *history) {
        expect_name(error, act, "openclaw.service", service, true, history);
}

static void test_act_on_what(void **state) {
        static const ServiceAct acts[] = { SERVICE_LOOK, SERVICE_RESTART, SERVICE_REVIVE };

        for (size_t i = 0; i < ELEMENTSOF(acts); i++) {
                const ServiceHistory *history = acts[i] == SERVICE_REVIVE ? &restarted : &nothing_yet;
                SystemdService service = good_service();

                if (acts[i] == SERVICE_REVIVE)
                        strcpy(service.active_state, "failed");
                expect(NULL, acts[i], &service, history);
                expect_name(CGMOVE_ERROR_DENIED, acts[i], "openclaw.service", &service, false, history);
                /* an alias, also of what the policy lists */
                expect_name(CGMOVE_ERROR_DENIED, acts[i], "alias.service", &service, true, history);
                strcpy(service.id, "systemd-logind.service");
                expect_name(CGMOVE_ERROR_DENIED, acts[i], "openclaw.service", &service, true, history);
                expect_name(CGMOVE_ERROR_DENIED, acts[i], "systemd-logind.service", &service, true, history);
        }
}

static void test_act_on_loaded(void **state) {
        static const char *const never[] = { "masked", "not-found", "bad-setting", "error", "merged",
                                             "stub",   "" };
        SystemdService service = good_service();

        for (size_t i = 0; i < ELEMENTSOF(never); i++) {
                strcpy(service.load_state, never[i]);
                expect(CGMOVE_ERROR_DENIED, SERVICE_RESTART, &service, &nothing_yet);
                expect(NULL, SERVICE_LOOK, &service, &nothing_yet);
        }

        service = good_service();
        service.need_daemon_reload = true;
        expect(CGMOVE_ERROR_NEEDS_RELOAD, SERVICE_RESTART, &service, &nothing_yet);
        expect(NULL, SERVICE_LOOK, &service, &nothing_yet);
        strcpy(service.active_state, "failed");
        expect(CGMOVE_ERROR_NEEDS_RELOAD, SERVICE_REVIVE, &service, &restarted);
}

static void test_act_in_state(void **state) {
        static const struct {
                const char *active, *sub;
                bool restart, revive;
        } table[] = {
                { "active", "running", true, false },
                { "active", "exited", true, false },
                { "reloading", "reload", true, false },
                { "refreshing", "", true, false },
                { "failed", "failed", true, true },
                { "activating", "auto-restart", true, true },
                { "activating", "auto-restart-queued", true, true },
                { "inactive", "dead", false, false },
                { "activating", "start", false, false },
                { "activating", "start-pre", false, false },
                { "deactivating", "stop-sigterm", false, false },
                { "maintenance", "", false, false },
                { "", "", false, false },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                SystemdService service = good_service();

                strcpy(service.active_state, table[i].active);
                strcpy(service.sub_state, table[i].sub);
                expect(table[i].restart ? NULL : CGMOVE_ERROR_DENIED, SERVICE_RESTART, &service,
                       &nothing_yet);
                expect(table[i].revive ? NULL : CGMOVE_ERROR_DENIED, SERVICE_REVIVE, &service, &restarted);
                expect(NULL, SERVICE_LOOK, &service, &nothing_yet);
        }
}

static void test_act_how_often(void **state) {
        SystemdService service = good_service();

        expect(CGMOVE_ERROR_DENIED, SERVICE_RESTART, &service, &restarted);
        strcpy(service.active_state, "failed");
        expect(CGMOVE_ERROR_DENIED, SERVICE_REVIVE, &service, &nothing_yet);
        expect(CGMOVE_ERROR_DENIED, SERVICE_REVIVE, &service, &twice);
        expect(NULL, SERVICE_LOOK, &service, &twice);
}

static void test_up_and_busy(void **state) {
        SystemdService service = good_service();

        assert_true(service_is_up(&service));
        assert_false(service_is_busy(&service));
        service.job = 5;
        assert_true(service_is_busy(&service));
        service.job = 0;
        strcpy(service.active_state, "activating");
        assert_false(service_is_up(&service));
        assert_true(service_is_busy(&service));
        strcpy(service.sub_state, "auto-restart");
        assert_true(service_is_up(&service));
        assert_true(service_is_busy(&service));
        assert_true(service_is_down_or_loops(&service));
        strcpy(service.sub_state, "start");
        assert_false(service_is_down_or_loops(&service));
        strcpy(service.active_state, "failed");
        assert_true(service_is_down_or_loops(&service));
        assert_false(service_is_up(&service));
        assert_false(service_is_busy(&service));
}

static void test_joined(void **state) {
        JobRecord record = { .id = 7, .kind = JOB_RESTART, .created = 5 * RESTART_JOIN_MAX, .outcome = "" };
        uint64_t created = record.created;

        assert_true(restart_is_joined(&record, false, created));
        assert_true(restart_is_joined(&record, false, created + RESTART_JOIN_MAX - 1));
        assert_true(restart_is_joined(&record, false, created - 1)); /* a clock that was set back */
        assert_false(restart_is_joined(&record, false, created + RESTART_JOIN_MAX));
        assert_false(restart_is_joined(&record, false, created - RESTART_JOIN_MAX));
        assert_false(restart_is_joined(&record, true, created));
        record.status_known = true;
        assert_false(restart_is_joined(&record, false, created));
        record.status_known = false;
        record.result = CGMOVE_RESULT_ENDED;
        assert_false(restart_is_joined(&record, false, created));
        record.result = NULL;
        record.kind = JOB_RUN;
        assert_false(restart_is_joined(&record, false, created));
}

#define PHASES(names) "{\"state\":\"running\",\"phases\":[" names "]}"
#define PHASE(name) "{\"name\":\"" name "\"}"

/* As the job tells them: from when the instance that was there is gone, the restart is not what one asks for. */
static void test_joined_by_outcome(void **state) {
        static const struct {
                const char *outcome;
                bool joined;
        } cases[] = {
                { "", true },
                { PHASES(""), true },
                { PHASES(PHASE("waiting") "," PHASE("delaying")), true },
                { PHASES(PHASE("checking") "," PHASE("restarting")), true },
                { PHASES(PHASE("checking") "," PHASE("restarting") "," PHASE("watching")), false },
                { PHASES(PHASE("restarting") "," PHASE("healing") "," PHASE("stabilising")), false },
                { "{\"state\":\"done\"}", false },
                { "{\"state\":\"failed\",\"phases\":[]}", false },
                /* whatever else a job tells, it says nothing */
                { "{nonsense}", true },
                { "{}", true },
                { "{\"state\":17,\"phases\":{\"name\":\"restarting\"}}", true },
                { "{\"state\":\"waiting\",\"phases\":[null,\"restarting\",[],{\"name\":null},{}]}", true },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                JobRecord record = { .id = 7, .kind = JOB_RESTART, .created = 5, .outcome = cases[i].outcome };

                if (restart_is_joined(&record, false, 5) != cases[i].joined)
                        fail_msg("%s", cases[i].outcome);
        }
}

/* As deep as it can be. */
static void test_joined_by_deep_outcome(void **state) {
        char outcome[CGMOVE_OUTCOME_MAX + 1] = "{\"phases\":";
        size_t head = strlen(outcome), brackets = (sizeof(outcome) - 2 - head) / 2;
        JobRecord record = { .id = 7, .kind = JOB_RESTART, .created = 5, .outcome = outcome };

        memset(outcome + head, '[', brackets);
        memset(outcome + head + brackets, ']', brackets);
        strcpy(outcome + head + 2 * brackets, "}");
        assert_true(job_outcome_is_valid(outcome));
        assert_true(restart_is_joined(&record, false, 5));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_table),
                cmocka_unit_test(test_another_manager),
                cmocka_unit_test(test_refusal_names_the_cure),
                cmocka_unit_test(test_protected),
                cmocka_unit_test(test_act_on_what),
                cmocka_unit_test(test_act_on_loaded),
                cmocka_unit_test(test_act_in_state),
                cmocka_unit_test(test_act_how_often),
                cmocka_unit_test(test_up_and_busy),
                cmocka_unit_test(test_joined),
                cmocka_unit_test(test_joined_by_outcome),
                cmocka_unit_test(test_joined_by_deep_outcome),
        };

        return cmocka_run_group_tests_name("restart-decision", tests, NULL, NULL);
}
