/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/policy-file.h"
#include "lib/policy.h"

static const char policy_text[] =
                "policy \"no-interns\" { users = 1005 from = {session, 'user:*'} allow = false }\n"
                "policy \"range\" { users = 2000-2999 from = {'user:gw*.service'} }\n"
                "policy \"names\" { users = {alice, '@agents'} from = {session, 'user:gw@*.service'} }\n"
                "policy \"system\" { users = {alice, 0} from = 'system:gw.service' }\n"
                "policy \"again\" { users = alice from = job }\n"
                "policy \"unknown\" { users = {nobody-knows, '@nor-this'} from = {session} }\n";

/* alice is 1000, agents 300 */
static int resolve(UserMatchKind kind, const char *name, void *userdata, uint32_t *ret) {
        size_t *n_calls = userdata;

        if (n_calls)
                (*n_calls)++;
        *ret = UID_NONE;
        if (kind == USER_MATCH_NAME && strcmp(name, "alice") == 0)
                *ret = 1000;
        if (kind == USER_MATCH_GROUP && strcmp(name, "agents") == 0)
                *ret = 300;
        return 0;
}

static Policy *policy_make(const char *text, bool resolved) {
        PolicyProblem problem = { 0 };
        Policy *policy;

        policy = calloc(1, sizeof(*policy));
        assert_non_null(policy);
        if (policy_text_parse("/etc/cgmove/policy.d/t.conf", text, strlen(text), NULL, policy, &problem) < 0)
                fail_msg("%s", problem.text);
        if (resolved)
                assert_int_equal(policy_resolve(policy, resolve, NULL), 0);

        policy_problem_clear(&problem);
        return policy;
}

typedef struct DecisionCase {
        uid_t uid;
        gid_t gid;
        Source source;
        bool allowed;
        const char *section; /* NULL: none matches */
} DecisionCase;

#define USER_UNIT(name)                                                                                     \
        { .kind = SOURCE_USER_UNIT, .unit = name }
#define SYSTEM_UNIT(name)                                                                                   \
        { .kind = SOURCE_SYSTEM_UNIT, .unit = name }
#define SESSION                                                                                             \
        { .kind = SOURCE_SESSION, .unit = "session-1.scope" }
#define JOB                                                                                                 \
        { .kind = SOURCE_JOB, .unit = "cgmove@1000.service" }

static const DecisionCase decisions[] = {
        /* by name, by group, by range, and the neighbours of each */
        { 1000, 1000, SESSION, true, "names" },
        { 100, 100, SESSION, false, NULL },
        { 10000, 1000, SESSION, false, NULL },
        { 1001, 300, SESSION, true, "names" },
        { 1001, 30, SESSION, false, NULL },
        { 300, 1, SESSION, false, NULL },
        { 2000, 1, USER_UNIT("gw.service"), true, "range" },
        { 2999, 1, USER_UNIT("gw.service"), true, "range" },
        { 1999, 1, USER_UNIT("gw.service"), false, NULL },
        { 3000, 1, USER_UNIT("gw.service"), false, NULL },
        { 1, 2500, USER_UNIT("gw.service"), false, NULL },
        { 0, 0, SYSTEM_UNIT("gw.service"), true, "system" },
        { 0, 0, SESSION, false, NULL },
        /* names that are not known, and the ids that mean nobody */
        { UID_NONE, GID_NONE, SESSION, false, NULL },
        /* what a pattern does not reach */
        { 2000, 1, USER_UNIT("gw-dev.service"), true, "range" },
        { 2000, 1, USER_UNIT("gw@dev.service"), false, NULL },
        { 1000, 1, USER_UNIT("gw@dev.service"), true, "names" },
        { 2000, 1, USER_UNIT("xgw.service"), false, NULL },
        { 2000, 1, USER_UNIT("gw.servicex"), false, NULL },
        { 2000, 1, SYSTEM_UNIT("gw.service"), false, NULL },
        { 2000, 1, SESSION, false, NULL },
        { 2000, 1, JOB, false, NULL },
        { 1000, 1, SYSTEM_UNIT("gw.service"), true, "system" },
        { 1000, 1, USER_UNIT("session"), false, NULL },
        { 1000, 1, JOB, true, "again" },
        /* the first section decides, and groups don't help against it */
        { 1005, 300, SESSION, false, "no-interns" },
        { 1005, 300, USER_UNIT("gw.service"), false, "no-interns" },
        { 1005, 300, USER_UNIT("gw@a.service"), true, "names" },
        /* what no policy can allow */
        { 1005, 300, { .kind = SOURCE_MANAGER, .unit = "gw.service" }, false, NULL },
        { 1000, 300, { .kind = SOURCE_OTHER, .unit = "gw.service" }, false, NULL },
        { 1000, 300, { .kind = (SourceKind) 99, .unit = "gw.service" }, false, NULL },
};

static void test_decide(void **state) {
        _cleanup_(policy_freep) Policy *policy = policy_make(policy_text, true);

        for (size_t i = 0; i < ELEMENTSOF(decisions); i++) {
                const DecisionCase *c = &decisions[i];
                const gid_t gids[] = { 7, c->gid };
                PolicyFacts facts = { .uid = c->uid, .gids = gids, .n_gids = 2, .source = &c->source };
                PolicyVerdict verdict;
                const char *section;

                policy_decide(policy, &facts, &verdict);
                section = verdict.section ? verdict.section->name : "(none)";
                if (verdict.allowed != c->allowed ||
                    strcmp(section, c->section ? c->section : "(none)") != 0)
                        fail_msg("case %zu: user %u from %s: %d by %s", i, c->uid, c->source.unit,
                                 verdict.allowed, section);
        }
}

/* Nothing matches a name before it is resolved, nobody's id included. */
static void test_not_resolved(void **state) {
        _cleanup_(policy_freep) Policy *policy = policy_make(policy_text, false);
        const Source session = SESSION;
        const uid_t uids[] = { 0, 1000, UID_NONE };
        const gid_t gids[] = { 0, 300, GID_NONE };

        for (size_t i = 0; i < ELEMENTSOF(uids); i++) {
                PolicyFacts facts = { .uid = uids[i], .gids = gids, .n_gids = 3, .source = &session };
                PolicyVerdict verdict;

                policy_decide(policy, &facts, &verdict);
                assert_false(verdict.allowed);
                assert_null(verdict.section);
        }
}

static void test_empty_policy(void **state) {
        _cleanup_(policy_freep) Policy *policy = policy_make("", true);
        const Source session = SESSION;
        PolicyFacts facts = { .uid = 0, .source = &session };
        PolicyVerdict verdict = { .allowed = true };

        policy_decide(policy, &facts, &verdict);
        assert_false(verdict.allowed);
        assert_null(verdict.section);
}

/* Ranges are not asked for, and a name is asked for each time it stands there, in the order of the files. */
static void test_resolve_order(void **state) {
        _cleanup_(policy_freep) Policy *policy = policy_make(policy_text, false);
        size_t n_calls = 0;

        assert_int_equal(policy_resolve(policy, resolve, &n_calls), 0);
        assert_int_equal(n_calls, 6);
        assert_int_equal(policy_count_names(policy), 6);
        assert_int_equal(policy->sections[0].users[0].first, 1005);
        assert_int_equal(policy->sections[2].users[0].first, 1000);
        assert_int_equal(policy->sections[2].users[1].first, 300);
        assert_int_equal(policy->sections[5].users[0].first, UID_NONE);
}

static void test_resolve_nss(void **state) {
        uint32_t id = 1;

        assert_int_equal(policy_resolve_nss(USER_MATCH_NAME, "root", NULL, &id), 0);
        assert_int_equal(id, 0);
        id = 1;
        assert_int_equal(policy_resolve_nss(USER_MATCH_GROUP, "root", NULL, &id), 0);
        assert_int_equal(id, 0);
        assert_int_equal(policy_resolve_nss(USER_MATCH_NAME, "no-such-user-here", NULL, &id), 0);
        assert_int_equal(id, UID_NONE);
        assert_int_equal(policy_resolve_nss(USER_MATCH_GROUP, "no-such-group-here", NULL, &id), 0);
        assert_int_equal(id, UID_NONE);
}

static void test_texts(void **state) {
        _cleanup_(policy_freep) Policy *policy = policy_make(policy_text, true);
        static const struct {
                uid_t uid;
                Source source;
                const char *text;
        } cases[] = {
                { 77, USER_UNIT("foo.service"),
                  "No policy allows user 77 to leave user:foo.service; as root, "
                  "\"cgmove policy allow 77 --from user:foo.service\" would." },
                { 77, USER_UNIT("a\\x2db.service"),
                  "No policy allows user 77 to leave user:a\\x2db.service; as root, "
                  "\"cgmove policy allow 77 --from 'user:a\\x2db.service'\" would." },
                { 77, SESSION,
                  "No policy allows user 77 to leave session; as root, \"cgmove policy allow 77 --from "
                  "session\" would." },
                { 1005, SESSION,
                  "Section \"no-interns\" (/etc/cgmove/policy.d/t.conf:1) refuses user 1005 to leave "
                  "session "
                  "(allow = false); only a change of that section, or a section tried before it, can allow "
                  "it." },
                { 1000, SESSION,
                  "Section \"names\" (/etc/cgmove/policy.d/t.conf:3) allows user 1000 to leave session." },
                { 1000,
                  { .kind = SOURCE_MANAGER },
                  "The process belongs to a service manager itself, which no policy can allow to be "
                  "moved." },
                { 1000,
                  { .kind = SOURCE_OTHER },
                  "The process is in no unit or session of user 1000, and no policy can allow it to be "
                  "moved from there." },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                PolicyFacts facts = { .uid = cases[i].uid, .source = &cases[i].source };
                _cleanup_free_ char *text = NULL;
                PolicyVerdict verdict;

                policy_decide(policy, &facts, &verdict);
                assert_int_equal(policy_refusal_text(&facts, &verdict, &text), 0);
                assert_string_equal(text, cases[i].text);
        }
}

/* --- names that could not be looked up ------------------------------------------------------------------------------- */

/* alice is known; a directory that hangs has the rest */
static int resolve_local(UserMatchKind kind, const char *name, void *userdata, uint32_t *ret) {
        (void) resolve(kind, name, NULL, ret);
        return *ret == 1000 ? 0 : -ETIMEDOUT;
}

static const char far_text[] = "policy \"first\" { users = alice from = session }\n"
                               "policy \"far\" { users = {far, '@farers', 1002} from = session max-jobs = 1 }\n"
                               "policy \"all\" { users = 1000-1999 from = {session, job} }\n";

/* What comes before is as ever, and so is what the section does not speak of; whoever may be meant by it waits. */
static void test_unknown_names(void **state) {
        static const struct {
                uid_t uid;
                Source source;
                bool allowed;
                bool undecided;
                const char *section;
        } cases[] = {
                { 1000, SESSION, true, false, "first" }, { 1001, SESSION, false, true, "far" },
                { 1002, SESSION, true, false, "far" },   { 1001, JOB, true, false, "all" },
                { 5000, SESSION, false, true, "far" },   { 5000, JOB, false, false, "(none)" },
        };
        _cleanup_(policy_freep) Policy *policy = policy_make(far_text, false);
        const Source session = SESSION;
        PolicyVerdict verdict;
        _cleanup_free_ char *text = NULL;

        assert_int_equal(policy_resolve(policy, resolve_local, NULL), 2);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                PolicyFacts facts = { .uid = cases[i].uid, .source = &cases[i].source };
                const char *section;

                policy_decide(policy, &facts, &verdict);
                section = verdict.section ? verdict.section->name : "(none)";
                if (verdict.allowed != cases[i].allowed || verdict.undecided != cases[i].undecided ||
                    strcmp(section, cases[i].section) != 0)
                        fail_msg("case %zu: %d, %d by %s", i, verdict.allowed, verdict.undecided, section);
        }

        PolicyFacts facts = { .uid = 1001, .source = &session };

        policy_decide(policy, &facts, &verdict);
        assert_int_equal(policy_refusal_text(&facts, &verdict, &text), 0);
        assert_non_null(strstr(text, "cannot be looked up now"));

        /* an answer later, also that there is nobody */
        assert_int_equal(policy_resolve(policy, resolve, NULL), 0);
        policy_decide(policy, &facts, &verdict);
        assert_true(verdict.allowed);
        assert_false(verdict.undecided);
        assert_string_equal(verdict.section->name, "all");
        /* and it stays known */
        assert_int_equal(policy_resolve(policy, resolve_local, NULL), 2);
        policy_decide(policy, &facts, &verdict);
        assert_true(verdict.allowed);
}

/* --- who may do anything --------------------------------------------------------------------------------------------- */

static void test_lets_user(void **state) {
        static const struct {
                const char *text;
                bool lets; /* alice, who is in the group agents */
        } cases[] = {
                { "", false },
                { "policy a { users = alice from = session }", true },
                { "policy a { users = '@agents' from = job }", true },
                { "policy a { users = 500-1500 from = 'user:*' }", true },
                { "policy a { users = 1001 from = session }", false },
                { "policy a { users = alice from = session allow = false }", false },
                { "policy a { users = alice from = session allow = false } policy b { users = 1000 from = session }", false },
                { "policy a { users = '@agents' from = session allow = false } policy b { users = alice from = {session, job} }",
                  true },
                { "policy a { users = alice from = 'user:*' allow = false } policy b { users = alice from = 'user:gw*.service' }",
                  false },
                { "policy a { users = alice from = 'user:gw.service' allow = false } "
                  "policy b { users = alice from = 'user:gw*.service' }",
                  true },
                { "policy a { users = 1001 from = session allow = false } policy b { users = alice from = session }", true },
                { "policy a { users = alice from = session } policy b { users = alice from = session allow = false }", true },
        };
        const gid_t gids[] = { 1000, 300 };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(policy_freep) Policy *policy = policy_make(cases[i].text, true);

                if (policy_lets_user(policy, 1000, gids, 2) != cases[i].lets)
                        fail_msg("%s", cases[i].text);
        }

        /* as long as nobody can tell whether a section is about him, its sources are none */
        _cleanup_(policy_freep) Policy *policy = policy_make(far_text, false);

        (void) policy_resolve(policy, resolve_local, NULL);
        assert_true(policy_lets_user(policy, 1000, gids, 2));
        assert_true(policy_lets_user(policy, 1001, NULL, 0)); /* from a job */
        assert_false(policy_lets_user(policy, 5000, NULL, 0));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_decide),       cmocka_unit_test(test_not_resolved),
                cmocka_unit_test(test_empty_policy), cmocka_unit_test(test_resolve_order),
                cmocka_unit_test(test_resolve_nss),  cmocka_unit_test(test_texts),
                cmocka_unit_test(test_unknown_names), cmocka_unit_test(test_lets_user),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
