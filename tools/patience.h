/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Names are looked up by the C library, which waits for a directory service for as long as that likes. Whoever
 * waits with it is to know for what: between patience_begin() and patience_end() a sentence on the standard
 * error says so, once, when it has taken PATIENCE_MSEC. It is another process that says it, since this one is
 * in the C library's hands. */

#include <sys/types.h>

#define PATIENCE_MSEC 3000

typedef struct Patience {
        int fd;    /* its other end is the process's, which ends with this one */
        pid_t pid; /* <= 0: there is none */
} Patience;

Patience patience_begin(void);
void patience_end(Patience *patience);

/* From here to the end of the block. */
#define PATIENTLY() \
        _cleanup_(patience_end) __attribute__((unused)) Patience patience = patience_begin()
