/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/bench/samples.h"

double now_usec(void) {
        struct timespec now;

        (void) clock_gettime(CLOCK_MONOTONIC, &now);
        return (double) now.tv_sec * 1e6 + (double) now.tv_nsec / 1e3;
}

void samples_add(Samples *samples, double usec) {
        if (samples->n == samples->size) {
                samples->size = samples->size ? samples->size * 2 : 256;
                samples->usec = reallocarray(samples->usec, samples->size, sizeof(double));
                if (!samples->usec)
                        abort();
        }
        samples->usec[samples->n++] = usec;
}

static int compare(const void *a, const void *b) {
        double x = *(const double *) a, y = *(const double *) b;

        return x < y ? -1 : x > y;
}

static double quantile(const Samples *samples, unsigned percent) {
        return samples->n > 0 ? samples->usec[(samples->n - 1) * percent / 100] : 0;
}

void samples_print(Samples *samples) {
        qsort(samples->usec, samples->n, sizeof(double), compare);
        printf("{\"name\":\"%s\",\"n\":%zu,\"p25\":%.1f,\"median\":%.1f,\"p75\":%.1f}\n", samples->name, samples->n,
               quantile(samples, 25), quantile(samples, 50), quantile(samples, 75));
}
