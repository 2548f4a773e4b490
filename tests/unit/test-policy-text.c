/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/policy-file.h"
#include "lib/values.h"

#define IN_POLICY(text) "policy \"x\" {\n users = alice\n from = job\n " text "\n}\n"

static int parse(const char *text, size_t size, Settings *settings, Policy **ret, PolicyProblem *problem) {
        int r;

        *ret = calloc(1, sizeof(Policy));
        assert_non_null(*ret);
        r = policy_text_parse("t", text, size, settings, *ret, problem);
        if (r < 0) {
                if (!problem->text)
                        fail_msg("%d without words: %s", r, text);
                *ret = policy_free(*ret);
        }

        return r;
}

static void test_all_options(void **state) {
        static const char text[] =
                        "# a comment\n"
                        "policy \"openclaw\" { // another\n"
                        "    users       = {\"alice\", \"@agents\", \"2000-2999\", \"0\", 'DOMAIN\\bob'}\n"
                        "    from        = {\"user:openclaw-gateway.service\", \"session\", "
                        "'system:a\\x2db.service'}\n"
                        "    restart     = {\"user:openclaw-*.service\"}\n"
                        "    max-jobs = 7 rate = \"10/30s\" tasks-max = 256 memory-max = \"1.5G\" "
                        "cpu-weight = 100\n"
                        "    runtime-max = \"6h\" on-logout = keep scrub-env = {\"OPENCLAW_SERVICE_*\"}\n"
                        "    allow = no allow-unsandbox = yes\n"
                        "    /* a comment\n"
                        "       of two lines */\n"
                        "    watch \"restarts\" {\n"
                        "        unit = \"user:openclaw-gateway.service\" exec = {\"systemctl *\", "
                        "'*/restart.sh'} scope = process\n"
                        "    }\n"
                        "}\n"
                        "policy defaults { users = bob from = job watch w { unit = 'user:*' exec = x } }\n";
        _cleanup_(policy_problem_clear) PolicyProblem problem = { 0 };
        _cleanup_(policy_freep) Policy *policy = NULL;
        const PolicySection *s;

        assert_int_equal(parse(text, strlen(text), NULL, &policy, &problem), 0);
        assert_null(problem.text);
        assert_string_equal(problem.pending,
                            "t: watch is understood, but this version does not act on it yet.");
        assert_int_equal(policy->n_sections, 2);

        s = &policy->sections[0];
        assert_string_equal(s->name, "openclaw");
        assert_string_equal(s->file, "t");
        assert_int_equal(s->line, 2);
        assert_int_equal(s->n_users, 5);
        assert_int_equal(s->users[0].kind, USER_MATCH_NAME);
        assert_string_equal(s->users[0].name, "alice");
        assert_true(s->users[0].first == UID_NONE);
        assert_int_equal(s->users[1].kind, USER_MATCH_GROUP);
        assert_string_equal(s->users[1].name, "agents");
        assert_int_equal(s->users[2].kind, USER_MATCH_RANGE);
        assert_int_equal(s->users[2].first, 2000);
        assert_int_equal(s->users[2].last, 2999);
        assert_int_equal(s->users[3].last, 0);
        assert_string_equal(s->users[4].name, "DOMAIN\\bob");
        assert_string_equal(s->from[2], "system:a\\x2db.service");
        assert_null(s->from[3]);
        assert_string_equal(s->restart[0], "user:openclaw-*.service");
        assert_string_equal(s->scrub_env[0], "OPENCLAW_SERVICE_*");
        assert_int_equal(s->max_jobs, 7);
        assert_int_equal(s->rate_count, 10);
        assert_int_equal(s->rate_per, 30 * USEC_PER_SEC);
        assert_int_equal(s->limits.tasks_max, 256);
        assert_int_equal(s->limits.memory_max, 1610612736);
        assert_int_equal(s->limits.cpu_weight, 100);
        assert_int_equal(s->limits.runtime_max, 21600 * USEC_PER_SEC);
        assert_int_equal(s->on_logout, ON_LOGOUT_KEEP);
        assert_false(s->allow);
        assert_true(s->allow_unsandbox);
        assert_int_equal(s->n_watches, 1);
        assert_string_equal(s->watches[0].name, "restarts");
        assert_string_equal(s->watches[0].exec[1], "*/restart.sh");
        assert_int_equal(s->watches[0].scope, WATCH_PROCESS);

        s = &policy->sections[1];
        assert_int_equal(s->line, 15);
        assert_true(s->allow);
        assert_false(s->allow_unsandbox);
        assert_null(s->restart[0]);
        assert_null(s->scrub_env[0]);
        assert_int_equal(s->max_jobs, 16);
        assert_int_equal(s->rate_count, 30);
        assert_int_equal(s->rate_per, 60 * USEC_PER_SEC);
        assert_int_equal(s->limits.tasks_max, 512);
        assert_true(s->limits.memory_max == LIMIT_NONE);
        assert_int_equal(s->limits.cpu_weight, 0);
        assert_true(s->limits.runtime_max == LIMIT_NONE);
        assert_int_equal(s->on_logout, ON_LOGOUT_AUTO);
        assert_int_equal(s->watches[0].scope, WATCH_COMMAND);
}

static void test_settings(void **state) {
        static const char text[] =
                        "tree = direct tree-root = \"/run/t\" max-pools = 3 max-jobs = 4 log-max = 64K allowed-gid = 60000\n"
                        "pool { tasks-max = 5 memory-max = infinity cpu-weight = default idle = 30s }\n"
                        "results { max = 6 age = 1d }\n";
        _cleanup_(policy_problem_clear) PolicyProblem problem = { 0 };
        _cleanup_(policy_freep) Policy *policy = NULL;
        Settings s, defaults;

        settings_init(&s);
        assert_int_equal(parse(text, strlen(text), &s, &policy, &problem), 0);
        assert_null(problem.pending);
        assert_int_equal(s.tree, TREE_DIRECT);
        assert_string_equal(s.tree_root, "/run/t");
        assert_int_equal(s.max_pools, 3);
        assert_int_equal(s.allowed_gid, 60000);
        assert_int_equal(s.max_jobs, 4);
        assert_int_equal(s.log_max, 65536);
        assert_int_equal(s.pool.tasks_max, 5);
        assert_true(s.pool_tasks_max_set);
        assert_true(s.pool.memory_max == LIMIT_NONE);
        assert_true(s.pool_memory_max_set);
        assert_true(s.pool_cpu_weight_set);
        assert_int_equal(s.pool_idle, 30 * USEC_PER_SEC);
        assert_int_equal(s.results_max, 6);
        assert_int_equal(s.results_age, 86400 * USEC_PER_SEC);

        settings_init(&defaults);
        assert_int_equal(defaults.max_pools, 256);
        assert_int_equal(defaults.allowed_gid, 77000);
        assert_int_equal(defaults.max_jobs, 16384);
        assert_int_equal(defaults.log_max, 8 << 20);
        assert_int_equal(defaults.pool_idle, 300 * USEC_PER_SEC);
        assert_int_equal(defaults.results_max, 1000);
        assert_int_equal(defaults.results_age, 7 * 86400 * USEC_PER_SEC);
        assert_false(defaults.pool_tasks_max_set || defaults.pool_memory_max_set ||
                     defaults.pool_cpu_weight_set);
}

/* --- what is refused, and the words that must be in the message
 * ------------------------------------------------- */

typedef struct BadCase {
        const char *text;
        const char *said;
} BadCase;

/* What libconfuse alone would take, and what is no grammar at all. */
static const BadCase bad_texts[] = {
        { "policy \"x\" { users = a from = job }\npolicy \"x\" { users = a from = job }", "t:2: " },
        { "policy \"x\" { users = a from = job users = b }", "t:1: \"users\" stands here a second time" },
        { "policy \"x\" { users = {a}\nfrom = job\nfrom = {session} }",
          "t:3: \"from\" stands here a second time" },
        { "policy \"x\" { from += job from = session users = a }", "\"from\" stands here a second time" },
        { "policy \"x\" { users = \"${HOME}\" from = job }", "\"${\" is not expanded" },
        { "policy \"x\" { users = ${HOME} from = job }", "possible only in quotes" },
        { "include(\"/etc/passwd\")", "t:1: " },
        { "include = \"/etc/passwd\"", "no such option 'include'" },
        { "policy \"x\" { users = a from = user:* }", "\"*\" is possible only in quotes" },
        { "policy \"x\" { users = a from = \"user:a\\x2db.service\" }", "in single quotes" },
        { "policy \"x\" { users = \"a\\0b\" from = job }", "in single quotes" },
        { "policy \"x\" {\nusers = \"a\nfrom = job }", "t:2: the string has no closing" },
        { "policy \"x\" { users = 'a", "the string has no closing" },
        { "policy \"x\" { users = 'a\\", "the string has no closing" },
        { "policy \"x\" { users = a from = job }\n/* a\n b\n",
          "t:2: the comment that starts here has no end" },
        { "policy \"x\" { users = a\nfrom = job", "is missing" },
        { "policy \"x\" { users = a from = ", "in the middle" },
        { "policy \"x\" { users = a from = {job", "in the middle" },
        { "policy \"x\" { users = a from = job } }", "closes nothing" },
        { "policy \"x\"", "in the middle" },
        { "policy \"x\" \"y\" { users = a from = job }", "t:1: " },
        { "policy { users = a from = job }", "missing title" },
        { "policy = \"x\"", "t:1: " },
        { "policy \"x\" { users = a from = {job session} }", "t:1: " },
        { "policy \"x\" { users = a from = {job, {session}} }", "t:1: " },
        { "policy \"x\" { users = a, from = job }", "\",\" is possible only in a list" },
        { "policy \"x\" { users = a from = job colour = red }", "section \"x\": no such option 'colour'" },
        { "policy \"x\" { users a from = job }", "t:1: " },
        { "policy \"x\" { users = a from = job tree = direct }", "no such option 'tree'" },
        { "policy \"x\" { policy \"y\" { users = a from = job } }", "no such option 'policy'" },
        { "a { b { c { d { e { } } } } }", "t:1: " },
        { "Policy \"x\" { users = a from = job }", "expected the name of an option" },
        { "policy \"x\" { users = a from = job }\npolicy|max-jobs = 3",
          "t:2: expected the name of an option" },
        { "= 3", "behind the name of an option" },
        { "{ }", "behind \"=\"" },
        { "policy \"x\" { users = a from = job\n# \x1b[31m\n }", "t:2: a control character" },
        { "policy \"x\" { users = \"\xff\" from = job }", "not UTF-8" },
        { "policy \"\" { users = a from = job }", "expected a name of 1 to 64" },
        { "policy \"a b\" { users = a from = job }", "expected a name of 1 to 64" },
        { "policy \"../x\" { users = a from = job }", "expected a name of 1 to 64" },
        { "policy \"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\" { users = a from = "
          "job }",
          "expected a name of 1 to 64" },
        { "policy \"x\" { from = job }", "t:1: section \"x\", option \"users\": is missing or empty" },
        { "\npolicy \"x\" {\n users = a\n}", "t:2: section \"x\", option \"from\": is missing or empty" },
        { "policy \"x\" { users = {} from = job }", "option \"users\": is missing or empty" },
        { "policy \"x\" { users = a from = {} }", "option \"from\": is missing or empty" },
        /* settings, where only policies may stand */
        { "tree = direct", "option \"tree\": belongs in cgmove.conf" },
        { "max-jobs = 3", "option \"max-jobs\": belongs in cgmove.conf" },
        { "\npool { idle = 5min }", "t:2: pool, option \"idle\": belongs in cgmove.conf" },
        { "pool { }", "pool: belongs in cgmove.conf" },
        { "results { }", "results: belongs in cgmove.conf" },
};

/* The option named in the message of each is the first word. */
static const char *const bad_options[] = {
        "users += ''",
        "users += '@'",
        "users += '-a'",
        "users += 'a:b'",
        "users += '../a'",
        "users += '@@a'",
        "users += '1x'",
        "users += 65535",
        "users += 4294967295",
        "users += 4294967296",
        "users += 007",
        "users += 9-8",
        "users += 1-",
        "users += 1-2-3",
        "users += ' a'",
        "users += '.'",
        "users += '*@:'",
        "from += '*'",
        "from += '**'",
        "from += ''",
        "from += 'user:'",
        "from += 'user'",
        "from += 'user:a'",
        "from += 'user:a.foo'",
        "from += 'user:a@.service'",
        "from += 'user:a/*.service'",
        "from += 'user:a b*'",
        "from += 'other:a.service'",
        "from += 'a.service'",
        "from += 'Session'",
        "from += 'session*'",
        "from += 'manager'",
        "from += ' job'",
        "from += 'user:\xc3\xa9*'",
        "restart = session",
        "restart = job",
        "restart = '*'",
        "restart = 'a.service'",
        "scrub-env = ''",
        "scrub-env = 'A=B'",
        "scrub-env = 'A B'",
        "scrub-env = 'A-B'",
        "max-jobs = 0",
        "max-jobs = 010",
        "max-jobs = 0x10",
        "max-jobs = -1",
        "max-jobs = 1K",
        "max-jobs = infinity",
        "max-jobs = 65537",
        "max-jobs = 99999999999999999999",
        "max-jobs = ''",
        "max-jobs = 1.5",
        "rate = 30",
        "rate = 0/s",
        "rate = '10/999ms'",
        "rate = '30/'",
        "rate = 'infinity'",
        "rate = '30/year'",
        "tasks-max = 0",
        "tasks-max = 1K",
        "tasks-max = 4194305",
        "tasks-max = none",
        "tasks-max = 010",
        "memory-max = 0",
        "memory-max = 1023K",
        "memory-max = 1g",
        "memory-max = -1",
        "memory-max = 010M",
        "memory-max = 8388608T",
        "memory-max = '50%'",
        "cpu-weight = 0",
        "cpu-weight = 10001",
        "cpu-weight = idle",
        "cpu-weight = 1.5",
        "runtime-max = 0",
        "runtime-max = 999ms",
        "runtime-max = 6x",
        "runtime-max = ''",
        "on-logout = never",
        "on-logout = Auto",
        "allow = maybe",
        "allow = 1",
        "allow-unsandbox = TRUE",
};

static const BadCase bad_watches[] = {
        { "watch w { exec = x }", "t:4: watch \"w\", option \"unit\": is missing" },
        { "watch w { unit = 'user:a.service' }", "watch \"w\", option \"exec\": is missing" },
        { "watch w { unit = session exec = x }", "watch \"w\", option \"unit\": expected" },
        { "watch w { unit = 'user:a.service' exec = '*' }", "watch \"w\", option \"exec\": expected" },
        { "watch w { unit = 'user:a.service' exec = '' }", "watch \"w\", option \"exec\": expected" },
        { "watch w { unit = 'user:a.service' exec = x scope = tree }",
          "watch \"w\", option \"scope\": expected" },
        { "watch w { unit = 'user:a.service' exec = x users = a }", "watch \"w\": no such option 'users'" },
        { "watch ' ' { unit = 'user:a.service' exec = x }", "watch \" \": expected a name" },
        { "watch w { unit = 'user:a.service' exec = x } watch w { unit = 'user:a.service' exec = x }",
          "duplicate title 'w'" },
};

static const BadCase bad_settings[] = {
        { "tree = other", "t:1: option \"tree\": expected \"systemd\" or \"direct\", not \"other\"" },
        { "tree-root = run", "option \"tree-root\": expected" },
        { "tree-root = '/run/../x'", "option \"tree-root\": expected" },
        { "tree-root = '/run/..'", "option \"tree-root\": expected" },
        { "max-pools = 0", "option \"max-pools\": expected" },
        { "max-jobs = 0", "option \"max-jobs\": expected" },
        { "max-jobs = 1048577", "option \"max-jobs\": expected" },
        { "log-max = infinity", "option \"log-max\": expected" },
        { "log-max = 63K", "option \"log-max\": expected" },
        { "allowed-gid = 0", "option \"allowed-gid\": expected" },
        { "allowed-gid = 59999", "option \"allowed-gid\": expected" },
        { "allowed-gid = 65534", "option \"allowed-gid\": expected" },
        { "allowed-gid = 65535", "option \"allowed-gid\": expected" },
        { "allowed-gid = 4294967295", "option \"allowed-gid\": expected" },
        { "allowed-gid = 4294967296", "option \"allowed-gid\": expected" },
        { "policy p { users = '@cgmove-allowed' from = session }", "option \"users\": expected another group" },
        { "pool { tasks-max = 0 }", "pool, option \"tasks-max\": expected" },
        { "pool { memory-max = 1K }", "pool, option \"memory-max\": expected" },
        { "pool { cpu-weight = 0 }", "pool, option \"cpu-weight\": expected" },
        { "pool { idle = 0 }", "pool, option \"idle\": expected" },
        { "pool { } pool { }", "\"pool\" stands here a second time" },
        { "pool \"x\" { }", "t:1: " },
        { "results { age = 23h }", "results, option \"age\": expected a duration of at least 1d" },
        { "results { max = 0 }", "results, option \"max\": expected" },
        { "max-pools = 1 max-pools = 2", "\"max-pools\" stands here a second time" },
};

static void check_bad(const char *text, const char *said, bool with_settings) {
        _cleanup_(policy_problem_clear) PolicyProblem problem = { 0 };
        Policy *policy;
        Settings settings;

        settings_init(&settings);
        if (parse(text, strlen(text), with_settings ? &settings : NULL, &policy, &problem) != -EINVAL)
                fail_msg("was taken: %s", text);
        if (strncmp(problem.text, "t:", 2) != 0 || !strstr(problem.text, said) || strchr(problem.text, '\n'))
                fail_msg("%s\nsays \"%s\"\nnot \"%s\"", text, problem.text, said);
}

static void test_bad_texts(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(bad_texts); i++)
                check_bad(bad_texts[i].text, bad_texts[i].said, false);
}

static void test_bad_options(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(bad_options); i++) {
                char text[512], said[128];

                snprintf(text, sizeof(text), IN_POLICY("%s"), bad_options[i]);
                snprintf(said, sizeof(said), "t:4: section \"x\", option \"%.*s\": expected ",
                         (int) strcspn(bad_options[i], " "), bad_options[i]);
                check_bad(text, said, false);
        }
}

static void test_bad_watches(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(bad_watches); i++) {
                char text[512];

                snprintf(text, sizeof(text), IN_POLICY("%s"), bad_watches[i].text);
                check_bad(text, bad_watches[i].said, false);
        }
}

static void test_bad_settings(void **state) {
        for (size_t i = 0; i < ELEMENTSOF(bad_settings); i++)
                check_bad(bad_settings[i].text, bad_settings[i].said, true);
}

static void test_nul(void **state) {
        static const char text[] = IN_POLICY("max-jobs = 1\0"
                                             "7");
        _cleanup_(policy_problem_clear) PolicyProblem problem = { 0 };
        Policy *policy;

        assert_int_equal(parse(text, sizeof(text) - 1, NULL, &policy, &problem), -EINVAL);
        assert_non_null(strstr(problem.text, "NUL"));
}

/* What stops in the middle must leave nothing behind in libconfuse's scanner. */
static void test_good_after_bad(void **state) {
        static const char good[] = IN_POLICY("max-jobs = 3");

        for (size_t i = 0; i < ELEMENTSOF(bad_texts); i++) {
                _cleanup_(policy_problem_clear) PolicyProblem problem = { 0 };
                _cleanup_(policy_freep) Policy *policy = NULL;

                check_bad(bad_texts[i].text, bad_texts[i].said, false);
                if (parse(good, strlen(good), NULL, &policy, &problem) < 0)
                        fail_msg("after %s: %s", bad_texts[i].text, problem.text);
                assert_int_equal(policy->sections[0].max_jobs, 3);
        }
}

static void test_list_limits(void **state) {
        _cleanup_free_ char *text = calloc(1, 64 * 1024);
        _cleanup_(policy_problem_clear) PolicyProblem problem = { 0 };
        Policy *policy;

        assert_non_null(text);
        strcpy(text, "policy \"x\" { users = a from = {");
        for (unsigned i = 0; i < 256; i++)
                strcat(text, "job,");
        strcat(text, "} }");
        assert_int_equal(parse(text, strlen(text), NULL, &policy, &problem), 0);
        (void) policy_free(policy);

        strcpy(text + strlen(text) - 3, "job} }");
        assert_int_equal(parse(text, strlen(text), NULL, &policy, &problem), -EINVAL);
        assert_non_null(strstr(problem.text, "more than 256 entries"));
}

static void test_section_limit(void **state) {
        _cleanup_(policy_problem_clear) PolicyProblem problem = { 0 };
        _cleanup_free_ char *text = NULL;
        Policy *policy;
        size_t size;
        FILE *f;

        f = open_memstream(&text, &size);
        assert_non_null(f);
        for (unsigned i = 0; i <= POLICY_SECTIONS_MAX; i++)
                fprintf(f, "policy s%u { users = a from = job }\n", i);
        assert_int_equal(fclose(f), 0);

        assert_int_equal(parse(text, size, NULL, &policy, &problem), -EINVAL);
        assert_non_null(strstr(problem.text, "t:1025: section \"s1024\": more than 1024 sections"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_all_options), cmocka_unit_test(test_settings),
                cmocka_unit_test(test_bad_texts),   cmocka_unit_test(test_bad_options),
                cmocka_unit_test(test_bad_watches), cmocka_unit_test(test_bad_settings),
                cmocka_unit_test(test_nul),         cmocka_unit_test(test_good_after_bad),
                cmocka_unit_test(test_list_limits), cmocka_unit_test(test_section_limit),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
