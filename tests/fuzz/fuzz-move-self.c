/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The daemon's answer to the one call of `cgmove exec`. */

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "lib/text.h"
#include "tools/move-self.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char reason[MOVE_SELF_REASON_MAX];
        int r;

        r = move_self_parse(data, size, reason);
        assert(r == 0 || r == 1 || r == -EBADMSG);
        if (r == 1)
                assert(strlen(reason) < sizeof(reason) && text_is_plain(reason));
        return 0;
}
