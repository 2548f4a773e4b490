/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `cgmove policy allow`: one more file in policy.d, if the policy is valid with it and it does what was
 * asked for. */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/policy-file.h"
#include "tools/doctor/gather.h"
#include "tools/doctor/shed.h"
#include "tools/failure.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/patience.h"
#include "tools/policy-effect.h"
#include "tools/policy-folder.h"
#include "tools/policy-rule.h"
#include "tools/policy.h"
#include "tools/status.h"

static const char help[] =
                "Usage: cgmove policy allow USER --from=SOURCE [--restart=UNIT]... [OPTION...]\n\n"
                "Allows USER (a name, an id, or @GROUP) to move processes out of SOURCE: writes a file "
                "in\n" POLICY_FOLDER " and asks the daemon to reload. Root only.\n\n"
                "      --from=SOURCE     user:UNIT, system:UNIT (a unit's name or a pattern), session or "
                "job\n"
                "      --restart=UNIT    user:UNIT or system:UNIT, which USER may restart from SOURCE; can "
                "be repeated\n"
                "      --on-logout=WORD  auto, keep or stop: what a logout does to the jobs\n"
                "      --name=NAME       name of the section and of the file\n"
                "      --json            print JSON\n"
                "  -h, --help            show this help\n";

typedef struct Arguments {
        const char *user;
        const char *source;
        const char *name;
        const char *restart[RULE_RESTARTS_MAX + 1]; /* one more than a rule can have */
        size_t n_restart;
        const char *on_logout;
        bool json;
} Arguments;

typedef enum Reload { RELOAD_DONE, RELOAD_NO_DAEMON, RELOAD_FAILED } Reload;

/* --- what the policy says ----------------------------------------------------------------------------- */

/* The installed policy with TEXT (may be NULL) as if it stood in PATH; NULL with FAILURE filled. */
static Policy *load_with(const char *path, const char *text, Failure *failure) {
        PATIENTLY();
        _cleanup_(policy_problem_clear) PolicyProblem problem = { 0 };
        _cleanup_(policy_freep) Policy *policy = NULL;
        Settings settings;
        int r;

        r = policy_files_load(CGMOVE_CONF_DIR, POLICY_TRUST_ROOT, &settings, &policy, &problem);
        if (r >= 0 && text)
                r = policy_text_parse(path, text, strlen(text), NULL, policy, &problem);
        if (r < 0) {
                if (problem.text)
                        (void) failure_set(failure, STATUS_FAILED, "PolicyInvalid",
                                           "%s (nothing was written)", problem.text);
                else
                        (void) failure_errno(failure, r, "Cannot read the policy");
                return NULL;
        }

        (void) policy_resolve(policy, policy_resolve_nss, NULL);
        return TAKE_PTR(policy);
}

/* The section that allows already what the rule would, or NULL. */
static const PolicySection *find_same(const Policy *policy, const Rule *rule) {
        PolicyVerdict verdict;

        policy_effect_decide(policy, rule, &verdict);
        return verdict.allowed && rule_terms_are_in_section(rule, verdict.section) ? verdict.section : NULL;
}

static int fail_other(const PolicySection *section, Failure *failure) {
        return failure_set(
                        failure, STATUS_FAILED, "Refused",
                        "Section \"%s\" (%s:%u) %s; change it there, or give a name that sorts before that "
                        "file with --name (nothing was written).",
                        section->name, section->file, section->line,
                        section->allow ? "allows that on other terms" : "refuses that and is tried before");
}

/* A rule behind a refusal would be written in vain. */
static int check_effect(const Policy *policy, const Rule *rule, Failure *failure) {
        PolicyVerdict verdict;

        policy_effect_decide(policy, rule, &verdict);
        if (!verdict.section || (verdict.allowed && rule_terms_are_in_section(rule, verdict.section)))
                return 0;
        return fail_other(verdict.section, failure);
}

/* A rule that comes before one that allows the same would take away what else that says. Who gives a name has
 * thought of the order. */
static int check_others(const Policy *policy, const Rule *rule, Failure *failure) {
        PolicyVerdict verdict;

        if (rule->named)
                return 0;
        policy_effect_decide(policy, rule, &verdict);
        return verdict.allowed ? fail_other(verdict.section, failure) : 0;
}

/* What the rule cannot be said to do: sections that are tried before may decide otherwise on some whom it is for. */
typedef struct Doubt {
        char section[RULE_NAME_MAX + 1]; /* the first of them; "": there is none */
        char text[512];                  /* for the end of a sentence */
} Doubt;

static void find_doubt(const Policy *policy, const Rule *rule, const PolicySection *section, Doubt *ret) {
        const PolicySection *before = policy_effect_before(policy, rule, section);

        *ret = (Doubt){ .section = "" };
        if (!before)
                return;
        (void) snprintf(ret->section, sizeof(ret->section), "%s", before->name);
        (void) snprintf(ret->text, sizeof(ret->text),
                        ", but for what a section that is tried before decides, such as \"%s\" (%s:%u)",
                        before->name, before->file, before->line);
}

/* --- writing ------------------------------------------------------------------------------------------ */

static const PolicySection *find_section(const Policy *policy, const char *name) {
        for (size_t i = 0; i < policy->n_sections; i++)
                if (strcmp(policy->sections[i].name, name) == 0)
                        return &policy->sections[i];

        return NULL;
}

/* One try under the rule's present name: -EEXIST if the file or the section is there already. */
static int try_name(Rule *rule, int folder, char **ret_path, Doubt *ret_doubt, Failure *failure) {
        _cleanup_free_ char *file = NULL, *path = NULL, *text = NULL;
        _cleanup_(policy_freep) Policy *policy = NULL;
        int r;

        if (rule_file_name(rule, &file) < 0 || rule_text(rule, &text) < 0 ||
            asprintf(&path, "%s/%s", POLICY_FOLDER, file) < 0)
                return failure_errno(failure, ENOMEM, "Cannot write the rule");
        if (faccessat(folder, file, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
                return -EEXIST;

        policy = load_with(path, text, failure);
        if (!policy)
                return failure->status;
        policy_effect_sort_last(policy);
        r = check_effect(policy, rule, failure);
        if (r != 0)
                return r;

        r = policy_folder_write(folder, file, text);
        if (r == -EEXIST)
                return r;
        if (r < 0)
                return failure_errno(failure, r, "Cannot write %s", path);

        find_doubt(policy, rule, find_section(policy, rule->name), ret_doubt);
        *ret_path = TAKE_PTR(path);
        return 0;
}

static int write_rule(Rule *rule, const Policy *policy, char **ret_path, Doubt *ret_doubt,
                      Failure *failure) {
        _cleanup_close_ int folder = -1;
        int r;

        r = policy_folder_open(&folder, failure);
        if (r != 0)
                return r;

        for (unsigned n = 2;; n++) {
                r = find_section(policy, rule->name) ? -EEXIST
                                                     : try_name(rule, folder, ret_path, ret_doubt, failure);
                if (r != -EEXIST)
                        return r;
                if (rule->named)
                        return failure_set(failure, STATUS_FAILED, "Exists",
                                           "There is a section or a file of the name \"%s\" already; give "
                                           "another --name, or "
                                           "edit the file.",
                                           rule->name);
                if (rule_set_next_name(rule, n) < 0)
                        return failure_set(failure, STATUS_FAILED, "Exists",
                                           "Too many rules were written for \"%s\"; put them together, or "
                                           "give a --name.",
                                           rule->user);
        }
}

/* --- reload ------------------------------------------------------------------------------------------- */

/* Runs systemctl, QUIET without its words on the standard error. Returns its exit status, or a negative
 * errno. */
static int run_systemctl(char *const argv[], bool quiet) {
        posix_spawn_file_actions_t actions;
        int status, r;
        pid_t pid;

        r = posix_spawn_file_actions_init(&actions);
        if (r != 0)
                return -r;
        if (quiet)
                r = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
        if (r == 0)
                r = posix_spawnp(&pid, "systemctl", &actions, NULL, argv, environ);
        (void) posix_spawn_file_actions_destroy(&actions);
        if (r != 0)
                return -r;

        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;

        return WIFEXITED(status) ? WEXITSTATUS(status) : -EIO;
}

/* Waits for the reload, so that what was allowed is allowed when the prompt comes back. */
static Reload reload_daemon(void) {
        char *const is_active[] = { (char *) "systemctl", (char *) "--quiet", (char *) "is-active",
                                    (char *) "cgmoved.service", NULL };
        char *const reload[] = { (char *) "systemctl", (char *) "reload", (char *) "cgmoved.service", NULL };

        if (run_systemctl(is_active, true) != 0)
                return RELOAD_NO_DAEMON;

        return run_systemctl(reload, false) == 0 ? RELOAD_DONE : RELOAD_FAILED;
}

/* --- what it costs ------------------------------------------------------------------------------------ */

/* What a process leaves behind when it leaves the unit that the rule names; "" if nothing is known, as of a
 * pattern, or of a user's unit if the rule is for many. */
static void find_shed(const Rule *rule, char shed[static SHED_MAX]) {
        UnitFacts unit = { .asked = true };
        gid_t gids[POLICY_EFFECT_GROUPS_MAX];
        PolicyFacts facts;
        Source source;

        shed[0] = '\0';
        unit.system = strncmp(rule->from, "system:", strlen("system:")) == 0;
        if (unit.system ? source_from_string(rule->from, 0, &source) < 0
                        : policy_effect_facts(rule, gids, &source, &facts) < 0)
                return;
        if (source.kind != SOURCE_SYSTEM_UNIT && source.kind != SOURCE_USER_UNIT)
                return;
        (void) snprintf(unit.name, sizeof(unit.name), "%s", source.unit);
        gather_unit_settings(unit.system ? 0 : rule->match.first, &unit);
        if (unit.known == ANSWER_YES)
                (void) shed_all(&unit, shed);
}

static void warn_of_shed(const Rule *rule, const char *shed) {
        const char *quote = strchr(rule->from, '\\') ? "'" : ""; /* a shell would eat the "\" of "\x2d" */

        if (shed[0])
                (void) fprintf(stderr,
                               "cgmove: Warning: what leaves %s leaves this behind: %s; \"cgmove doctor%s "
                               "%s%s%s\" says what becomes of it.\n",
                               rule->from, shed, strncmp(rule->from, "system:", 7) == 0 ? " --system" : "",
                               quote, strchr(rule->from, ':') + 1, quote);
}

/* --- telling ------------------------------------------------------------------------------------------ */

static json_t *restarts_to_json(const Rule *rule) {
        json_t *units = json_array();

        for (size_t i = 0; units && rule->restart[i]; i++)
                (void) json_array_append_new(units, output_json_text(rule->restart[i]));

        return units;
}

static int print_json(const Rule *rule, const char *section, const char *file, bool written, Reload reload,
                      const char *shed, const Doubt *doubt) {
        json_t *reloaded = written ? json_boolean(reload == RELOAD_DONE) : json_null();

        return output_json(json_pack("{s:{s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:o}}", "allow", "user",
                                     output_json_text(rule->user), "source", output_json_text(rule->from),
                                     "restart", restarts_to_json(rule), "section", output_json_text(section),
                                     "file", output_json_text(file), "written", written, "reloaded",
                                     reloaded, "sheds", output_json_text(shed), "tried_before",
                                     output_json_text(doubt->section)));
}

static int tell_same(const Rule *rule, const PolicySection *section, const char *shed, const Doubt *doubt,
                     bool json) {
        if (json)
                return print_json(rule, section->name, section->file, false, RELOAD_NO_DAEMON, shed, doubt);

        (void) printf("Section \"%s\" (%s:%u) allows %s to leave %s already%s; nothing was written.\n",
                      section->name, section->file, section->line, rule->user, rule->from, doubt->text);
        warn_of_shed(rule, shed);
        return output_finish(0);
}

static int tell_written(const Rule *rule, const char *path, Reload reload, const char *shed,
                        const Doubt *doubt, bool json) {
        _cleanup_free_ char *text = NULL;

        if (json)
                return print_json(rule, rule->name, path, true, reload, shed, doubt)
                                       ?: (reload == RELOAD_FAILED ? STATUS_FAILED : 0);

        if (rule_text(rule, &text) >= 0)
                (void) printf("Wrote %s:\n\n%s\n", path, text);
        if (reload == RELOAD_DONE)
                (void) printf("The daemon has reloaded: %s may leave %s%s.\n", rule->user, rule->from,
                              doubt->text);
        else if (reload == RELOAD_NO_DAEMON)
                (void) printf("The daemon does not run; it will read the rule when it starts.\n");
        else
                (void) fprintf(stderr,
                               "cgmove: The daemon did not reload; see 'journalctl -u cgmoved', and then "
                               "'systemctl reload cgmoved'.\n");

        warn_of_shed(rule, shed);

        return output_finish(reload == RELOAD_FAILED ? STATUS_FAILED : 0);
}

/* Returns -1 to go on, or the exit status. */
static int parse(int argc, char **argv, Arguments *arguments) {
        enum { OPTION_FROM = OPTION_FIRST_FREE, OPTION_NAME, OPTION_RESTART, OPTION_ON_LOGOUT };
        static const struct option options[] = {
                { "from", required_argument, NULL, OPTION_FROM },
                { "name", required_argument, NULL, OPTION_NAME },
                { "restart", required_argument, NULL, OPTION_RESTART },
                { "on-logout", required_argument, NULL, OPTION_ON_LOGOUT },
                OPTIONS_COMMON,
        };
        int c;

        optind = 0;
        while ((c = options_next("policy allow", argc, argv, "", options)) >= 0)
                switch (c) {
                case OPTION_FROM:
                        arguments->source = optarg;
                        break;
                case OPTION_NAME:
                        arguments->name = optarg;
                        break;
                case OPTION_RESTART:
                        if (arguments->n_restart < ELEMENTSOF(arguments->restart))
                                arguments->restart[arguments->n_restart++] = optarg;
                        break;
                case OPTION_ON_LOGOUT:
                        arguments->on_logout = optarg;
                        break;
                case OPTION_JSON:
                        arguments->json = true;
                        break;
                case 'h':
                        return options_help(help);
                default:
                        return STATUS_USAGE;
                }

        if (argc - optind != 1)
                return usage_error("policy allow", "Expected one user");
        if (!arguments->source)
                return usage_error("policy allow",
                                   "Option --from is missing: from where may %s move processes",
                                   argv[optind]);

        arguments->user = argv[optind];
        return -1;
}

static int make_rule(const Arguments *arguments, Rule *rule, Failure *failure) {
        PATIENTLY();
        int r;

        r = rule_init(rule, arguments->user, arguments->source, arguments->name, failure);
        for (size_t i = 0; r == 0 && i < arguments->n_restart; i++)
                r = rule_add_restart(rule, arguments->restart[i], failure);
        if (r == 0 && arguments->on_logout)
                r = rule_set_on_logout(rule, arguments->on_logout, failure);

        return r;
}

int policy_allow(int argc, char **argv) {
        _cleanup_(policy_freep) Policy *policy = NULL;
        _cleanup_(rule_done) Rule rule = { .user = NULL };
        _cleanup_free_ char *path = NULL;
        Arguments arguments = { .user = NULL };
        const PolicySection *same;
        char shed[SHED_MAX];
        Failure failure;
        Doubt doubt;
        int r;

        r = parse(argc, argv, &arguments);
        if (r >= 0)
                return r;
        if (geteuid() != 0) {
                (void) failure_set(&failure, STATUS_FAILED, "NotRoot",
                                   "Only root can change the policy; run it with sudo.");
                return failure_print(&failure, arguments.json);
        }

        if (make_rule(&arguments, &rule, &failure) != 0)
                return failure_print(&failure, arguments.json);
        policy = load_with(NULL, NULL, &failure);
        if (!policy)
                return failure_print(&failure, arguments.json);

        find_shed(&rule, shed);
        same = find_same(policy, &rule);
        if (same) {
                find_doubt(policy, &rule, same, &doubt);
                return tell_same(&rule, same, shed, &doubt, arguments.json);
        }
        if (check_others(policy, &rule, &failure) != 0 ||
            write_rule(&rule, policy, &path, &doubt, &failure) != 0)
                return failure_print(&failure, arguments.json);

        return tell_written(&rule, path, reload_daemon(), shed, &doubt, arguments.json);
}
