/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a manager tells of a unit: the body of an answer to GetAll(), of any bytes. A user's own manager is asked, which need not be the
 * true one. */

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "tests/fuzz/raw-bus.h"
#include "tools/restart/unit-private.h"

#define BODY_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A signal without what an answer refers to; its body follows. */
static const uint8_t head[] = {
        'l', 4, 0,   1, 0, 0,   0,   0,   1,   0,   0,   0, 59, 0, 0, 0, /* type, version, sizes, serial */
        1,   1, 'o', 0, 1, 0,   0,   0,   '/', 0,   0,   0, 0,  0, 0, 0, /* path */
        2,   1, 's', 0, 3, 0,   0,   0,   'a', '.', 'b', 0, 0,  0, 0, 0, /* interface */
        3,   1, 's', 0, 1, 0,   0,   0,   'c', 0,   0,   0, 0,  0, 0, 0, /* member */
        8,   1, 'g', 0, 5, 'a', '{', 's', 'v', '}', 0,   0, 0,  0, 0, 0, /* signature */
};

static void check_text(const char *text, size_t size) {
        assert(memchr(text, '\0', size));
}

static void check_unit(const Unit *unit) {
        check_text(unit->id, sizeof(unit->id));
        check_text(unit->load_state, sizeof(unit->load_state));
        check_text(unit->active_state, sizeof(unit->active_state));
        check_text(unit->sub_state, sizeof(unit->sub_state));
        check_text(unit->unit_file_state, sizeof(unit->unit_file_state));
        check_text(unit->result, sizeof(unit->result));
        check_text(unit->kill_mode, sizeof(unit->kill_mode));
        check_text(unit->restart, sizeof(unit->restart));
        check_text(unit->type, sizeof(unit->type));
        check_text(unit->control_group, sizeof(unit->control_group));
        check_text(unit->fragment_path, sizeof(unit->fragment_path));
        check_text(unit->invocation_id, sizeof(unit->invocation_id));
        assert(unit->invocation_id[0] == '\0' || strspn(unit->invocation_id, "0123456789abcdef") == 32);
        assert(unit->need_daemon_reload == 0 || unit->need_daemon_reload == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static RawBus bus = { .fd = -1 };
        static uint8_t bytes[sizeof(head) + BODY_MAX];
        sd_bus_message *message;
        Unit unit;
        uint32_t n = (uint32_t) size;

        if (size > BODY_MAX)
                return 0;
        if (bus.fd < 0)
                raw_bus_open(&bus);

        memcpy(bytes, head, sizeof(head));
        memcpy(bytes + 4, &n, sizeof(n));
        if (size > 0)
                memcpy(bytes + sizeof(head), data, size);
        if (raw_bus_pass(&bus, bytes, sizeof(head) + size, 0, &message) < 0) { /* no body, but a signature */
                assert(size == 0);
                raw_bus_close(&bus);
                return 0;
        }

        memset(&unit, 0, sizeof(unit));
        (void) unit_read_properties(message, &unit);
        check_unit(&unit);
        (void) sd_bus_message_unref(message);
        return 0;
}
