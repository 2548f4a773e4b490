/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/job-record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever is taken for a record can be written, and read again as the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(job_record_freep) JobRecord *record = NULL, *again = NULL;
        _cleanup_free_ char *text = NULL, *same = NULL;

        if (job_record_decode((const char *) data, size, &record) < 0)
                return 0;
        if (job_record_encode(record, &text) < 0 || job_record_decode(text, strlen(text), &again) < 0 ||
            job_record_encode(again, &same) < 0 || strcmp(text, same) != 0)
                abort();
        return 0;
}
