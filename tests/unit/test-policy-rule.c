/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What `cgmove policy allow` writes is what the parser reads. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/policy-file.h"
#include "tools/policy-rule.h"
#include "tools/status.h"

static Policy *parse(const char *text) {
        PolicyProblem problem = { 0 };
        Policy *policy = calloc(1, sizeof(*policy));

        assert_non_null(policy);
        if (policy_text_parse("t", text, strlen(text), NULL, policy, &problem) < 0)
                fail_msg("%s\n%s", problem.text, text);
        policy_problem_clear(&problem);
        return policy;
}

static void test_round_trip(void **state) {
        static const struct {
                const char *user;
                const char *from;
                const char *name;
                const char *written;
                const char *section;
                const char *file;
        } cases[] = {
                { "root", "session", NULL, "root", "allow-root", "50-allow-root.conf" },
                { "0", "job", NULL, "root", "allow-root", "50-allow-root.conf" },
                { "@root", "user:a*.service", NULL, "@root", "allow-@root", "50-allow-@root.conf" },
                { "4000000", "system:a.service", NULL, "4000000", "allow-4000000", "50-allow-4000000.conf" },
                { "4000000-4000009", "session", "10-range", "4000000-4000009", "10-range", "10-range.conf" },
                { "root", "user:a\\x2db.service", NULL, "root", "allow-root", "50-allow-root.conf" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *text = NULL, *file = NULL;
                _cleanup_(policy_freep) Policy *policy = NULL;
                _cleanup_(rule_done) Rule rule;
                Failure failure;

                assert_int_equal(rule_init(&rule, cases[i].user, cases[i].from, cases[i].name, &failure), 0);
                assert_string_equal(rule.user, cases[i].written);
                assert_string_equal(rule.name, cases[i].section);
                assert_int_equal(rule_file_name(&rule, &file), 0);
                assert_string_equal(file, cases[i].file);

                assert_int_equal(rule_text(&rule, &text), 0);
                policy = parse(text);
                assert_int_equal(policy->n_sections, 1);
                assert_string_equal(policy->sections[0].name, cases[i].section);
                assert_string_equal(policy->sections[0].from[0], cases[i].from);
                assert_null(policy->sections[0].from[1]);
                assert_int_equal(policy->sections[0].n_users, 1);
        }
}

static void test_restart(void **state) {
        _cleanup_free_ char *text = NULL;
        _cleanup_(policy_freep) Policy *policy = NULL;
        _cleanup_(rule_done) Rule rule;
        PolicySection *section;
        Failure failure;

        assert_int_equal(rule_init(&rule, "root", "session", NULL, &failure), 0);
        assert_int_equal(rule_add_restart(&rule, "system:a\\x2db.service", &failure), 0);
        assert_int_equal(rule_add_restart(&rule, "user:g*.service", &failure), 0);
        assert_int_equal(rule_set_on_logout(&rule, "keep", &failure), 0);
        assert_int_equal(rule_text(&rule, &text), 0);

        policy = parse(text);
        assert_int_equal(policy->sections[0].on_logout, ON_LOGOUT_KEEP);
        policy_resolve(policy, policy_resolve_nss, NULL);
        section = &policy->sections[0];
        assert_string_equal(section->restart[0], "system:a\\x2db.service");
        assert_string_equal(section->restart[1], "user:g*.service");
        assert_null(section->restart[2]);
        assert_int_equal(rule_overlap(&rule, NULL, 0, section), RULE_COVERED);
        assert_true(rule_terms_are_in_section(&rule, section));
        assert_int_equal(rule_set_on_logout(&rule, "auto", &failure), 0);
        assert_false(rule_terms_are_in_section(&rule, section));
}

static void test_restart_refused(void **state) {
        static const char *const no_units[] = {
                "", "*", "session", "job", "a.service", "system:a", "root:x"
        };
        _cleanup_(rule_done) Rule rule;
        Failure failure;

        assert_int_equal(rule_init(&rule, "root", "session", NULL, &failure), 0);
        for (size_t i = 0; i < ELEMENTSOF(no_units); i++) {
                assert_int_equal(rule_add_restart(&rule, no_units[i], &failure), STATUS_USAGE);
                assert_null(rule.restart[0]);
        }
        assert_int_equal(rule_set_on_logout(&rule, "never", &failure), STATUS_USAGE);
        assert_null(rule.on_logout);
        for (size_t i = 0; i < RULE_RESTARTS_MAX; i++)
                assert_int_equal(rule_add_restart(&rule, "user:a.service", &failure), 0);
        assert_int_equal(rule_add_restart(&rule, "user:a.service", &failure), STATUS_USAGE);
}

/* What a section lets be restarted already. */
static void test_restart_listed(void **state) {
        static const struct {
                const char *unit;
                bool listed;
        } cases[] = {
                { "system:a.service", true },   { "system:b1.service", true },
                { "system:b*.service", true },  { "system:b2*.service", false },
                { "system:c.service", false },  { "user:a.service", false },
                { "system:a@.service", false }, { "system:a*.service", false },
        };
        _cleanup_(policy_freep) Policy *policy = NULL;

        policy = parse("policy \"x\" { users = {\"root\"} from = {\"session\"}\n"
                       "restart = {\"system:a.service\", \"system:b*.service\"} }");
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                Rule rule = { .from = "session" };

                assert_true(rule_terms_are_in_section(&rule, &policy->sections[0]));
                rule.restart[0] = cases[i].unit;
                assert_int_equal(rule_terms_are_in_section(&rule, &policy->sections[0]), cases[i].listed);
        }
}

/* A directory service may have users whose names need quoting, and are no names for a section or a file. */
static void test_odd_user(void **state) {
        _cleanup_free_ char *text = NULL, *file = NULL;
        _cleanup_(policy_freep) Policy *policy = NULL;
        Rule rule = { .user = (char *) "DOM\\al \"x\" ice", .from = "session" };

        assert_int_equal(rule_set_next_name(&rule, 2), 0);
        assert_string_equal(rule.name, "allow-DOM_al__x__ice-2");
        assert_int_equal(rule_file_name(&rule, &file), 0);
        assert_string_equal(file, "50-allow-DOM_al__x__ice-2.conf");

        assert_int_equal(rule_text(&rule, &text), 0);
        policy = parse(text);
        assert_string_equal(policy->sections[0].users[0].name, rule.user);
}

static void test_names_end(void **state) {
        char user[200];
        Rule rule = { .user = user };

        memset(user, 'u', sizeof(user) - 1);
        user[sizeof(user) - 1] = '\0';
        assert_int_equal(rule_set_next_name(&rule, 99), 0);
        assert_true(strlen(rule.name) <= RULE_NAME_MAX);
        assert_string_equal(rule.name + strlen(rule.name) - 3, "-99");
        assert_int_equal(rule_set_next_name(&rule, 100), -EEXIST);

        rule.named = true;
        assert_int_equal(rule_set_next_name(&rule, 2), -EEXIST);
}

static void test_refused(void **state) {
        static const struct {
                const char *user;
                const char *from;
                const char *name;
                int status;
        } cases[] = {
                { "no-such-user-here", "session", NULL, STATUS_FAILED },
                { "@no-such-group-here", "session", NULL, STATUS_FAILED },
                { "", "session", NULL, STATUS_FAILED },
                { "../root", "session", NULL, STATUS_FAILED },
                { "65535", "session", NULL, STATUS_FAILED },
                { "root", "*", NULL, STATUS_USAGE },
                { "root", "nonsense", NULL, STATUS_USAGE },
                { "root", "user:a", NULL, STATUS_USAGE },
                { "root", "session", "", STATUS_USAGE },
                { "root", "session", "../x", STATUS_USAGE },
                { "root", "session", ".x", STATUS_USAGE },
                { "root", "session", "a b", STATUS_USAGE },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(rule_done) Rule rule;
                Failure failure = { .status = 0 };

                assert_int_equal(rule_init(&rule, cases[i].user, cases[i].from, cases[i].name, &failure),
                                 cases[i].status);
                assert_int_equal(failure.status, cases[i].status);
                assert_true(failure.message[0]);
        }
}

static void check_overlap(const char *user, const char *from, const char *section, RuleOverlap expected) {
        static const gid_t gids[] = { 0, 4000005 };
        _cleanup_(policy_freep) Policy *policy = NULL;
        _cleanup_(rule_done) Rule rule;
        char text[256];
        Failure failure;
        RuleOverlap overlap;

        (void) snprintf(text, sizeof(text), "policy \"x\" { %s }", section);
        policy = parse(text);
        policy_resolve(policy, policy_resolve_nss, NULL);
        assert_int_equal(rule_init(&rule, user, from, NULL, &failure), 0);
        overlap = rule_overlap(&rule, gids, ELEMENTSOF(gids), &policy->sections[0]);
        if (overlap != expected)
                fail_msg("%s from %s and %s: %d", user, from, section, overlap);
}

/* What of a rule a section decides on, where neither is about one user and one place. */
static void test_overlap(void **state) {
        static const struct {
                const char *user, *from, *section;
                RuleOverlap overlap;
        } cases[] = {
                { "@root", "session", "users = {\"@root\"} from = {\"session\"}", RULE_COVERED },
                { "@root", "session", "users = {\"@root\"} from = {\"session\"} allow = false",
                  RULE_COVERED },
                { "@root", "session", "users = {\"@root\"} from = {\"job\"}", RULE_APART },
                { "@root", "session", "users = {\"root\"} from = {\"session\"}", RULE_MAY_MEET },
                { "@root", "session", "users = {\"root\", \"@root\"} from = {\"session\"}", RULE_COVERED },
                { "@root", "session", "users = {\"@daemon\"} from = {\"session\"}", RULE_MAY_MEET },
                { "@root", "session", "users = {\"4000000-4000009\"} from = {\"session\"}", RULE_MAY_MEET },
                { "@root", "session", "users = {\"no-such-user-here\"} from = {\"session\"}", RULE_APART },
                { "@root", "user:a.service", "users = {\"@root\"} from = {\"user:*\"}", RULE_COVERED },
                { "@root", "user:a*", "users = {\"@root\"} from = {\"user:*\"}", RULE_COVERED },
                { "@root", "user:*", "users = {\"@root\"} from = {\"user:a*\"}", RULE_MAY_MEET },
                { "@root", "user:*", "users = {\"@root\"} from = {\"user:a.service\"}", RULE_MAY_MEET },
                { "@root", "user:a*", "users = {\"@root\"} from = {\"user:b*\"}", RULE_APART },
                { "@root", "user:a*", "users = {\"@root\"} from = {\"user:b.service\"}", RULE_APART },
                { "@root", "user:*", "users = {\"@root\"} from = {\"system:*\"}", RULE_APART },
                { "4000000-4000009", "session", "users = {\"4000000-4000010\"} from = {\"session\"}",
                  RULE_COVERED },
                { "4000000-4000009", "session", "users = {\"4000009-4000010\"} from = {\"session\"}",
                  RULE_MAY_MEET },
                { "4000000-4000009", "session", "users = {\"4000005\"} from = {\"session\"}",
                  RULE_MAY_MEET },
                { "4000000-4000009", "session", "users = {\"root\"} from = {\"session\"}", RULE_APART },
                { "4000000-4000009", "session", "users = {\"@root\"} from = {\"session\"}", RULE_MAY_MEET },
                { "root", "user:*", "users = {\"root\"} from = {\"user:*\"}", RULE_COVERED },
                { "root", "user:*", "users = {\"@root\"} from = {\"user:*\"}", RULE_COVERED },
                { "root", "user:*", "users = {\"@daemon\"} from = {\"user:*\"}", RULE_APART },
                { "root", "user:*", "users = {\"4000000\"} from = {\"user:*\"}", RULE_APART },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                check_overlap(cases[i].user, cases[i].from, cases[i].section, cases[i].overlap);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_round_trip),      cmocka_unit_test(test_restart),
                cmocka_unit_test(test_restart_refused), cmocka_unit_test(test_restart_listed),
                cmocka_unit_test(test_odd_user),        cmocka_unit_test(test_names_end),
                cmocka_unit_test(test_refused),         cmocka_unit_test(test_overlap),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
