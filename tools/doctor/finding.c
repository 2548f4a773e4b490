/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/doctor/finding.h"

#include <stdarg.h>
#include <stdio.h>

Finding *finding_add(Findings *findings, FindingLevel level, const char *topic, const char *format, ...) {
        Finding *finding = &findings->items[findings->n < FINDINGS_MAX ? findings->n++ : FINDINGS_MAX - 1];
        va_list ap;

        finding->level = level;
        finding->topic = topic;
        finding->cure[0] = 0;
        va_start(ap, format);
        (void) vsnprintf(finding->text, sizeof(finding->text), format, ap);
        va_end(ap);
        return finding;
}

void finding_cure(Finding *finding, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(finding->cure, sizeof(finding->cure), format, ap);
        va_end(ap);
}

const char *finding_level_to_string(FindingLevel level) {
        static const char *const words[] = {
                [FINDING_OK] = "ok",
                [FINDING_NOTE] = "note",
                [FINDING_WARNING] = "warning",
                [FINDING_PROBLEM] = "problem",
        };

        return words[level];
}

size_t findings_count(const Findings *findings, FindingLevel level) {
        size_t n = 0;

        for (size_t i = 0; i < findings->n; i++)
                n += findings->items[i].level == level;
        return n;
}

bool findings_are_ok(const Findings *findings) {
        return findings_count(findings, FINDING_PROBLEM) == 0;
}
