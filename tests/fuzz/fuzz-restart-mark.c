/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/restart-mark.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever is taken for a mark is what would have been written for it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char text[RESTART_MARK_MAX];
        RestartMark mark;

        if (restart_mark_decode((const char *) data, size, &mark) < 0)
                return 0;
        if (restart_mark_encode(&mark, text) != size || memcmp(text, data, size) != 0)
                abort();
        return 0;
}
