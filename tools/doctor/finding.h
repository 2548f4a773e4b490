/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What `cgmove doctor` has to say: one sentence each, and the line or command that cures it. */

#include <stdbool.h>
#include <stddef.h>

typedef enum FindingLevel {
        FINDING_OK,      /* as it should be */
        FINDING_NOTE,    /* worth knowing, nothing to do */
        FINDING_WARNING, /* will bite under circumstances the text names */
        FINDING_PROBLEM, /* what was asked about does not work now */
} FindingLevel;

#define FINDINGS_MAX 128

typedef struct Finding {
        FindingLevel level;
        const char *topic; /* a word, constant: what programs look for; see cgmove(1) */
        char text[1280];
        char cure[1280]; /* "" if there is nothing to do; a line each, if there are several things */
} Finding;

typedef struct Findings {
        Finding items[FINDINGS_MAX];
        size_t n;
} Findings;

/* Adds one; beyond FINDINGS_MAX the last one is overwritten. Never NULL. */
Finding *finding_add(Findings *findings, FindingLevel level, const char *topic, const char *format, ...)
                __attribute__((format(printf, 4, 5)));
void finding_cure(Finding *finding, const char *format, ...) __attribute__((format(printf, 2, 3)));

const char *finding_level_to_string(FindingLevel level);

/* No problem among them. */
bool findings_are_ok(const Findings *findings);
size_t findings_count(const Findings *findings, FindingLevel level);
