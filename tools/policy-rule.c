/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/policy-rule.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/on-logout.h"
#include "lib/pattern.h"
#include "lib/policy-schema.h"
#include "lib/policy-values.h"
#include "tools/status.h"

#define BASE_NAME_MAX 56 /* leaves room for "-99" and more */
#define NAMES_TRIED_MAX 99

/* An id is written as the name it has: that is what an administrator will look for. One without a name stays
 * an id. */
static int set_user(Rule *rule, const char *user) {
        struct passwd *entry;
        int r;

        r = user_match_parse(user, &rule->match);
        if (r < 0)
                return r;
        if (rule->match.kind == USER_MATCH_RANGE) {
                entry = rule->match.first == rule->match.last ? getpwuid(rule->match.first) : NULL;
                rule->user = strdup(entry && user_name_is_valid(entry->pw_name) ? entry->pw_name : user);
                return rule->user ? 0 : -ENOMEM;
        }

        r = policy_resolve_nss(rule->match.kind, rule->match.name, NULL, &rule->match.first);
        if (r < 0)
                return r;
        if (rule->match.first == UID_NONE)
                return -ESRCH;
        rule->match.last = rule->match.first;

        rule->user = strdup(user);
        return rule->user ? 0 : -ENOMEM;
}

/* "allow-" and the user, with "_" for what a section's name cannot have. */
static void set_default_name(Rule *rule) {
        int n;

        n = snprintf(rule->name, BASE_NAME_MAX, "allow-%s", rule->user);
        for (int i = 0; i < n && rule->name[i]; i++) {
                char one[2] = { rule->name[i] };

                if (!policy_name_is_valid(one))
                        rule->name[i] = '_';
        }
}

int rule_init(Rule *rule, const char *user, const char *from, const char *name, Failure *failure) {
        int r;

        *rule = (Rule){ .from = from };
        if (!source_pattern_is_valid(from))
                return failure_set(failure, STATUS_USAGE, "Usage",
                                   "\"%s\" is no source: expected user:UNIT or system:UNIT with the unit's "
                                   "suffix, such as "
                                   "user:app.service, or session, or job.",
                                   from);
        if (name && (!policy_name_is_valid(name) || name[0] == '.'))
                return failure_set(failure, STATUS_USAGE, "Usage",
                                   "\"%s\" is no name for a section: expected 1 to 64 letters, digits and "
                                   "\"@._:-\", "
                                   "no dot in front.",
                                   name);

        r = set_user(rule, user);
        if (r == -EINVAL || r == -ESRCH)
                return failure_set(failure, STATUS_FAILED, "NoSuchUser",
                                   "There is no %s \"%s\"; 'getent %s' shows those that there are.",
                                   user[0] == '@' ? "group" : "user", user[0] == '@' ? user + 1 : user,
                                   user[0] == '@' ? "group" : "passwd");
        if (r < 0)
                return failure_errno(failure, r, "Cannot look the user up");

        rule->named = name;
        if (name)
                (void) snprintf(rule->name, sizeof(rule->name), "%s", name);
        else
                set_default_name(rule);
        return 0;
}

void rule_done(Rule *rule) {
        free(rule->user);
        free(rule->match.name);
}

static size_t n_restarts(const Rule *rule) {
        size_t n = 0;

        while (rule->restart[n])
                n++;

        return n;
}

int rule_add_restart(Rule *rule, const char *unit, Failure *failure) {
        size_t n = n_restarts(rule);

        if (!unit_pattern_is_valid(unit))
                return failure_set(
                                failure, STATUS_USAGE, "Usage",
                                "\"%s\" is no unit to restart: expected user:UNIT or system:UNIT with the "
                                "unit's suffix, such as user:app.service.",
                                unit);
        if (n == RULE_RESTARTS_MAX)
                return failure_set(failure, STATUS_USAGE, "Usage", "More than %d units to restart given.",
                                   RULE_RESTARTS_MAX);

        rule->restart[n] = unit;
        return 0;
}

int rule_set_on_logout(Rule *rule, const char *value, Failure *failure) {
        OnLogout on_logout;

        if (on_logout_from_string(value, &on_logout) < 0)
                return failure_set(failure, STATUS_USAGE, "Usage",
                                   "\"%s\" is nothing to do at a logout: expected auto, keep or stop.", value);

        rule->on_logout = value;
        return 0;
}

static bool is_group(const UserMatch *match) {
        return match->kind == USER_MATCH_GROUP;
}

static RuleOverlap users_overlap(const UserMatch *rule, const gid_t *gids, size_t n_gids,
                                 const UserMatch *match) {
        bool single = !is_group(rule) && rule->first == rule->last;

        if (match->first == UID_NONE)
                return match->unknown ? RULE_MAY_MEET : RULE_APART;
        if (single && is_group(match)) {
                for (size_t i = 0; i < n_gids; i++)
                        if (gids[i] == match->first)
                                return RULE_COVERED;
                return RULE_APART;
        }
        if (is_group(rule) != is_group(match))
                return RULE_MAY_MEET;
        if (match->first <= rule->first && match->last >= rule->last)
                return RULE_COVERED;
        if (is_group(rule)) /* two groups may have the same members */
                return RULE_MAY_MEET;
        return match->first <= rule->last && match->last >= rule->first ? RULE_MAY_MEET : RULE_APART;
}

/* Patterns that differ before the first wildcard of either stand for nothing in common. */
static RuleOverlap sources_overlap(const char *rule, const char *from) {
        size_t n = strcspn(rule, "*?"), m = strcspn(from, "*?");

        if (pattern_covers(from, rule))
                return RULE_COVERED;
        if (!rule[n] && !from[m])
                return RULE_APART;
        return strncmp(rule, from, n < m ? n : m) == 0 ? RULE_MAY_MEET : RULE_APART;
}

RuleOverlap rule_overlap(const Rule *rule, const gid_t *gids, size_t n_gids, const PolicySection *section) {
        RuleOverlap users = RULE_APART, sources = RULE_APART, one;

        for (size_t i = 0; i < section->n_users; i++) {
                one = users_overlap(&rule->match, gids, n_gids, &section->users[i]);
                users = one > users ? one : users;
        }
        for (char **from = section->from; *from; from++) {
                one = sources_overlap(rule->from, *from);
                sources = one > sources ? one : sources;
        }
        return users < sources ? users : sources;
}

/* A pattern is listed if it is listed literally. */
static bool section_lists(const PolicySection *section, const char *unit, uid_t uid) {
        Source service;

        if (service_from_string(unit, uid, &service) >= 0)
                return policy_section_restarts(section, &service);

        for (char **pattern = section->restart; *pattern; pattern++)
                if (strcmp(*pattern, unit) == 0)
                        return true;

        return false;
}

bool rule_terms_are_in_section(const Rule *rule, const PolicySection *section) {
        if (rule->on_logout && strcmp(rule->on_logout, on_logout_to_string(section->on_logout)) != 0)
                return false;

        for (size_t i = 0; rule->restart[i]; i++)
                if (!section_lists(section, rule->restart[i], rule->match.first))
                        return false;

        return true;
}

int rule_set_next_name(Rule *rule, unsigned n) {
        if (rule->named || n > NAMES_TRIED_MAX)
                return -EEXIST;

        set_default_name(rule);
        (void) snprintf(rule->name + strlen(rule->name), sizeof(rule->name) - strlen(rule->name), "-%u", n);
        return 0;
}

int rule_file_name(const Rule *rule, char **ret) {
        char *name;

        if (asprintf(&name, "%s%s.conf", rule->named ? "" : "50-", rule->name) < 0)
                return -ENOMEM;

        *ret = name;
        return 0;
}

/* In double quotes, where "\" and the quote itself need one more "\". */
static void write_quoted(FILE *f, const char *text) {
        (void) fputc('"', f);
        for (; *text; text++) {
                if (*text == '"' || *text == '\\')
                        (void) fputc('\\', f);
                (void) fputc(*text, f);
        }
        (void) fputc('"', f);
}

static void write_list(FILE *f, const char *option, const char *const *values, size_t n) {
        (void) fprintf(f, "        %-9s = {", option);
        for (size_t i = 0; i < n; i++) {
                (void) fputs(i > 0 ? ", " : "", f);
                write_quoted(f, values[i]);
        }
        (void) fputs("}\n", f);
}

int rule_text(const Rule *rule, char **ret) {
        time_t now = time(NULL);
        char day[16] = "";
        struct tm tm;
        char *text = NULL;
        size_t size;
        FILE *f;

        f = open_memstream(&text, &size);
        if (!f)
                return -ENOMEM;

        if (localtime_r(&now, &tm))
                (void) strftime(day, sizeof(day), " on %Y-%m-%d", &tm);
        (void) fprintf(f,
                       "# Written by \"cgmove policy allow\"%s. See cgmove.conf(5) for all that can stand "
                       "here.\n",
                       day);
        (void) fprintf(f, "policy \"%s\" {\n", rule->name);
        write_list(f, "users", (const char *const[]){ rule->user }, 1);
        write_list(f, "from", &rule->from, 1);
        if (n_restarts(rule) > 0)
                write_list(f, "restart", rule->restart, n_restarts(rule));
        if (rule->on_logout)
                (void) fprintf(f, "        on-logout = \"%s\"\n", rule->on_logout);
        (void) fprintf(f, "}\n");

        if (fclose(f) != 0) {
                free(text);
                return -ENOMEM;
        }

        *ret = text;
        return 0;
}
