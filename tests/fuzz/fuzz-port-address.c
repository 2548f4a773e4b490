/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A port with or without an address: what is taken reads the same when it is written and read again. */

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "tools/net/port-address.h"

#define TEXT_MAX 256

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const PortAddress untouched = { .port = 4711, .any = true };
        PortAddress address = untouched, again;
        char text[TEXT_MAX + 1], written[PORT_ADDRESS_TEXT_MAX];

        if (size > TEXT_MAX)
                return 0;
        memcpy(text, data, size);
        text[size] = '\0';
        if (port_address_parse(text, &address) < 0) {
                assert(port_address_compare(&address, &untouched) == 0);
                return 0;
        }
        assert(address.port != 0);
        port_address_text(&address, written);
        assert(port_address_parse(written, &again) == 0);
        assert(port_address_compare(&address, &again) == 0);
        return 0;
}
