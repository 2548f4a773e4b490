/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/cleanup.h"
#include "lib/job-record.h"
#include "lib/protocol.h"
#include "tools/restart/outcome.h"

/* The text as the daemon takes it, read again. The caller drops it. */
static json_t *round_trip(const Outcome *outcome) {
        _cleanup_free_ char *text = outcome_to_text(outcome);
        json_t *object;

        assert_non_null(text);
        assert_true(job_outcome_is_valid(text));
        object = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(object);
        return object;
}

static const char *text_at(const json_t *array, size_t i, const char *key) {
        return json_string_value(json_object_get(json_array_get(array, i), key));
}

/* --- what is kept -------------------------------------------------------------------------------------- */

static void test_fresh(void **state) {
        Outcome outcome;
        json_t *object;

        outcome_init(&outcome, "gateway.service");
        object = round_trip(&outcome);
        assert_string_equal(json_string_value(json_object_get(object, "unit")), "gateway.service");
        assert_string_equal(json_string_value(json_object_get(object, "state")), "running");
        assert_true(json_is_null(json_object_get(object, "reason")));
        assert_true(json_is_null(json_object_get(object, "text")));
        assert_true(json_is_null(json_object_get(object, "downtime_usec")));
        assert_int_equal(json_object_size(object), 10);
        json_decref(object);
}

static void test_phases(void **state) {
        Outcome outcome;
        json_t *object, *phases;

        outcome_init(&outcome, "gateway.service");
        outcome_begin_phase(&outcome, "waiting");
        outcome_begin_phase(&outcome, "waiting"); /* goes on */
        outcome_begin_phase(&outcome, "restarting");
        outcome.downtime = 1500;
        object = round_trip(&outcome);
        phases = json_object_get(object, "phases");
        assert_int_equal(json_array_size(phases), 2);
        assert_string_equal(text_at(phases, 0, "name"), "waiting");
        assert_true(json_is_integer(json_object_get(json_array_get(phases, 0), "duration_usec")));
        assert_true(json_is_null(json_object_get(json_array_get(phases, 1), "duration_usec")));
        assert_int_equal(json_integer_value(json_object_get(object, "downtime_usec")), 1500);
        json_decref(object);

        outcome_end(&outcome, "done", "restarted", "%s is up.", outcome.unit);
        object = round_trip(&outcome);
        phases = json_object_get(object, "phases");
        assert_true(json_is_integer(json_object_get(json_array_get(phases, 1), "duration_usec")));
        assert_string_equal(json_string_value(json_object_get(object, "text")), "gateway.service is up.");
        assert_string_equal(json_string_value(json_object_get(object, "reason")), "restarted");
        json_decref(object);
}

static void test_many_phases(void **state) {
        static const char *const names[] = { "healing", "stabilising" };
        Outcome outcome;

        outcome_init(&outcome, "gateway.service");
        for (size_t i = 0; i < 3 * OUTCOME_PHASES_MAX; i++)
                outcome_begin_phase(&outcome, names[i % 2]);
        assert_int_equal(outcome.n_phases, OUTCOME_PHASES_MAX);
        assert_true(outcome.phases[OUTCOME_PHASES_MAX - 1].duration != UINT64_MAX);
        json_decref(round_trip(&outcome));
}

static void test_processes(void **state) {
        OutcomeProcess process = { .port = 80, .uid = 1000, .comm = "node", .source = "user:x.service" };
        Outcome outcome;
        json_t *object, *ended;

        outcome_init(&outcome, "gateway.service");
        outcome_add_ended(&outcome, &process);
        outcome_add_ended(&outcome, &process); /* the same */
        process.pid = 17;
        outcome_add_ended(&outcome, &process);
        process.port = 81;
        outcome_add_ended(&outcome, &process);
        assert_int_equal(outcome.n_ended, 3);
        object = round_trip(&outcome);
        ended = json_object_get(object, "ended");
        assert_true(json_is_null(json_object_get(json_array_get(ended, 0), "pid")));
        assert_int_equal(json_integer_value(json_object_get(json_array_get(ended, 1), "pid")), 17);
        assert_string_equal(text_at(ended, 2, "comm"), "node");
        assert_string_equal(text_at(ended, 2, "source"), "user:x.service");
        assert_null(text_at(ended, 2, "text"));
        assert_int_equal(json_array_size(json_object_get(object, "holders")), 0);
        json_decref(object);

        for (uint16_t port = 1; port < 3 * OUTCOME_PROCESSES_MAX; port++) {
                process.port = port;
                outcome_add_holder(&outcome, &process);
        }
        assert_int_equal(outcome.n_holders, OUTCOME_PROCESSES_MAX); /* more are dropped */
}

/* --- text from elsewhere -------------------------------------------------------------------------------- */

static void check_line(const char *line, const char *expected) {
        Outcome outcome;
        json_t *object, *log;

        outcome_init(&outcome, "gateway.service");
        (void) snprintf(outcome.log[0], sizeof(outcome.log[0]), "%s", line);
        outcome.n_log = 1;
        object = round_trip(&outcome);
        log = json_object_get(object, "log");
        assert_int_equal(json_array_size(log), 1);
        assert_string_equal(json_string_value(json_array_get(log, 0)), expected);
        json_decref(object);
}

static void test_hostile_text(void **state) {
        check_line("gr\xc3\xbc\xc3\x9f dich", "gr\xc3\xbc\xc3\x9f dich");
        check_line("\"quoted\\", "\"quoted\\");
        check_line("\x1b[2J", "\\x1b[2J");
        check_line("a\x7f", "a\\x7f");
        check_line("a\xc2\x85z", "a\\x85z"); /* C1: JSON alone would leave it as it is */
        check_line("a\xff\xfe", "a\\xff\\xfe");
        check_line("cut \xc3", "cut \\xc3");
        check_line("a\tb\nc", "a\tb\nc");
}

static void fill(char *text, size_t size, char c) {
        memset(text, c, size - 1);
        text[size - 1] = 0;
}

/* Everything as long as it can be, of bytes that grow most. */
static void make_huge(Outcome *outcome, char c) {
        OutcomeProcess process = { .uid = UINT32_MAX - 1, .pid = INT32_MAX };

        outcome_init(outcome, "gateway.service");
        fill(process.comm, sizeof(process.comm), c);
        fill(process.source, sizeof(process.source), c);
        fill(process.text, sizeof(process.text), c);
        for (unsigned i = 0; i < OUTCOME_PROCESSES_MAX; i++) {
                process.port = (uint16_t) (65535 - i);
                outcome_add_holder(outcome, &process);
                outcome_add_ended(outcome, &process);
        }
        for (unsigned i = 0; i < PLAN_PORTS_MAX; i++)
                outcome->ports[outcome->n_ports++] = 65535;
        for (unsigned i = 0; i < OUTCOME_PHASES_MAX; i++)
                outcome->phases[outcome->n_phases++] = (OutcomePhase){ .name = "moving-caller",
                                                                       .start = INT64_MAX,
                                                                       .duration = INT64_MAX };
        for (unsigned i = 0; i < OUTCOME_LOG_LINES; i++)
                fill(outcome->log[outcome->n_log++], OUTCOME_LOG_LINE_MAX, c);
        fill(outcome->unit, sizeof(outcome->unit), 'u');
        outcome_end(outcome, "failed", "port-held", "%s", "");
        fill(outcome->text, sizeof(outcome->text), c);
}

static void test_size(void **state) {
        static const char bytes[] = { 'a', '\\', '\x1b', '\x7f', '\xff', '\n', 'a' };
        Outcome outcome;

        for (size_t i = 0; i < sizeof(bytes); i++) {
                json_t *object;

                make_huge(&outcome, bytes[i]);
                object = round_trip(&outcome);
                assert_string_equal(json_string_value(json_object_get(object, "reason")), "port-held");
                assert_int_equal(json_array_size(json_object_get(object, "ports")), PLAN_PORTS_MAX);
                assert_int_equal(json_array_size(json_object_get(object, "phases")), OUTCOME_PHASES_MAX);
                assert_true(json_array_size(json_object_get(object, "holders")) > 0);
                json_decref(object);
        }
}

/* The lines that came last are those that say why. */
static void test_oldest_lines_go(void **state) {
        Outcome outcome;
        json_t *object, *log;

        outcome_init(&outcome, "gateway.service");
        for (unsigned i = 0; i < OUTCOME_LOG_LINES; i++) {
                fill(outcome.log[i], OUTCOME_LOG_LINE_MAX, '\x1b');
                outcome.log[i][0] = (char) ('0' + i);
        }
        outcome.n_log = OUTCOME_LOG_LINES;
        object = round_trip(&outcome);
        log = json_object_get(object, "log");
        assert_in_range(json_array_size(log), 2, OUTCOME_LOG_LINES - 1);
        assert_int_equal(json_string_value(json_array_get(log, json_array_size(log) - 1))[0],
                         '0' + OUTCOME_LOG_LINES - 1);
        json_decref(object);
}

/* A sentence that is cut within a character. */
static void test_cut_sentence(void **state) {
        char text[OUTCOME_TEXT_MAX + 1];
        Outcome outcome;

        outcome_init(&outcome, "gateway.service");
        memset(text, 'a', sizeof(text));
        (void) strcpy(text + OUTCOME_TEXT_MAX - 2, "\xc3\xbc");
        outcome_end(&outcome, "failed", "refused", "%s", text);
        json_decref(round_trip(&outcome));
}

/* --- what is shown --------------------------------------------------------------------------------------- */

static void check_describe(const char *json, const char *expected) {
        char text[64];
        json_t *object = json_loads(json, JSON_DECODE_ANY, NULL);

        assert_non_null(object);
        outcome_describe(object, text, sizeof(text));
        assert_string_equal(text, expected);
        json_decref(object);
}

static void test_describe(void **state) {
        check_describe("{\"unit\":\"a.service\",\"text\":null,\"phases\":[]}", "a.service: starting");
        check_describe("{\"unit\":\"a.service\",\"phases\":[{\"name\":\"x\"},{\"name\":\"waiting\"}]}",
                       "a.service: waiting");
        check_describe("{\"text\":\"It is up.\",\"phases\":[{\"name\":\"x\"}]}", "It is up.");
        check_describe("{}", ": starting");
        check_describe("[]", ": starting");
        check_describe("17", ": starting");
        check_describe("{\"text\":17,\"unit\":[],\"phases\":{\"name\":\"x\"}}", ": starting");
        check_describe("{\"unit\":\"a\",\"phases\":[17]}", "a: ");
        check_describe("{\"text\":"
                       "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}",
                       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
}

/* What outcome_print() writes, in a buffer that lasts until the next call. */
static const char *print_of(const json_t *object, const char *unit, bool is_running) {
        static char text[65536];
        FILE *f = tmpfile();
        int saved = dup(STDOUT_FILENO);
        size_t n;

        assert_non_null(f);
        (void) fflush(stdout);
        assert_true(dup2(fileno(f), STDOUT_FILENO) >= 0);
        outcome_print(object, unit, is_running);
        (void) fflush(stdout);
        assert_true(dup2(saved, STDOUT_FILENO) >= 0);
        (void) close(saved);
        rewind(f);
        n = fread(text, 1, sizeof(text) - 1, f);
        text[n] = 0;
        (void) fclose(f);
        return text;
}

static const char *print(const json_t *object, bool is_running) {
        return print_of(object, "user:a.service", is_running);
}

static void check_print(const char *json, const char *expected) {
        json_t *object = json_loads(json, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

        assert_non_null(object);
        assert_string_equal(print(object, true), expected);
        json_decref(object);
}

static void test_print(void **state) {
        check_print("{\"unit\":\"a.service\",\"text\":\"It is up.\",\"downtime_usec\":2500000,"
                    "\"phases\":[{\"name\":\"waiting\",\"duration_usec\":1000},{\"name\":\"healing\","
                    "\"duration_usec\":null}],"
                    "\"ports\":[80,443],\"holders\":[{\"port\":80,\"text\":\"user "
                    "bob\"},{\"port\":443,\"text\":\"user eve\"}],"
                    "\"ended\":[{\"port\":80,\"text\":\"PID 7 (left)\"}],\"log\":[\"one\",\"two\"]}",
                    "    Restart of: a.service\n"
                    "       Outcome: It is up.\n"
                    "      Downtime: 2.5 s\n"
                    "        Phases: waiting 1 ms, healing ...\n"
                    "         Ports: 80, 443\n"
                    "       Held by: port 80: user bob\n"
                    "                port 443: user eve\n"
                    "         Ended: port 80: PID 7 (left)\n"
                    "    Unit's log: one\n"
                    "                two\n");
}

#define NOTHING "    Restart of: \n       Outcome: : starting\n"

static void test_print_hostile(void **state) {
        check_print("17", NOTHING);
        check_print("{\"phases\":17,\"ports\":\"x\",\"holders\":null,\"ended\":{},\"log\":true}", NOTHING);
        check_print("{\"downtime_usec\":-1,\"phases\":[],\"ports\":[]}", NOTHING);
        check_print("{\"unit\":\"\\u001b[2J\\u202e\",\"text\":\"a\\nb\\u009b\"}",
                    "    Restart of: \\x1b[2J\\u{202e}\n       Outcome: a\\nb\\x9b\n");
        check_print("{\"log\":[17,\"a\\u0000b\"]}", NOTHING "    Unit's log: \n                a\n");
        check_print("{\"ports\":[-1,99999999999999,\"x\"],\"holders\":[17]}",
                    NOTHING "         Ports: -1, 99999999999999, 0\n       Held by: port 0: \n");
}

static void test_print_cut_off(void **state) {
        json_t *object = json_loads("{\"text\":null,\"reason\":null}", 0, NULL);

        assert_non_null(strstr(print(object, false), "Outcome: The restart was cut off"));
        assert_non_null(strstr(print(object, false), "its guard"));
        assert_null(strstr(print_of(object, "system:a.service", false), "guard"));
        assert_non_null(strstr(print_of(object, "system:a.service", false), "the daemon"));
        (void) json_object_set_new(object, "reason", json_integer(17));
        assert_non_null(strstr(print(object, false), "Outcome: The restart was cut off"));
        (void) json_object_set_new(object, "reason", json_string("restarted"));
        (void) json_object_set_new(object, "text", json_string("It is up."));
        assert_non_null(strstr(print(object, false), "Outcome: It is up.\n"));
        json_decref(object);
}

/* As many as a record can hold. */
static void test_print_many(void **state) {
        json_t *object = json_object(), *ports = json_array(), *phases = json_array(), *log = json_array();

        for (int i = 0; i < 4000; i++) {
                (void) json_array_append_new(ports, json_integer(i));
                (void) json_array_append_new(phases,
                                             json_pack("{s:s}", "name", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
                (void) json_array_append_new(log, json_string("x"));
        }
        (void) json_object_set_new(object, "ports", ports);
        (void) json_object_set_new(object, "phases", phases);
        (void) json_object_set_new(object, "log", log);
        assert_true(strlen(print(object, false)) > 4000);
        json_decref(object);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_fresh),           cmocka_unit_test(test_phases),
                cmocka_unit_test(test_many_phases),     cmocka_unit_test(test_processes),
                cmocka_unit_test(test_hostile_text),    cmocka_unit_test(test_size),
                cmocka_unit_test(test_oldest_lines_go), cmocka_unit_test(test_cut_sentence),
                cmocka_unit_test(test_describe),        cmocka_unit_test(test_print),
                cmocka_unit_test(test_print_hostile),   cmocka_unit_test(test_print_cut_off),
                cmocka_unit_test(test_print_many),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
