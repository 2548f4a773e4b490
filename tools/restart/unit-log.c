/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/restart/unit-log.h"

#include <stdio.h>
#include <string.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

static int add_match(sd_journal *journal, const char *field, const char *value) {
        char match[UNIT_NAME_MAX + 64];

        (void) snprintf(match, sizeof(match), "%s=%s", field, value);
        return sd_journal_add_match(journal, match, 0);
}

/* What its processes have said, or its manager about it; for a user's unit only that user's. */
static int add_matches(sd_journal *journal, const char *unit, bool system) {
        char uid[16];
        int r;

        r = add_match(journal, system ? "_SYSTEMD_UNIT" : "_SYSTEMD_USER_UNIT", unit);
        if (r >= 0)
                r = sd_journal_add_disjunction(journal);
        if (r >= 0)
                r = add_match(journal, system ? "UNIT" : "USER_UNIT", unit);
        if (r >= 0 && system) /* everybody can write that field, but not as PID 1 */
                r = add_match(journal, "_PID", "1");
        if (r >= 0 && !system) {
                (void) snprintf(uid, sizeof(uid), "%u", (unsigned) getuid());
                r = sd_journal_add_conjunction(journal);
                if (r >= 0)
                        r = add_match(journal, "_UID", uid);
        }
        return r;
}

static void take_line(sd_journal *journal, char line[static OUTCOME_LOG_LINE_MAX]) {
        static const char prefix[] = "MESSAGE=";
        const void *data;
        size_t size, skip = strlen(prefix);

        line[0] = 0;
        if (sd_journal_get_data(journal, "MESSAGE", &data, &size) < 0 || size < skip)
                return;
        (void) snprintf(line, OUTCOME_LOG_LINE_MAX, "%.*s", (int) (size - skip), (const char *) data + skip);
}

/* From the end backwards, so that it costs the same however much there is. */
static size_t read_backwards(sd_journal *journal, uint64_t since,
                             char lines[OUTCOME_LOG_LINES][OUTCOME_LOG_LINE_MAX]) {
        size_t n = 0;
        uint64_t time;

        if (sd_journal_seek_tail(journal) < 0)
                return 0;
        while (n < OUTCOME_LOG_LINES && sd_journal_previous(journal) > 0 &&
               sd_journal_get_realtime_usec(journal, &time) >= 0 && time >= since) {
                take_line(journal, lines[n]);
                n += lines[n][0] != 0;
        }
        return n;
}

void unit_log_read(const char *unit, bool system, uint64_t since, Outcome *outcome) {
        char lines[OUTCOME_LOG_LINES][OUTCOME_LOG_LINE_MAX];
        sd_journal *journal = NULL;
        size_t n = 0;

        if (sd_journal_open(&journal, SD_JOURNAL_LOCAL_ONLY) < 0)
                return;
        if (add_matches(journal, unit, system) >= 0)
                n = read_backwards(journal, since, lines);
        sd_journal_close(journal);
        for (size_t i = 0; i < n; i++)
                memcpy(outcome->log[i], lines[n - 1 - i], OUTCOME_LOG_LINE_MAX);
        outcome->n_log = n;
}
