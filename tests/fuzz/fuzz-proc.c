/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* /proc/PID/stat and /proc/PID/status, and the values an administrator writes: all that is numbers in
 * text. */

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/proc.h"
#include "lib/values.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_values(const char *text) {
        uint32_t first, last, count;
        uint64_t value, per;

        if (parse_size(text, &value) == 0)
                assert(value != LIMIT_NONE || strcmp(text, "infinity") == 0);
        if (parse_duration(text, &value) == 0)
                assert(value != LIMIT_NONE || strcmp(text, "infinity") == 0);
        if (parse_rate(text, &count, &per) == 0)
                assert(count > 0 && per > 0 && per != LIMIT_NONE);
        if (parse_id(text, &first) == 0)
                assert(first != UINT32_MAX && first != UINT16_MAX);
        if (parse_id_range(text, &first, &last) == 0)
                assert(first <= last && last != UINT32_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = NULL;
        ProcStatus status;
        uint64_t signals = 0;
        ProcStat stat;

        text = malloc(size + 1);
        if (!text)
                return 0;
        memcpy(text, data, size);
        text[size] = '\0';

        if (proc_stat_parse(text, &stat) == 0)
                assert(stat.ppid >= 0 && stat.pgrp >= 0 && stat.session >= 0);
        if (proc_status_parse(text, &status) == 0)
                assert(status.tgid >= 0);
        if (proc_pending_signals_parse(text, &signals) < 0)
                assert(signals == 0);
        check_values(text);
        return 0;
}
