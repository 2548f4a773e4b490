/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The one drop-in that adopts a unit: its text. Pure. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/net/port-address.h"

#define DROP_IN_NAME "50-cgmove.conf"
#define DROP_IN_PORTS_MAX 32

/* By its first line a file is known as ours. */
#define DROP_IN_MARKER "# Written by \"cgmove adopt\"; \"cgmove release\" removes it."

typedef struct DropIn {
        const char *path;                     /* the PATH of the unit, without our folder */
        PortAddress ports[DROP_IN_PORTS_MAX]; /* in order */
        size_t n_ports;                       /* 0: the unit does not wait for ports */
        unsigned timeout; /* seconds for which it waits, see drop_in_timeout(); 0: as wait-port has it */
        const char *when; /* the --when of restarts from inside, see plan.h; NULL: none */
        bool reuse;       /* a connection in TIME_WAIT does not keep the unit from its port */
} DropIn;

/* The text of the file. Returns 0; -EINVAL for a value that systemd would not take (control characters,
 * not UTF-8: env_assignment_is_valid()); -ENOMEM. The caller frees *ret. */
int drop_in_text(const DropIn *drop_in, char **ret);

/* Whether a file that begins with TEXT is ours. */
bool drop_in_is_ours(const char *text);

/* VALUE as one word of a setting, in double quotes: systemd.syntax(7), "Quoting", and the "%%" of
 * systemd.unit(5), "Specifiers". 0 or -ENOMEM; the caller frees *ret. */
int drop_in_quote(const char *value, char **ret);

/* PATH without the folder of shims, wherever it is in there; 0 or -ENOMEM. The caller frees *ret. */
int drop_in_clean_path(const char *path, char **ret);

/* The seconds that wait-port may take where a start may take START_USEC microseconds (UINT64_MAX, or 0:
 * as long as it likes): enough for TIME_WAIT if that is possible, and never so much that the wait ends
 * the start. */
unsigned drop_in_timeout(uint64_t start_usec, bool reuse);
