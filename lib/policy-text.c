/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/policy.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Where no section decided: nothing matched, or nothing can. */
static int unmatched_text(const PolicyFacts *facts, const char *source, char **ret) {
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
                return unmatched_text(facts, source, ret);

        if (verdict->allowed)
                r = asprintf(&text, "Section \"%s\" (%s:%u) allows user %" PRIu32 " to leave %s.",
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
