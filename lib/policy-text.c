/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/policy.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Where no section decided: nothing matched, or nothing can. */
static int unmatched_text(const PolicyFacts *facts, bool invalid, const char *source, char **ret) {
        /* a unit name may have "\x2d", which a shell would eat */
        const char *quote = strchr(source, '\\') ? "'" : "";
        char *text;
        int r;

        switch (facts->source->kind) {
        case SOURCE_MANAGER:
                r = asprintf(&text, "The process belongs to a service manager itself, "
                                    "which no policy can allow to be moved.");
                break;
        case SOURCE_OTHER:
                r = asprintf(&text,
                             "The process is in no unit or session of user %" PRIu32
                             ", and no policy can allow it to be moved from there.",
                             facts->uid);
                break;
        default:
                if (invalid)
                        r = asprintf(&text, "No policy is in force, for its files cannot be used; as root, "
                                            "\"cgmove policy check\" tells why.");
                else
                        r = asprintf(&text,
                                     "No policy allows user %" PRIu32 " to leave %s; as root, "
                                     "\"cgmove policy allow %" PRIu32 " --from %s%s%s\" would.",
                                     facts->uid, source, facts->uid, quote, source, quote);
        }
        if (r < 0)
                return -ENOMEM;

        *ret = text;
        return 0;
}

int policy_refusal_text(const PolicyFacts *facts, const PolicyVerdict *verdict, char **ret) {
        _cleanup_free_ char *source = NULL;
        const PolicySection *section = verdict->section;
        char *text;
        int r;

        r = source_to_string(facts->source, &source);
        if (r < 0)
                return r;
        if (!section)
                return unmatched_text(facts, verdict->invalid, source, ret);

        if (verdict->allowed)
                r = asprintf(&text, "Section \"%s\" (%s:%u) allows user %" PRIu32 " to leave %s.",
                             section->name, section->file, section->line, facts->uid, source);
        else if (verdict->undecided)
                r = asprintf(&text,
                             "Section \"%s\" (%s:%u) names users or groups that cannot be looked up now (a directory "
                             "service does not answer?), so that nobody can tell whether it decides on user %" PRIu32
                             " leaving %s; try again.",
                             section->name, section->file, section->line, facts->uid, source);
        else
                r = asprintf(&text,
                             "Section \"%s\" (%s:%u) refuses user %" PRIu32 " to leave %s (allow = false); "
                             "only a change of that section, or a section tried before it, can allow it.",
                             section->name, section->file, section->line, facts->uid, source);
        if (r < 0)
                return -ENOMEM;

        *ret = text;
        return 0;
}

#define LISTED_MAX 8 /* patterns that are repeated in the line that would allow it */

/* In single quotes a "\" of a unit's name is nothing special (see cgmove.conf(5)), nor can a valid unit name
 * have a quote of its own. */
static int restart_line(const PolicySection *section, const char *service, char **ret) {
        _cleanup_free_ char *line = NULL;
        char *grown;

        for (size_t i = 0; section->restart[i]; i++) {
                if (i == LISTED_MAX) {
                        free(line);
                        line = strdup("..., ");
                        if (!line)
                                return -ENOMEM;
                        break;
                }
                if (asprintf(&grown, "%s'%s', ", line ? line : "", section->restart[i]) < 0)
                        return -ENOMEM;
                free(line);
                line = grown;
        }
        if (asprintf(&grown, "restart = {%s'%s'}", line ? line : "", service) < 0)
                return -ENOMEM;

        *ret = grown;
        return 0;
}

int policy_restart_refusal_text(uid_t uid, const PolicySection *section, const Source *service, char **ret) {
        _cleanup_free_ char *name = NULL, *line = NULL;
        char *text;
        int r;

        r = source_to_string(service, &name);
        if (r >= 0)
                r = restart_line(section, name, &line);
        if (r < 0)
                return r;
        if (asprintf(&text,
                     "Section \"%s\" (%s:%u) does not let user %" PRIu32
                     " restart %s; as root, write into it: %s",
                     section->name, section->file, section->line, uid, name, line) < 0)
                return -ENOMEM;

        *ret = text;
        return 0;
}
