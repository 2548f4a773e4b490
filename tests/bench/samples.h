/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Times of one thing done many times, and what is told of them: median and quartiles, because a noisy
 * machine makes means meaningless. */

#include <stddef.h>
#include <stdint.h>

typedef struct Samples {
        const char *name;
        double *usec;
        size_t n, size;
} Samples;

/* CLOCK_MONOTONIC in microseconds. */
double now_usec(void);

/* Ends the program when memory is out. */
void samples_add(Samples *samples, double usec);

/* One line of JSON: {"name", "n", "p25", "median", "p75"}, in microseconds. */
void samples_print(Samples *samples);
