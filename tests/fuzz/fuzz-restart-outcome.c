/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a restart tells of itself: shown, whoever wrote it; and made of text from elsewhere, so that the daemon takes it. */

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/job-record.h"
#include "tools/restart/outcome.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv) {
        return freopen("/dev/null", "w", stdout) ? 0 : -1;
}

static void show(const uint8_t *data, size_t size) {
        json_t *object = json_loadb((const char *) data, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        char text[80];

        if (!object)
                return;
        outcome_print(object, size & 2 ? "system:x.service" : "", size & 1);
        memset(text, 'x', sizeof(text));
        outcome_describe(object, text, sizeof(text));
        assert(memchr(text, 0, sizeof(text)));
        json_decref(object);
}

/* As much of DATA as fits. */
static void take(char *text, size_t text_size, const uint8_t **data, size_t *size) {
        size_t n = *size < text_size - 1 ? *size : text_size - 1;

        memcpy(text, *data, n);
        text[n] = 0;
        *data += n;
        *size -= n;
}

static void make(const uint8_t *data, size_t size) {
        OutcomeProcess process = { .uid = UINT32_MAX };
        Outcome outcome;
        char *text;

        outcome_init(&outcome, "gateway.service");
        outcome_begin_phase(&outcome, "restarting");
        outcome_end(&outcome, "failed", "refused", "%.*s", (int) (size < 600 ? size : 600),
                    (const char *) data);
        while (outcome.n_log < OUTCOME_LOG_LINES)
                take(outcome.log[outcome.n_log++], OUTCOME_LOG_LINE_MAX, &data, &size);
        for (int i = 1; i <= OUTCOME_PROCESSES_MAX; i++) {
                process.pid = i;
                take(process.comm, sizeof(process.comm), &data, &size);
                take(process.source, sizeof(process.source), &data, &size);
                take(process.text, sizeof(process.text), &data, &size);
                outcome_add_holder(&outcome, &process);
                outcome_add_ended(&outcome, &process);
        }
        text = outcome_to_text(&outcome);
        assert(!text || job_outcome_is_valid(text));
        free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        show(data, size);
        make(data, size);
        return 0;
}
