/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <jansson.h>

#include "tools/doctor/facts.h"
#include "tools/doctor/finding.h"

/* A line or more for each finding: level (coloured on a terminal), topic, sentence, and below it the cure,
 * wrapped to the width of a terminal; then the verdict. */
void findings_print(const Facts *facts, const Findings *findings);

/* The object of cgmove(1), "JSON". NULL: out of memory. */
json_t *findings_to_json(const Facts *facts, const Findings *findings);
