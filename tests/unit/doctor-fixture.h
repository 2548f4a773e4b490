/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A host, a login and a unit that are as they should be, to be spoilt one by one. */

#include "tools/doctor/judge.h"

/* The facts of one check, which belong to the fixture: of alice, 1000, who looks at user:gateway.service from
 * a session. */
Facts *doctor_good(void);

/* Without a unit: whether she can escape from where she is. */
Facts *doctor_good_place(void);

/* What judge() says of FACTS has (or lacks) a finding of this level and topic whose sentence contains TEXT,
 * and its cure CURE. */
void doctor_expect(const Facts *facts, FindingLevel level, const char *topic, const char *text,
                   const char *cure);
void doctor_expect_none(const Facts *facts, FindingLevel level, const char *topic, const char *text);

/* The finding shows once BREAK has been done to good facts F, and does not after NEIGHBOUR. */
#define CHECK_OF(good, level, topic, text, cure, spoil, neighbour)                                          \
        do {                                                                                                \
                Facts *f = good();                                                                          \
                                                                                                            \
                spoil;                                                                                      \
                doctor_expect(f, level, topic, text, cure);                                                 \
                f = good();                                                                                 \
                neighbour;                                                                                  \
                doctor_expect_none(f, level, topic, text);                                                  \
        } while (0)

#define CHECK(level, topic, text, cure, spoil, neighbour)                                                   \
        CHECK_OF(doctor_good, level, topic, text, cure, spoil, neighbour)
