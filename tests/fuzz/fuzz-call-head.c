/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The beginning of what a client sends. Nothing that passes as a call with descriptors may be malformed in the eyes of sd-bus, which
 * would hand the connection's end to its callers, and the descriptors to nobody. */

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/call-head.h"
#include "lib/cleanup.h"
#include "lib/protocol.h"
#include "tests/fuzz/raw-bus.h"

#define FDS_MAX 4
#define BODY_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The body, of which the head says no more than its size, is of zeros. */
static void check_with_sd_bus(const uint8_t *head, size_t head_size, size_t whole_size, unsigned n_fds) {
        static RawBus bus = { .fd = -1 };
        _cleanup_free_ uint8_t *bytes = NULL;
        sd_bus_message *message = NULL;

        bytes = calloc(1, whole_size);
        if (!bytes)
                return;
        memcpy(bytes, head, head_size);
        if (bus.fd < 0)
                raw_bus_open(&bus);
        assert(raw_bus_pass(&bus, bytes, whole_size, n_fds, &message) >= 0);
        assert(sd_bus_message_is_method_call(message, NULL, "Move") > 0 ||
               sd_bus_message_is_method_call(message, NULL, "Check") > 0);
        assert(strcmp(sd_bus_message_get_path(message), CGMOVE_PATH) == 0);
        assert(sd_bus_message_has_signature(message, "aha{sv}"));
        (void) sd_bus_message_unref(message);
}

static void check_takes(const uint8_t *head, size_t size, uint64_t whole_size, unsigned n_fds) {
        bool takes = call_head_takes_fds(head, size, n_fds);

        assert(!takes || !call_head_takes_fds(head, size, n_fds + 1)); /* the number is that of the head */
        if (takes && whole_size > size && whole_size <= size + BODY_MAX)
                check_with_sd_bus(head, size, (size_t) whole_size, n_fds);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        uint64_t head_size = 0, whole_size = 0;
        _cleanup_free_ uint8_t *head = NULL;

        if (size < CALL_HEAD_MIN) {
                assert(!call_head_takes_fds(data, size, 1));
                return 0;
        }
        if (!call_head_get_sizes(data, &head_size, &whole_size)) {
                assert(head_size == 0 && whole_size == 0 && !call_head_takes_fds(data, size, 1));
                return 0;
        }
        assert(head_size >= CALL_HEAD_MIN && head_size % 8 == 0 && whole_size >= head_size);

        if (head_size <= size)
                size = (size_t) head_size;
        head = malloc(size); /* with nothing behind it */
        if (!head)
                return 0;
        memcpy(head, data, size);
        for (unsigned n_fds = 0; n_fds <= FDS_MAX; n_fds++)
                if (size == head_size)
                        check_takes(head, size, whole_size, n_fds);
                else
                        assert(!call_head_takes_fds(head, size, n_fds));
        return 0;
}
