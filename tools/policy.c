/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/policy.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "lib/policy-file.h"
#include "tools/failure.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/patience.h"
#include "tools/status.h"

static const char help[] = "Usage: cgmove policy check [FILE...]\n"
                           "       cgmove policy explain [--user=USER] [--from=SOURCE]\n"
                           "       cgmove policy allow USER --from=SOURCE [--restart=UNIT]... [OPTION...]\n\n"
                           "  check              tell whether the policy, or a draft of it, is valid\n"
                           "  explain            tell which rule decides whether a user may leave a place\n"
                           "  allow              write a rule that allows it (root only)\n\n"
                           "See cgmove.conf(5) for what is in a policy.\n";

static const char check_help[] =
                "Usage: cgmove policy check [--json] [FILE...]\n\n"
                "Tells whether the files in " CGMOVE_CONF_DIR " are a valid policy, or FILE... in their\n"
                "place, in this order. The exit status is 1 if they are not.\n\n"
                "      --json         print JSON\n"
                "  -h, --help         show this help\n";

/* What a check found besides errors. */
typedef struct Check {
        Settings settings;
        Policy *policy;
        PolicyProblem problem;
        json_t *unknown; /* array of sentences on names that nobody has */
} Check;

static void check_done(Check *check) {
        (void) policy_free(check->policy);
        policy_problem_clear(&check->problem);
        json_decref(check->unknown);
}

static int check_load(Check *check, char **files, Failure *failure) {
        int r;

        if (*files)
                r = policy_files_load_list(files, POLICY_TRUST_ANY, &check->settings, &check->policy,
                                           &check->problem);
        else
                r = policy_files_load(CGMOVE_CONF_DIR, POLICY_TRUST_ROOT, &check->settings, &check->policy,
                                      &check->problem);
        if (r >= 0)
                return 0;
        if (check->problem.text)
                return failure_set(failure, STATUS_FAILED, "PolicyInvalid", "%s", check->problem.text);

        return failure_errno(failure, r, "Cannot read the policy");
}

static int add_unknown(Check *check, const PolicySection *section, const UserMatch *match) {
        const char *kind = match->kind == USER_MATCH_GROUP ? "group" : "user";
        json_t *text;

        if (match->unknown)
                text = json_sprintf("%s:%u: section \"%s\": %s \"%s\" cannot be looked up now (a directory service does "
                                    "not answer?)",
                                    section->file, section->line, section->name, kind, match->name);
        else
                text = json_sprintf(
                                "%s:%u: section \"%s\": there is no %s \"%s\", so that this entry matches nobody",
                                section->file, section->line, section->name, kind, match->name);
        return text ? json_array_append_new(check->unknown, text) : -1;
}

static void resolve_patiently(Policy *policy) {
        PATIENTLY();

        (void) policy_resolve(policy, policy_resolve_nss, NULL);
}

/* A name that is not known is no error: it may come with the next user. But it may be a slip, too. */
static int check_names(Check *check) {
        check->unknown = json_array();
        if (!check->unknown)
                return -ENOMEM;

        resolve_patiently(check->policy);
        for (size_t i = 0; i < check->policy->n_sections; i++) {
                const PolicySection *section = &check->policy->sections[i];

                for (size_t j = 0; j < section->n_users; j++)
                        if (section->users[j].first == UID_NONE &&
                            add_unknown(check, section, &section->users[j]) < 0)
                                return -ENOMEM;
        }

        return 0;
}

static int print_json(const Check *check) {
        return output_json(json_pack("{s:{s:b, s:I, s:o, s:O}}", "check", "valid", 1, "sections",
                                     (json_int_t) check->policy->n_sections, "pending",
                                     output_json_text(check->problem.pending), "unknown_names",
                                     check->unknown));
}

static void print_line(const char *text) {
        output_text(stdout, text);
        (void) putchar('\n');
}

static int print_text(const Check *check, bool installed) {
        size_t n = check->policy->n_sections;

        for (size_t i = 0; i < json_array_size(check->unknown); i++)
                print_line(json_string_value(json_array_get(check->unknown, i)));
        if (check->problem.pending)
                print_line(check->problem.pending);

        (void) printf("The policy is valid: %zu section%s.\n", n, n == 1 ? "" : "s");
        if (n == 0 && installed)
                (void) printf("Nobody may leave anything yet; 'cgmove policy allow --help' tells how to "
                              "allow it.\n");

        return output_finish(0);
}

static int policy_check(int argc, char **argv) {
        _cleanup_(check_done) Check check = { .policy = NULL };
        Failure failure;
        bool json;
        int r;

        argv[0] = (char *) "policy check"; /* what messages call it */
        optind = 0;
        r = options_simple(argc, argv, check_help, 0, INT_MAX, &json);
        if (r >= 0)
                return r;

        if (check_load(&check, argv + optind, &failure) != 0)
                return failure_print(&failure, json);
        if (check_names(&check) < 0) {
                (void) failure_errno(&failure, ENOMEM, "Cannot check the policy");
                return failure_print(&failure, json);
        }

        return json ? print_json(&check) : print_text(&check, optind == argc);
}

int verb_policy(int argc, char **argv) {
        const char *word = argc > 1 ? argv[1] : "";

        options_fill_stdio();
        if (strcmp(word, "check") == 0)
                return policy_check(argc - 1, argv + 1);
        if (strcmp(word, "allow") == 0)
                return policy_allow(argc - 1, argv + 1);
        if (strcmp(word, "explain") == 0)
                return policy_explain(argc - 1, argv + 1);
        if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0)
                return options_help(help);
        if (!word[0])
                return usage_error("policy", "No verb given: check, allow or explain");

        return usage_error("policy", "Unknown %s \"%s\"", word[0] == '-' ? "option" : "verb", word);
}
