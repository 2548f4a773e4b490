/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The journal's native protocol (https://systemd.io/JOURNAL_NATIVE_PROTOCOL), spoken here and not through
 * sd_journal_sendv(3) because that one waits as long as a hung journald does not read, and the daemon's loop
 * must not. What cannot be delivered at once is counted and told later. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/cleanup.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define JOURNAL_ENTRY_MAX 8192 /* bytes */
#define JOURNAL_VALUE_MAX 2048 /* bytes of one value; a longer one is cut and ends in "..." */

typedef struct Journal {
        int fd;          /* -1: entries go to standard error */
        char path[108];  /* of the journal's socket */
        uint64_t n_lost; /* entries that nobody took, since the last that was taken */
} Journal;

/* PATH NULL: standard error. On failure, too, the journal can be used, and is standard error. */
int journal_init(Journal *journal, const char *path);
void journal_done(Journal *journal);

/* Whether standard error or output is the journal, as $JOURNAL_STREAM says (systemd.exec(5)). */
bool journal_is_stderr(void);

typedef struct JournalEntry {
        size_t size;
        size_t message, message_size; /* where the value of MESSAGE= lies, for standard error */
        char text[JOURNAL_ENTRY_MAX];
} JournalEntry;

void journal_entry_init(JournalEntry *entry);

/* Adds "FIELD=VALUE"; what is no plain text (lib/text.h) in VALUE becomes \xNN. A field that does not fit is
 * left out. */
void journal_entry_add(JournalEntry *entry, const char *field, const char *value);
void journal_entry_addf(JournalEntry *entry, const char *field, const char *format, ...)
                __attribute__((format(printf, 3, 4)));

/* Never waits, never fails: the first entry that the journal does not take goes to standard error. */
void journal_send(Journal *journal, const JournalEntry *entry);
