/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The daemon's answer to the one call of `cgmove exec`, and to those of the PAM module. */

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "lib/peer-wire.h"
#include "lib/text.h"
#include "tools/move-self.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char reason[MOVE_SELF_REASON_MAX];
        const uint8_t *found;
        PeerAnswer answer;
        uint64_t number;
        size_t rest;
        int r;

        found = peer_find_answer(data, size, &rest);
        if (found)
                assert(rest <= size && found + rest == data + size);
        if (peer_parse(data, size, &answer) == 0) {
                assert(answer.body_size <= size);
                assert(!answer.error_name ||
                       (const uint8_t *) answer.error_name + strlen(answer.error_name) < data + size);
                (void) peer_get_number(&answer, &number);
        }
        r = move_self_parse(data, size, reason);
        assert(r == 0 || r == 1 || r == -EAGAIN || r == -EBADMSG);
        if (r == 1)
                assert(strlen(reason) < sizeof(reason) && text_is_plain(reason));
        return 0;
}
