/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The look-up of names on children that the test plays: name_child_start() here stands in the place of
 * daemon/name-child.c. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/name-child.h"
#include "daemon/name-lookup.h"
#include "daemon/name-members.h"
#include "lib/policy-file.h"

#define PATIENCE 500000 /* microseconds */
#define CHILDREN_MAX 4

/* alice is 1000, agents 300; "far" is known to no local file */
static const char policy_text[] = "policy \"a\" { users = {alice, '@agents'} from = {session} }\n"
                                  "policy \"b\" { users = {far} from = {session} allow = false }\n"
                                  "policy \"c\" { users = {2000-2999} from = {session} }\n";

typedef enum Play {
        PLAY_GOOD,
        PLAY_HANG,
        PLAY_DIE,
        PLAY_DIE_LATER,
        PLAY_DIE_IN_NAMES,
        PLAY_HUGE,
        PLAY_NO_FORK
} Play;

static struct {
        Play plays[CHILDREN_MAX]; /* of each child in turn */
        size_t n_children;
        NameSources sources[CHILDREN_MAX];
        bool with_names[CHILDREN_MAX];
        int kept; /* the end of a child that hangs */
} stage;

static void say(int fd, const void *data, size_t size) {
        assert_int_equal(write(fd, data, size), (ssize_t) size);
}

static void play_good(int fd, NameSources sources, bool with_names, Play play) {
        bool local = sources == NAME_SOURCES_LOCAL;
        const NameAnswer answers[] = {
                { .id = 1000 },
                { .id = 300 },
                { .id = local ? UID_NONE : 4000, .error = local ? -EAGAIN : 0 },
        };
        NameMembers head = { .n_bytes = 6, .state = local ? NAME_MEMBERS_FAILED : NAME_MEMBERS_ALL };

        if (with_names)
                say(fd, answers, play == PLAY_DIE_IN_NAMES ? sizeof(answers) - 3 : sizeof(answers));
        if (play == PLAY_DIE_IN_NAMES)
                return;
        if (play == PLAY_HUGE)
                head.n_bytes = UINT32_MAX;
        say(fd, &head, sizeof(head));
        say(fd, "alice\n", play == PLAY_DIE_LATER ? 3 : 6);
}

int name_child_start(Policy *policy, NameSources sources, bool with_names, int *ret_pidfd, int *ret_pipe) {
        Play play = stage.plays[stage.n_children];
        int fds[2];

        assert_true(stage.n_children < CHILDREN_MAX);
        stage.sources[stage.n_children] = sources;
        stage.with_names[stage.n_children++] = with_names;
        if (play == PLAY_NO_FORK)
                return -EAGAIN;

        assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
        if (play == PLAY_HANG) {
                assert_int_equal(stage.kept, -1);
                stage.kept = fds[1];
        } else {
                if (play != PLAY_DIE)
                        play_good(fds[1], sources, with_names, play);
                (void) close(fds[1]);
        }
        *ret_pidfd = -1;
        *ret_pipe = fds[0];
        return 0;
}

/* --- one look-up ---------------------------------------- */

typedef struct Result {
        int n_names; /* calls */
        int error;
        size_t n_failed;
        int n_members;
        NameMembersState state;
        char members[64];
        bool no_members;
} Result;

static void on_names(int error, size_t n_failed, void *userdata) {
        Result *result = userdata;

        assert_int_equal(result->n_members, 0);
        result->n_names++;
        result->error = error;
        result->n_failed = n_failed;
}

static void on_members(NameMembersState state, const char *names, size_t size, void *userdata) {
        Result *result = userdata;

        assert_true(size < sizeof(result->members));
        result->n_members++;
        result->state = state;
        result->no_members = !names;
        if (names)
                memcpy(result->members, names, size);
}

static Policy *policy_make(const char *text) {
        PolicyProblem problem = {};
        Policy *policy;

        policy = calloc(1, sizeof(*policy));
        assert_non_null(policy);
        if (policy_text_parse("t.conf", text, strlen(text), NULL, policy, &problem) < 0)
                fail_msg("%s", problem.text);
        policy_problem_clear(&problem);
        return policy;
}

static void look_up(Policy *policy, const Play plays[static CHILDREN_MAX], Result *ret) {
        _cleanup_(name_lookup_freep) NameLookup *lookup = NULL;
        NameHandler handler = { on_names, on_members, ret };
        sd_event *event = NULL;

        memset(&stage, 0, sizeof(stage));
        memcpy(stage.plays, plays, sizeof(stage.plays));
        stage.kept = -1;
        *ret = (Result){ .error = 1 };

        assert_int_equal(sd_event_new(&event), 0);
        assert_int_equal(name_lookup_new(event, &handler, &lookup), 0);
        name_lookup_start(lookup, policy, PATIENCE);
        for (int i = 0; i < 1000 && ret->n_members == 0 && ret->error >= 0; i++)
                assert_true(sd_event_run(event, 5000000) >= 0);
        lookup = name_lookup_free(lookup);
        sd_event_unref(event);
        if (stage.kept >= 0)
                (void) close(stage.kept);
}

static void test_all_answer(void **state) {
        _cleanup_(policy_freep) Policy *policy = policy_make(policy_text);
        Result result;

        look_up(policy, (const Play[CHILDREN_MAX]){ PLAY_GOOD }, &result);
        assert_int_equal(result.n_names, 1);
        assert_int_equal(result.error, 0);
        assert_int_equal(result.n_failed, 0);
        assert_int_equal(policy->sections[0].users[0].first, 1000);
        assert_int_equal(policy->sections[0].users[1].first, 300);
        assert_int_equal(policy->sections[1].users[0].first, 4000);
        assert_int_equal(result.n_members, 1);
        assert_int_equal(result.state, NAME_MEMBERS_ALL);
        assert_string_equal(result.members, "alice\n");
        assert_int_equal(stage.n_children, 1);
}

/* Whatever befalls the child that asks everybody, local names get their ids from another one, and the rest
 * is unknown. */
static void test_a_bad_child(void **state) {
        static const Play bad[] = { PLAY_HANG, PLAY_DIE, PLAY_DIE_IN_NAMES };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_(policy_freep) Policy *policy = policy_make(policy_text);
                Result result;

                look_up(policy, (const Play[CHILDREN_MAX]){ bad[i], PLAY_GOOD }, &result);
                assert_int_equal(result.n_names, 1);
                assert_int_equal(result.error, 0);
                assert_int_equal(result.n_failed, 1);
                assert_int_equal(policy->sections[0].users[0].first, 1000);
                assert_false(policy->sections[0].users[0].unknown);
                assert_int_equal(policy->sections[1].users[0].first, UID_NONE);
                assert_true(policy->sections[1].users[0].unknown);
                assert_int_equal(result.state, NAME_MEMBERS_FAILED);
                assert_string_equal(result.members, "alice\n");
                assert_int_equal(stage.n_children, 2);
                assert_int_equal(stage.sources[1], NAME_SOURCES_LOCAL);
                assert_true(stage.with_names[1]);
        }
}

/* The names are known already: only the members are looked for once more. */
static void test_a_child_that_ends_among_the_members(void **state) {
        static const Play bad[] = { PLAY_DIE_LATER, PLAY_HUGE };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_(policy_freep) Policy *policy = policy_make(policy_text);
                Result result;

                look_up(policy, (const Play[CHILDREN_MAX]){ bad[i], PLAY_GOOD }, &result);
                assert_int_equal(result.n_names, 1);
                assert_int_equal(result.n_failed, 0);
                assert_int_equal(policy->sections[1].users[0].first, 4000);
                assert_int_equal(result.state, NAME_MEMBERS_FAILED);
                assert_string_equal(result.members, "alice\n");
                assert_int_equal(stage.n_children, 2);
                assert_false(stage.with_names[1]);
        }
}

static void test_two_bad_children(void **state) {
        static const Play bad[][CHILDREN_MAX] = {
                { PLAY_DIE, PLAY_DIE }, { PLAY_HANG, PLAY_DIE }, { PLAY_NO_FORK }, { PLAY_DIE, PLAY_NO_FORK }
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_(policy_freep) Policy *policy = policy_make(policy_text);
                Result result;

                look_up(policy, bad[i], &result);
                assert_int_equal(result.n_names, 1);
                assert_true(result.error < 0);
                assert_int_equal(result.n_members, 0);
        }

        _cleanup_(policy_freep) Policy *policy = policy_make(policy_text);
        Result result;

        look_up(policy, (const Play[CHILDREN_MAX]){ PLAY_DIE_LATER, PLAY_DIE_LATER }, &result);
        assert_int_equal(result.error, 0);
        assert_int_equal(result.n_members, 1);
        assert_true(result.no_members);
        assert_int_equal(result.state, NAME_MEMBERS_FAILED);
}

/* What was known stays known, also that there is nobody of a name. */
static void test_earlier_answers_stay(void **state) {
        _cleanup_(policy_freep) Policy *policy = policy_make(policy_text),
                                       *before = policy_make(policy_text);
        Result result;

        look_up(before, (const Play[CHILDREN_MAX]){ PLAY_GOOD }, &result);
        policy_inherit(policy, before);
        look_up(policy, (const Play[CHILDREN_MAX]){ PLAY_HANG, PLAY_GOOD }, &result);
        assert_int_equal(result.n_failed, 1);
        assert_int_equal(policy->sections[1].users[0].first, 4000);
        assert_false(policy->sections[1].users[0].unknown);

        before->sections[1].users[0].first = UID_NONE;
        policy->sections[1].users[0].first = 1;
        policy_inherit(policy, before);
        look_up(policy, (const Play[CHILDREN_MAX]){ PLAY_HANG, PLAY_GOOD }, &result);
        assert_int_equal(policy->sections[1].users[0].first, UID_NONE);
        assert_false(policy->sections[1].users[0].unknown);
}

static void test_nothing_to_look_up(void **state) {
        _cleanup_(policy_freep) Policy *numbers = policy_make("policy \"n\" { users = 5 from = session }");
        _cleanup_(policy_freep) Policy *none =
                        policy_make("policy \"n\" { users = 5 from = session allow = false }");
        Result result;

        look_up(numbers, (const Play[CHILDREN_MAX]){ PLAY_GOOD }, &result);
        assert_int_equal(result.n_names, 1);
        assert_int_equal(stage.n_children, 1);
        assert_false(stage.with_names[0]);
        assert_string_equal(result.members, "alice\n");

        look_up(none, (const Play[CHILDREN_MAX]){ PLAY_DIE, PLAY_DIE }, &result);
        assert_int_equal(stage.n_children, 0);
        assert_int_equal(result.state, NAME_MEMBERS_ALL);
        assert_false(result.no_members);
        assert_string_equal(result.members, "");
}

/* --- members, from the files of this machine ---------------------------------------- */

static void check_members(const char *text, const char *expected) {
        _cleanup_(policy_freep) Policy *policy = policy_make(text);
        _cleanup_free_ char *names = NULL;
        size_t size;

        (void) policy_resolve(policy, policy_resolve_nss, NULL);
        assert_int_equal(name_members_find(policy, &names, &size), NAME_MEMBERS_ALL);
        assert_int_equal(size, strlen(expected));
        assert_memory_equal(names, expected, size);
}

static void test_members(void **state) {
        check_members("", "");
        check_members("policy \"x\" { users = root from = session }", "root\n");
        check_members("policy \"x\" { users = 0 from = session }", "root\n");
        check_members("policy \"x\" { users = {0, root, '0-0'} from = session }\n"
                      "policy \"y\" { users = root from = job }",
                      "root\n");
        check_members("policy \"x\" { users = {no-such-user-here, '@no-such-group-here', "
                      "'4000000000-4000000001'} from = session }",
                      "");
        check_members("policy \"x\" { users = '@root' from = session }", "root\n");
        /* refused before; not all that is allowed; allowed before */
        check_members("policy \"no\" { users = '@root' from = {session, job} allow = false }\n"
                      "policy \"x\" { users = root from = session }",
                      "");
        check_members("policy \"no\" { users = root from = session allow = false }\n"
                      "policy \"x\" { users = root from = {session, job} }",
                      "root\n");
        check_members("policy \"x\" { users = root from = session }\n"
                      "policy \"no\" { users = root from = session allow = false }",
                      "root\n");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_all_answer),
                cmocka_unit_test(test_a_bad_child),
                cmocka_unit_test(test_a_child_that_ends_among_the_members),
                cmocka_unit_test(test_two_bad_children),
                cmocka_unit_test(test_earlier_answers_stay),
                cmocka_unit_test(test_nothing_to_look_up),
                cmocka_unit_test(test_members),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
