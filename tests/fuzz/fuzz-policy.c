/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The text of a policy file. Whatever it is: no crash, no leak, and a policy or a problem in words, never
 * both or neither; what was accepted is what the rest of the program relies on. */

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "lib/policy-file.h"
#include "lib/policy-schema.h"
#include "lib/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_section(const PolicySection *section) {
        assert(policy_name_is_valid(section->name));
        assert(section->n_users > 0 && section->n_users <= POLICY_LIST_MAX);
        assert(section->from[0]);
        assert(section->max_jobs > 0 && section->rate_count > 0 && section->rate_per > 0);
        assert(section->limits.tasks_max > 0 && section->limits.memory_max > 0 &&
               section->limits.runtime_max > 0);
        assert(section->limits.cpu_weight <= 10000);

        for (char **pattern = section->from; *pattern; pattern++)
                assert(strcmp(*pattern, "*") != 0 && text_is_plain(*pattern));
        for (size_t i = 0; i < section->n_watches; i++)
                assert(section->watches[i].unit && section->watches[i].exec[0]);
}

/* Decides for a few users and places, which must do without a look at what is resolved. */
static void decide(const Policy *policy) {
        static const char *const paths[] = {
                "/",
                "/user.slice/user-1000.slice/session-1.scope",
                "/user.slice/user-1000.slice/user@1000.service/app.slice/a.service",
                "/user.slice/user-1000.slice/user@1000.service/init.scope",
        };
        const gid_t gids[] = { 0, 1000 };

        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                _cleanup_free_ char *text = NULL;
                PolicyVerdict verdict;
                PolicyFacts facts = { .uid = 1000, .gids = gids, .n_gids = ELEMENTSOF(gids) };
                Source source;

                source_from_cgroup_path(paths[i], &source);
                facts.source = &source;
                policy_decide(policy, &facts, &verdict);
                assert(!verdict.allowed || (source.kind != SOURCE_MANAGER && source.kind != SOURCE_OTHER));
                assert(policy_refusal_text(&facts, &verdict, &text) == 0);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(policy_problem_clear) PolicyProblem problem = { 0 };
        _cleanup_(policy_freep) Policy *policy = NULL;
        bool with_settings = size % 2;
        Settings settings;
        int r;

        policy = calloc(1, sizeof(Policy));
        if (!policy)
                return 0;

        settings_init(&settings);
        r = policy_text_parse("fuzz", (const char *) data, size, with_settings ? &settings : NULL, policy,
                              &problem);
        assert(r == 0 || r == -EINVAL);
        assert((r < 0) == (problem.text != NULL));
        assert(!problem.text || text_is_plain(problem.text));
        if (r < 0)
                return 0;

        for (size_t i = 0; i < policy->n_sections; i++)
                check_section(&policy->sections[i]);
        decide(policy);
        return 0;
}
