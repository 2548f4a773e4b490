/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The kernel's answer to a question about sockets. */

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "tools/net/diag-message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse(const void *buffer, size_t size, uint8_t family) {
        _cleanup_(tcp_socket_list_done) TcpSocketList list = { .items = NULL };
        DiagDump dump = { .family = family, .max = 64, .list = &list };
        int r;

        r = diag_message_parse(buffer, size, 1, 0, &dump);
        assert(r <= 1 && r >= -4095);
        assert(list.n <= dump.max);
        for (size_t i = 0; i < list.n; i++)
                assert(list.items[i].family == family);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ void *buffer = NULL;

        buffer = malloc(size); /* aligned, and with nothing behind it */
        if (!buffer && size > 0)
                return 0;
        if (size > 0)
                memcpy(buffer, data, size);

        parse(buffer, size, AF_INET);
        parse(buffer, size, AF_INET6);
        return 0;
}
