/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/doctor/print.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/output.h"
#include "tools/terminal.h"
#include "tools/wrap.h"

#define LEVEL_WIDTH 9 /* "problem" and a gap */
#define GAP 2

static const char *colour_of(FindingLevel level) {
        static const char *const colours[] = {
                [FINDING_OK] = "\x1b[32m",
                [FINDING_NOTE] = "\x1b[36m",
                [FINDING_WARNING] = "\x1b[33m",
                [FINDING_PROBLEM] = "\x1b[1;31m",
        };

        return colours[level];
}

static void print_cure(const char *cure, size_t indent, size_t width) {
        while (*cure) {
                size_t length = strcspn(cure, "\n");
                char line[sizeof(((Finding *) NULL)->cure)];

                (void) snprintf(line, sizeof(line), "%.*s", (int) length, cure);
                (void) printf("%*s-> ", (int) indent, "");
                wrap_print(stdout, line, indent + 3, width);
                cure += length + (cure[length] == '\n');
        }
}

static void print_finding(const Finding *finding, size_t topic_width, size_t width, bool colour) {
        size_t indent = LEVEL_WIDTH + topic_width + GAP;

        (void) printf("%s%-*s%s%-*s", colour ? colour_of(finding->level) : "", LEVEL_WIDTH,
                      finding_level_to_string(finding->level), colour ? "\x1b[0m" : "",
                      (int) topic_width + GAP, finding->topic);
        wrap_print(stdout, finding->text, indent, width);
        print_cure(finding->cure, indent, width);
}

static void print_verdict(const Facts *facts, const Findings *findings, size_t width) {
        size_t n = findings_count(findings, FINDING_PROBLEM),
               n_warnings = findings_count(findings, FINDING_WARNING);
        char what[UNIT_NAME_MAX + 64] = "Escaping", how[64] = "works", warnings[64] = "", text[512];

        if (facts->unit.asked)
                (void) snprintf(what, sizeof(what), "A restart of %s from inside", facts->unit.name);
        if (n > 0)
                (void) snprintf(how, sizeof(how), "would not work now: %zu problem%s", n, n == 1 ? "" : "s");
        if (n_warnings > 0)
                (void) snprintf(warnings, sizeof(warnings), "%s %zu warning%s", n > 0 ? "," : ";",
                                n_warnings, n_warnings == 1 ? "" : "s");
        (void) snprintf(text, sizeof(text), "%s %s%s.", what, how, warnings);
        (void) putchar('\n');
        wrap_print(stdout, text, 0, width);
}

void findings_print(const Facts *facts, const Findings *findings) {
        bool colour = terminal_has_colour(stdout);
        size_t width = terminal_columns(STDOUT_FILENO), topic_width = 0;

        for (size_t i = 0; i < findings->n; i++)
                if (strlen(findings->items[i].topic) > topic_width)
                        topic_width = strlen(findings->items[i].topic);
        for (size_t i = 0; i < findings->n; i++)
                print_finding(&findings->items[i], topic_width, width, colour);
        print_verdict(facts, findings, width);
}

static json_t *finding_to_json(const Finding *finding) {
        return json_pack("{s:s, s:s, s:o, s:o}", "level", finding_level_to_string(finding->level), "topic",
                         finding->topic, "text", output_json_text(finding->text), "cure",
                         output_json_text(finding->cure));
}

json_t *findings_to_json(const Facts *facts, const Findings *findings) {
        json_t *array = json_array();

        for (size_t i = 0; array && i < findings->n; i++)
                if (json_array_append_new(array, finding_to_json(&findings->items[i])) < 0) {
                        json_decref(array);
                        return NULL;
                }
        return array ? json_pack("{s:b, s:o, s:o}", "ok", (int) findings_are_ok(findings), "unit",
                                 output_json_text(facts->unit.asked ? facts->unit.source : ""), "findings",
                                 array)
                     : NULL;
}
