/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/job-record.h"
#include "lib/protocol.h"
#include "lib/values.h"

#define INVOCATION "0123456789abcdef0123456789abcdef"
#define HEAD                                                                                                \
        "{\"version\":1,\"id\":17,\"uid\":1000,\"created\":5,\"kind\":\"run\",\"invocation\":\"" INVOCATION \
        "\""
#define RESTART_HEAD                                                                                        \
        "{\"version\":1,\"id\":17,\"uid\":1000,\"created\":5,\"kind\":\"restart\",\"invocation\":\"" INVOCATION \
        "\""

static const JobRecord typical = {
        .id = 17,
        .invocation_id = SD_ID128_MAKE(01, 23, 45, 67, 89, ab, cd, ef, 01, 23, 45, 67, 89, ab, cd, ef),
        .uid = 1000,
        .kind = JOB_EXEC,
        .created = UINT64_C(1700000000000000),
        .up = 1700,
        .limits = { .tasks_max = 256,
                    .memory_max = LIMIT_NONE,
                    .cpu_weight = 100,
                    .runtime_max = LIMIT_NONE },
        .name = "restart",
        .source = "user:gateway.service",
        .section = "gateway",
        .command = "systemctl --user restart \"x\\y\" \xc3\xa4",
        .log = "/home/alice/.local/state/cgmove/job-17.log",
        .on_logout = ON_LOGOUT_AUTO,
        .logged_in = true,
        .origin = "user@1000.service",
        .login = "alice",
        .unit = "",
        .outcome = "",
};

static const JobRecord restart = {
        .id = 18,
        .uid = 1000,
        .kind = JOB_RESTART,
        .created = UINT64_C(1700000000000000),
        .limits = { LIMIT_NONE, LIMIT_NONE, 0, LIMIT_NONE },
        .name = "",
        .source = "user:gateway.service",
        .section = "gateway",
        .command = "cgmove restart gateway",
        .log = "",
        .unit = "user:gateway.service",
        .origin = "",
        .login = "",
        .outcome = "",
};

static void assert_same(const JobRecord *a, const JobRecord *b) {
        assert_int_equal(a->id, b->id);
        assert_true(sd_id128_equal(a->invocation_id, b->invocation_id));
        assert_int_equal(a->uid, b->uid);
        assert_int_equal(a->kind, b->kind);
        assert_int_equal(a->created, b->created);
        assert_int_equal(a->ended, b->ended);
        assert_int_equal(a->up, b->up);
        assert_memory_equal(&a->limits, &b->limits, sizeof(Limits));
        assert_int_equal(a->status_known, b->status_known);
        assert_int_equal(a->exit_code, b->exit_code);
        assert_int_equal(a->exit_signal, b->exit_signal);
        assert_ptr_equal(a->result, b->result);
        assert_int_equal(a->stop_reach, b->stop_reach);
        assert_int_equal(a->stop_kill_at, b->stop_kill_at);
        assert_ptr_equal(a->stop_result, b->stop_result);
        assert_string_equal(a->name, b->name);
        assert_string_equal(a->source, b->source);
        assert_string_equal(a->section, b->section);
        assert_string_equal(a->command, b->command);
        assert_string_equal(a->log, b->log);
        assert_string_equal(a->unit, b->unit);
        assert_string_equal(a->outcome, b->outcome);
        assert_int_equal(a->on_logout, b->on_logout);
        assert_int_equal(a->logged_in, b->logged_in);
        assert_string_equal(a->origin, b->origin);
        assert_string_equal(a->login, b->login);
}

static void round_trip(const JobRecord *template) {
        _cleanup_(job_record_freep) JobRecord *record = NULL, *decoded = NULL;
        _cleanup_free_ char *text = NULL;

        assert_int_equal(job_record_new(template, &record), 0);
        assert_int_equal(job_record_encode(record, &text), 0);
        assert_null(strpbrk(text, "\n\t"));
        assert_int_equal(job_record_decode(text, strlen(text), &decoded), 0);
        assert_same(record, decoded);
}

static void test_round_trip(void **state) {
        JobRecord record = typical;

        round_trip(&record);
        record.ended = record.created + 1;
        record.result = job_result_from_string("failed");
        record.status_known = true;
        record.exit_code = 255;
        round_trip(&record);
        record.exit_code = 0;
        record.exit_signal = 64;
        round_trip(&record);

        record.on_logout = ON_LOGOUT_STOP;
        record.origin = "session-c12.scope";
        record.result = job_result_from_string("logout");
        round_trip(&record);

        round_trip(&(JobRecord){ .id = 1, .uid = 0, .kind = JOB_MOVE });
        round_trip(&(JobRecord){ .id = INT64_MAX,
                                 .uid = UID_NONE - 1,
                                 .created = INT64_MAX,
                                 .up = INT64_MAX,
                                 .limits.cpu_weight = 10000 });
}

static void test_restart(void **state) {
        static const char *const outcomes[] = { "{}", "{\"state\":\"done\"}", "{\xc3\xa4 \\ \"}" };
        static const char *const bad[] = { "{", "}", "[]", "x{}", "{} ", "{\n}", "{\x7f}", "{\xff}", "{\xc2\x9b}" };
        char long_one[CGMOVE_OUTCOME_MAX + 2];
        JobRecord record = restart;

        round_trip(&record);
        for (size_t i = 0; i < ELEMENTSOF(outcomes); i++) {
                record.outcome = outcomes[i];
                round_trip(&record);
        }
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_false(job_outcome_is_valid(bad[i]));

        memset(long_one, '"', sizeof(long_one)); /* each is two bytes in a record */
        long_one[0] = '{';
        long_one[CGMOVE_OUTCOME_MAX - 1] = '}';
        long_one[CGMOVE_OUTCOME_MAX] = '\0';
        record.outcome = long_one;
        round_trip(&record);
        long_one[CGMOVE_OUTCOME_MAX - 1] = ' ';
        long_one[CGMOVE_OUTCOME_MAX] = '}';
        long_one[CGMOVE_OUTCOME_MAX + 1] = '\0';
        assert_int_equal(job_record_new(&record, &(JobRecord *){ NULL }), -EINVAL);
}

static void test_stop(void **state) {
        static const char *const bad[] = {
                HEAD ",\"stop-reach\":\"owner\"}",
                HEAD ",\"stop-reach\":\"nobody\",\"stop-result\":\"stopped\"}",
                HEAD ",\"stop-reach\":1,\"stop-result\":\"stopped\"}",
                HEAD ",\"stop-result\":\"halted\"}",
                HEAD ",\"stop-kill-at\":5}",
                HEAD ",\"stop-kill-at\":-5,\"stop-reach\":\"owner\",\"stop-result\":\"stopped\"}",
        };
        static const JobReach reaches[] = { JOB_REACH_OWNER, JOB_REACH_EVERYONE };
        JobRecord record = typical;

        record.stop_result = job_result_from_string("stopped");
        round_trip(&record); /* it was given up, and ends as that all the same */
        for (size_t i = 0; i < ELEMENTSOF(reaches); i++) {
                record.stop_reach = reaches[i];
                record.stop_kill_at = i == 0 ? 0 : record.created;
                round_trip(&record);
        }
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_int_equal(job_record_decode(bad[i], strlen(bad[i]), &(JobRecord *){ NULL }), -EBADMSG);
}

static void test_large_numbers(void **state) {
        _cleanup_(job_record_freep) JobRecord *decoded = NULL;
        _cleanup_free_ char *text = NULL;
        JobRecord record = typical;

        record.limits = (Limits){ LIMIT_NONE, (uint64_t) INT64_MAX + 1, 0, INT64_MAX };
        assert_int_equal(job_record_encode(&record, &text), 0);
        assert_null(strstr(text, "tasks-max"));
        assert_int_equal(job_record_decode(text, strlen(text), &decoded), 0);
        assert_true(decoded->limits.tasks_max == LIMIT_NONE);
        assert_true(decoded->limits.memory_max == LIMIT_NONE);
        assert_true(decoded->limits.runtime_max == INT64_MAX);
        assert_int_equal(decoded->limits.cpu_weight, 0);
}

/* What an earlier boot's clock had is not told by it. */
static void test_boot(void **state) {
        static const char *const texts[] = { HEAD ",\"up\":5}", HEAD ",\"up\":5,\"boot\":\"" INVOCATION "\"}",
                                             HEAD ",\"up\":5,\"boot\":\"\"}" };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                _cleanup_(job_record_freep) JobRecord *record = NULL;

                assert_int_equal(job_record_decode(texts[i], strlen(texts[i]), &record), 0);
                assert_int_equal(record->up, 0);
        }
}

static void test_memory(void **state) {
        _cleanup_(job_record_freep) JobRecord *record = NULL;

        assert_int_equal(job_record_new(&typical, &record), 0);
        assert_true(malloc_usable_size(record) <= 360);
}

static void test_display(void **state) {
        _cleanup_(job_record_freep) JobRecord *record = NULL;
        char command[CGMOVE_COMMAND_MAX + 10];
        JobRecord template = typical;

        memset(command, 'x', sizeof(command));
        strcpy(command + CGMOVE_COMMAND_MAX - 1, "\xc3\xa4z"); /* the cut would go through it */
        template.command = command;
        template.section = "a\x1b[31m\xff";
        assert_int_equal(job_record_new(&template, &record), 0);
        assert_int_equal(strlen(record->command), CGMOVE_COMMAND_MAX - 1);
        assert_string_equal(record->section, "a?[31m?");
        round_trip(record);
}

static void test_longest(void **state) {
        char log[CGMOVE_LOG_PATH_MAX + 2], command[CGMOVE_COMMAND_MAX + 1],
                        section[JOB_RECORD_SECTION_MAX + 1], outcome[CGMOVE_OUTCOME_MAX + 1];
        JobRecord record = restart;

        memset(outcome, '\\', sizeof(outcome));
        outcome[0] = '{';
        outcome[CGMOVE_OUTCOME_MAX - 1] = '}';
        outcome[CGMOVE_OUTCOME_MAX] = '\0';
        record.outcome = outcome;

        memset(log, '"', sizeof(log));
        log[0] = '/';
        log[CGMOVE_LOG_PATH_MAX] = '\0';
        memset(command, '\\', sizeof(command));
        command[CGMOVE_COMMAND_MAX] = '\0';
        memset(section, '"', sizeof(section));
        section[JOB_RECORD_SECTION_MAX] = '\0';
        record.log = log;
        record.command = command;
        record.section = section;
        round_trip(&record);

        log[CGMOVE_LOG_PATH_MAX] = 'x';
        log[CGMOVE_LOG_PATH_MAX + 1] = '\0';
        assert_int_equal(job_record_new(&record, &(JobRecord *){ NULL }), -EINVAL);
}

static void refused(JobRecord record) {
        JobRecord *never = NULL;
        const char **strings[] = { &record.name, &record.source, &record.section, &record.command,
                                   &record.log,  &record.unit,   &record.outcome,
                                   &record.origin, &record.login };
        char *text = NULL;

        assert_int_equal(job_record_new(&record, &never), -EINVAL);
        assert_null(never);

        for (size_t i = 0; i < ELEMENTSOF(strings); i++)
                if (!*strings[i])
                        *strings[i] = "";
        assert_int_equal(job_record_encode(&record, &text), -EINVAL);
        assert_null(text);
}

static void test_refused(void **state) {
        refused((JobRecord){ .id = 0, .uid = 1 });
        refused((JobRecord){ .id = UINT64_MAX, .uid = 1 });
        refused((JobRecord){ .id = 1, .uid = UID_NONE });
        refused((JobRecord){ .id = 1, .kind = (JobKind) 4 });
        refused((JobRecord){ .id = 1, .created = UINT64_MAX });
        refused((JobRecord){ .id = 1, .ended = UINT64_MAX, .result = CGMOVE_RESULT_DONE });
        refused((JobRecord){ .id = 1, .ended = 5 });
        refused((JobRecord){ .id = 1, .result = "what" });
        refused((JobRecord){ .id = 1, .limits.cpu_weight = 10001 });
        refused((JobRecord){ .id = 1, .status_known = true, .exit_code = 256 });
        refused((JobRecord){ .id = 1, .status_known = true, .exit_code = -1 });
        refused((JobRecord){ .id = 1, .status_known = true, .exit_signal = 65 });
        refused((JobRecord){ .id = 1, .name = "-x" });
        refused((JobRecord){ .id = 1, .name = "a b" });
        refused((JobRecord){ .id = 1, .source = "user:\n" });
        refused((JobRecord){ .id = 1, .log = "relative" });
        refused((JobRecord){ .id = 1, .log = "/a\nb" });
        refused((JobRecord){ .id = 1, .log = "/a\xff" });
        refused((JobRecord){ .id = 1, .unit = "user:a.service" });
        refused((JobRecord){ .id = 1, .outcome = "{}" });
        refused((JobRecord){ .id = 1, .kind = JOB_RESTART });
        refused((JobRecord){ .id = 1, .kind = JOB_RESTART, .unit = "a.service" });
        refused((JobRecord){ .id = 1, .kind = JOB_RESTART, .unit = "session" });
        refused((JobRecord){ .id = 1, .kind = JOB_RESTART, .unit = "user:a.socket" });
        refused((JobRecord){ .id = 1, .kind = JOB_RESTART, .unit = "user:a@.service" });
        refused((JobRecord){ .id = 1, .kind = JOB_RESTART, .unit = "user:*.service" });
        refused((JobRecord){ .id = 1, .kind = JOB_RESTART, .unit = "user:../a.service" });
        refused((JobRecord){ .id = 1, .kind = JOB_RESTART, .unit = "user:a.service", .outcome = "x" });
        refused((JobRecord){ .id = 1, .on_logout = (OnLogout) 3 });
        refused((JobRecord){ .id = 1, .origin = "session-1" });
        refused((JobRecord){ .id = 1, .origin = "../session-1.scope" });
        refused((JobRecord){ .id = 1, .login = "a\nb" });
}

/* Whoever wrote it had not acted on on-logout: what began under it does not end by it. */
static void test_before_on_logout(void **state) {
        const char *text = HEAD "}";
        JobRecord *record = NULL;

        assert_int_equal(job_record_decode(text, strlen(text), &record), 0);
        assert_int_equal(record->on_logout, ON_LOGOUT_KEEP);
        assert_false(record->logged_in);
        assert_string_equal(record->origin, "");
        assert_string_equal(record->login, "");
        job_record_free(record);
}

static void test_decode(void **state) {
        static const struct {
                const char *text;
                int r;
        } table[] = {
                { HEAD "}", 0 },
                { HEAD ",\"unknown\":[{}]}", 0 },
                { HEAD ",\"result\":\"oom\"}", 0 },
                { HEAD ",\"on-logout\":\"stop\",\"origin\":\"session-3.scope\",\"login\":\"a\",\"logged-in\":1}", 0 },
                { HEAD ",\"on-logout\":\"never\"}", -EBADMSG },
                { HEAD ",\"on-logout\":1}", -EBADMSG },
                { HEAD ",\"origin\":\"session-.scope\"}", -EBADMSG },
                { HEAD ",\"logged-in\":\"yes\"}", -EBADMSG },
                { HEAD ",\"ended\":9,\"result\":\"done\",\"exit-code\":0,\"exit-signal\":0}", 0 },
                { "", -EBADMSG },
                { "[]", -EBADMSG },
                { "1", -EBADMSG },
                { "{}", -EBADMSG },
                { HEAD, -EBADMSG },
                { HEAD "}x", -EBADMSG },
                { HEAD ",\"id\":18}", -EBADMSG }, /* twice */
                { "{\"version\":2}", -EPROTONOSUPPORT },
                { "{\"version\":0}", -EBADMSG },
                { "{\"version\":-1}", -EBADMSG },
                { "{\"version\":\"1\"}", -EBADMSG },
                { HEAD ",\"ended\":9}", -EBADMSG },
                { HEAD ",\"ended\":-9,\"result\":\"done\"}", -EBADMSG },
                { HEAD ",\"ended\":9.5,\"result\":\"done\"}", -EBADMSG },
                { HEAD ",\"ended\":9223372036854775808,\"result\":\"done\"}", -EBADMSG },
                { HEAD ",\"ended\":9,\"result\":\"won\"}", -EBADMSG },
                { HEAD ",\"exit-code\":0}", -EBADMSG },
                { HEAD ",\"exit-signal\":9}", -EBADMSG },
                { HEAD ",\"exit-code\":256,\"exit-signal\":0}", -EBADMSG },
                { HEAD ",\"exit-code\":0,\"exit-signal\":65}", -EBADMSG },
                { HEAD ",\"cpu-weight\":10001}", -EBADMSG },
                { HEAD ",\"tasks-max\":null}", -EBADMSG },
                { HEAD ",\"name\":\"a/b\"}", -EBADMSG },
                { HEAD ",\"name\":7}", -EBADMSG },
                { HEAD ",\"command\":\"a\\u001bb\"}", -EBADMSG },
                { HEAD ",\"command\":\"a\\u0000b\"}", -EBADMSG },
                { HEAD ",\"command\":\"a\\u009bb\"}", -EBADMSG },
                { HEAD ",\"command\":\"a\xff\"}", -EBADMSG },
                { HEAD ",\"section\":\"a\\nb\"}", -EBADMSG },
                { HEAD ",\"source\":\"a\\u007fb\"}", -EBADMSG },
                { HEAD ",\"log\":\"x\"}", -EBADMSG },
                { HEAD ",\"unit\":\"user:a.service\"}", -EBADMSG },
                { HEAD ",\"outcome\":\"{}\"}", -EBADMSG },
                { RESTART_HEAD "}", -EBADMSG },
                { RESTART_HEAD ",\"unit\":\"system:a.service\"}", 0 },
                { RESTART_HEAD ",\"unit\":\"system:a.mount\"}", -EBADMSG },
                { RESTART_HEAD ",\"unit\":7}", -EBADMSG },
                { RESTART_HEAD ",\"unit\":\"user:a.service\",\"outcome\":\"{}\"}", 0 },
                { RESTART_HEAD ",\"unit\":\"user:a.service\",\"outcome\":{}}", -EBADMSG },
                { RESTART_HEAD ",\"unit\":\"user:a.service\",\"outcome\":\"{\\n}\"}", -EBADMSG },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                _cleanup_(job_record_freep) JobRecord *record = NULL;

                assert_int_equal(job_record_decode(table[i].text, strlen(table[i].text), &record),
                                 table[i].r);
                assert_int_equal(record != NULL, table[i].r == 0);
        }
}

/* Each field that must be there, left out or out of range. */
static void test_decode_required(void **state) {
#define ID "\"id\":1,"
#define UID "\"uid\":1,"
#define CREATED "\"created\":5,"
#define KIND "\"kind\":\"run\","
#define INVOCATION_IS(text) "\"invocation\":\"" text "\","
#define V1 "\"version\":1"
        static const char *const texts[] = {
                "{" UID CREATED KIND INVOCATION_IS(INVOCATION) V1 "}",
                "{\"id\":0," UID CREATED KIND INVOCATION_IS(INVOCATION) V1 "}",
                "{\"id\":-1," UID CREATED KIND INVOCATION_IS(INVOCATION) V1 "}",
                "{" ID CREATED KIND INVOCATION_IS(INVOCATION) V1 "}",
                "{" ID "\"uid\":4294967295," CREATED KIND INVOCATION_IS(INVOCATION) V1 "}",
                "{" ID "\"uid\":4294967296," CREATED KIND INVOCATION_IS(INVOCATION) V1 "}",
                "{" ID UID KIND INVOCATION_IS(INVOCATION) V1 "}",
                "{" ID UID CREATED INVOCATION_IS(INVOCATION) V1 "}",
                "{" ID UID CREATED "\"kind\":\"walk\"," INVOCATION_IS(INVOCATION) V1 "}",
                "{" ID UID CREATED KIND V1 "}",
                "{" ID UID CREATED KIND INVOCATION_IS("xyz") V1 "}",
                "{" ID UID CREATED KIND INVOCATION_IS("0123456789abcdef0123456789abcdeg") V1 "}",
                "{" ID UID CREATED KIND INVOCATION_IS("01234567-89ab-cdef-0123-456789abcdef") V1 "}",
                "{" ID UID CREATED KIND INVOCATION_IS(INVOCATION) "\"boot\":1," V1 "}",
                "{" ID UID CREATED KIND INVOCATION_IS(INVOCATION) "\"version\":0}",
        };
        _cleanup_(job_record_freep) JobRecord *good = NULL;
        const char *text = "{" ID UID CREATED KIND INVOCATION_IS(INVOCATION) V1 "}";

        assert_int_equal(job_record_decode(text, strlen(text), &good), 0);
        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                JobRecord *record = NULL;

                assert_int_equal(job_record_decode(texts[i], strlen(texts[i]), &record), -EBADMSG);
        }
}

static void test_decode_size(void **state) {
        _cleanup_(job_record_freep) JobRecord *record = NULL, *never = NULL;
        char text[JOB_RECORD_SIZE_MAX + 1];

        memset(text, ' ', sizeof(text));
        memcpy(text, HEAD "}", strlen(HEAD "}"));
        assert_int_equal(job_record_decode(text, JOB_RECORD_SIZE_MAX, &record), 0);
        assert_int_equal(job_record_decode(text, JOB_RECORD_SIZE_MAX + 1, &never), -EBADMSG);
        memset(text, '[', sizeof(text)); /* deep */
        assert_int_equal(job_record_decode(text, JOB_RECORD_SIZE_MAX, &never), -EBADMSG);
}

static void test_words(void **state) {
        JobKind kind = JOB_MOVE;

        assert_int_equal(job_kind_from_string("run", &kind), 0);
        assert_int_equal(kind, JOB_RUN);
        assert_int_equal(job_kind_from_string("Run", &kind), -EINVAL);
        assert_null(job_kind_to_string((JobKind) -1));
        assert_string_equal(job_result_from_string("pool-stopped"), CGMOVE_RESULT_POOL_STOPPED);
        assert_null(job_result_from_string(""));
}

static void test_names(void **state) {
        char name[CGMOVE_JOB_NAME_MAX + 2];

        memset(name, 'x', sizeof(name));
        name[CGMOVE_JOB_NAME_MAX] = '\0';
        assert_true(job_name_is_valid(name));
        name[CGMOVE_JOB_NAME_MAX] = 'x';
        name[CGMOVE_JOB_NAME_MAX + 1] = '\0';
        assert_false(job_name_is_valid(name));
        assert_true(job_name_is_valid("a.b@c_d:e-f"));
        assert_false(job_name_is_valid(""));
        assert_false(job_name_is_valid(".hidden"));
        assert_false(job_name_is_valid("-option"));
        assert_false(job_name_is_valid("a/b"));
        assert_false(job_name_is_valid("a\nb"));
        assert_false(job_name_is_valid("\xc3\xa4"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_round_trip),  cmocka_unit_test(test_large_numbers),
                cmocka_unit_test(test_restart),
                cmocka_unit_test(test_stop),
                cmocka_unit_test(test_boot),
                cmocka_unit_test(test_memory),      cmocka_unit_test(test_display),
                cmocka_unit_test(test_longest),     cmocka_unit_test(test_refused),
                cmocka_unit_test(test_decode),      cmocka_unit_test(test_decode_required),
                cmocka_unit_test(test_decode_size), cmocka_unit_test(test_words),
                cmocka_unit_test(test_names),       cmocka_unit_test(test_before_on_logout),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
