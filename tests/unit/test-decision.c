/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Each check of the decision, with a case in which it refuses; the order of the checks by cases that fail
 * two of them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/decision.h"
#include "lib/limits.h"
#include "lib/protocol.h"
#include "lib/values.h"

#define ALICE 1000
#define BOB 1001

static char *any_source[] = { (char *) "user:*.service", (char *) "system:*.service", (char *) "session", (char *) "job", NULL };
static char *none[] = { NULL };
static UserMatch alice_only = { .kind = USER_MATCH_RANGE, .first = ALICE, .last = ALICE };

static PolicySection make_section(bool allow, bool allow_unsandbox) {
        return (PolicySection) {
                .name = (char *) "test",
                .file = (char *) "/etc/cgmove/cgmove.conf",
                .line = 1,
                .allow = allow,
                .allow_unsandbox = allow_unsandbox,
                .users = &alice_only,
                .n_users = 1,
                .from = any_source,
                .restart = none,
                .scrub_env = none,
                .max_jobs = 16,
        };
}

/* Alice's own child of her gateway. */
static Target good_target(void) {
        return (Target) {
                .pid = 4711,
                .ppid = 4000,
                .status = { .tgid = 4711, .uid = { ALICE, ALICE, ALICE, ALICE } },
                .cgroup = (char *) "/user.slice/user-1000.slice/user@1000.service/app.slice/gateway.service",
                .source = { .kind = SOURCE_USER_UNIT, .owner_uid = ALICE, .unit = "gateway.service" },
                .unit_process = NO,
                .sandbox_lost = NO,
        };
}

static void expect(const char *error, uid_t caller_uid, const PolicySection *section, const Target *target) {
        Policy policy = { .sections = (PolicySection *) section, .n_sections = section ? 1 : 0 };
        gid_t gid = caller_uid;
        Caller caller = { .uid = caller_uid, .pidfd = -1, .gids = &gid, .n_gids = 1 };
        Decision decision;

        assert_int_equal(decide(&policy, &caller, target, &decision), 0);
        if (error) {
                assert_non_null(decision.error);
                assert_string_equal(decision.error, error);
                assert_non_null(decision.message);
        } else
                assert_null(decision.error);
        decision_done(&decision);
}

/* A cgroup may have any bytes in its name, but what is no text could not be sent. */
static void test_message_is_text(void **state) {
        Caller caller = { .uid = ALICE, .pidfd = -1 };
        Target target = good_target();
        Policy policy = {};
        Decision decision;

        target.source.kind = SOURCE_OTHER;
        target.cgroup = (char *) "/user.slice/\xff\xc3\xa9\x1b.service";
        assert_int_equal(decide(&policy, &caller, &target, &decision), 0);
        assert_string_equal(decision.error, CGMOVE_ERROR_DENIED);
        assert_non_null(strstr(decision.message, "in cgroup /user.slice/?\xc3\xa9?.service, which is no unit"));
        decision_done(&decision);
}

static void test_allowed(void **state) {
        PolicySection section = make_section(true, false);
        Target target = good_target();

        expect(NULL, ALICE, &section, &target);
        expect(NULL, 0, NULL, &target); /* root needs no rule */

        target.unit_process = UNKNOWN; /* refuses nothing yet */
        target.sandbox_lost = UNKNOWN;
        expect(NULL, ALICE, &section, &target);
}

static void test_process(void **state) {
        PolicySection section = make_section(true, false);
        Target target = good_target();

        target.kernel_thread = true;
        expect(CGMOVE_ERROR_NOT_YOURS, 0, &section, &target);

        target = good_target();
        target.pid = target.status.tgid = 1;
        expect(CGMOVE_ERROR_NOT_YOURS, 0, &section, &target);

        target = good_target();
        target.pid = target.status.tgid = getpid();
        expect(CGMOVE_ERROR_NOT_YOURS, 0, &section, &target);

        target = good_target();
        target.status.tgid = 4700;
        expect(CGMOVE_ERROR_INVALID, ALICE, &section, &target);

        target = good_target();
        target.leader_ended = true;
        expect(CGMOVE_ERROR_UNSUPPORTED, ALICE, &section, &target);
        expect(CGMOVE_ERROR_UNSUPPORTED, 0, NULL, &target);
        expect(CGMOVE_ERROR_NOT_YOURS, BOB, &section, &target); /* before it is told of somebody else's */
}

static void test_user_ids(void **state) {
        PolicySection section = make_section(true, false);

        for (unsigned i = 0; i < 3; i++) {
                Target target = good_target();

                target.status.uid[i] = 0;
                expect(CGMOVE_ERROR_NOT_YOURS, ALICE, &section, &target);
                expect(CGMOVE_ERROR_NOT_YOURS, 0, &section, &target); /* nobody's own: not even for root */
        }

        Target target = good_target();
        expect(CGMOVE_ERROR_NOT_YOURS, BOB, &section, &target);
}

static void test_place(void **state) {
        static const SourceKind never[] = { SOURCE_MANAGER, SOURCE_OTHER };
        static const char *const errors[] = { CGMOVE_ERROR_MAIN_PROCESS, CGMOVE_ERROR_DENIED };
        PolicySection section = make_section(true, false);
        Target target;

        for (unsigned i = 0; i < 2; i++) {
                target = good_target();
                target.source.kind = never[i];
                expect(errors[i], ALICE, &section, &target);
                expect(errors[i], 0, &section, &target);
        }

        target = good_target();
        target.source = (Source) { .kind = SOURCE_JOB, .owner_uid = ALICE, .job = 0 }; /* the keeper's group, quarantine */
        expect(CGMOVE_ERROR_MAIN_PROCESS, ALICE, &section, &target);
        target.source.job = 7;
        expect(NULL, ALICE, &section, &target);

        target = good_target();
        target.source.control = true;
        expect(CGMOVE_ERROR_MAIN_PROCESS, ALICE, &section, &target);

        target = good_target();
        target.source.owner_uid = BOB; /* sudo -u alice in bob's session */
        expect(CGMOVE_ERROR_DENIED, ALICE, &section, &target);
        target.source.kind = SOURCE_SYSTEM_UNIT; /* has no owner */
        expect(NULL, ALICE, &section, &target);

        target = good_target();
        target.gone = true;
        expect(CGMOVE_ERROR_DENIED, ALICE, &section, &target);

        target = good_target();
        target.frozen = true;
        expect(CGMOVE_ERROR_FROZEN, ALICE, &section, &target);
        expect(CGMOVE_ERROR_FROZEN, 0, &section, &target);

        target = good_target();
        target.unit_process = YES;
        expect(CGMOVE_ERROR_MAIN_PROCESS, ALICE, &section, &target);
        expect(CGMOVE_ERROR_MAIN_PROCESS, 0, &section, &target);
}

/* Nobody is told to write another rule where none can be read. */
static void test_policy_that_cannot_be_used(void **state) {
        gid_t gid = ALICE;
        Caller caller = { .uid = ALICE, .pidfd = -1, .gids = &gid, .n_gids = 1 };
        Target target = good_target();
        Policy policy = { .invalid = true };
        Decision decision;

        assert_int_equal(decide(&policy, &caller, &target, &decision), 0);
        assert_string_equal(decision.error, CGMOVE_ERROR_POLICY_INVALID);
        assert_non_null(strstr(decision.message, "\"cgmove policy check\" tells why"));
        decision_done(&decision);
}

static void test_policy(void **state) {
        PolicySection allow = make_section(true, false), refuse = make_section(false, false);
        Target target = good_target();

        expect(CGMOVE_ERROR_DENIED, ALICE, NULL, &target);
        expect(CGMOVE_ERROR_DENIED, ALICE, &refuse, &target);

        strcpy(target.source.unit, "gateway@evil.service"); /* "*" does not cross "@" */
        expect(CGMOVE_ERROR_DENIED, ALICE, &allow, &target);
}

static void test_refusal_names_the_cure(void **state) {
        Policy policy = {};
        gid_t gid = ALICE;
        Caller caller = { .uid = ALICE, .pidfd = -1, .gids = &gid, .n_gids = 1 };
        Target target = good_target();
        Decision decision;

        assert_int_equal(decide(&policy, &caller, &target, &decision), 0);
        assert_non_null(strstr(decision.message, "cgmove policy allow 1000 --from user:gateway.service"));
        decision_done(&decision);
}

static void test_sandbox(void **state) {
        PolicySection strict = make_section(true, false), lenient = make_section(true, true);
        Target target = good_target();

        target.sandbox_lost = YES;
        target.sandbox = "network access";
        expect(CGMOVE_ERROR_SANDBOX_LOST, ALICE, &strict, &target);
        expect(NULL, ALICE, &lenient, &target);
}

/* What is checked first is what the answer says: nobody learns of a policy by asking about others'
 * processes. */
static void test_order(void **state) {
        PolicySection refuse = make_section(false, false);
        Target target = good_target();

        target.status.uid[1] = BOB;
        target.source.kind = SOURCE_MANAGER;
        target.sandbox_lost = YES;
        expect(CGMOVE_ERROR_NOT_YOURS, ALICE, &refuse, &target);

        target = good_target();
        target.source.kind = SOURCE_MANAGER;
        target.frozen = true;
        expect(CGMOVE_ERROR_MAIN_PROCESS, ALICE, &refuse, &target);

        target = good_target();
        target.sandbox_lost = YES;
        expect(CGMOVE_ERROR_DENIED, ALICE, &refuse, &target);
}

static void test_needs_manager(void **state) {
        Target target = good_target();

        assert_false(target_needs_manager(&target, false));
        assert_true(target_needs_manager(&target, true));
        target.source.kind = SOURCE_SYSTEM_UNIT;
        assert_true(target_needs_manager(&target, false));
        target.source.kind = SOURCE_SESSION;
        assert_false(target_needs_manager(&target, true));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_allowed),
                cmocka_unit_test(test_message_is_text),
                cmocka_unit_test(test_process),
                cmocka_unit_test(test_user_ids),   cmocka_unit_test(test_place),
                cmocka_unit_test(test_policy_that_cannot_be_used),
                cmocka_unit_test(test_policy),     cmocka_unit_test(test_refusal_names_the_cure),
                cmocka_unit_test(test_sandbox),    cmocka_unit_test(test_order),
                cmocka_unit_test(test_needs_manager),
        };

        return cmocka_run_group_tests_name("decision", tests, NULL, NULL);
}
