/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The bytes of one input, which are taken for choices one after the other; behind their end all choices are 0. */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct Input {
        const uint8_t *data;
        size_t size;
} Input;

static inline unsigned input_byte(Input *input) {
        if (input->size == 0)
                return 0;
        input->size--;
        return *input->data++;
}

/* One of N things. */
static inline unsigned input_choose(Input *input, unsigned n) {
        return input_byte(input) % n;
}

static inline uint64_t input_number(Input *input, unsigned n_bytes) {
        uint64_t value = 0;

        while (n_bytes-- > 0)
                value = value << 8 | input_byte(input);
        return value;
}

/* Up to MAX bytes, as many as the first one says. Returns how many. */
static inline size_t input_bytes(Input *input, uint8_t *ret, size_t max) {
        size_t n = input_byte(input);

        n = n < input->size ? n : input->size;
        n = n < max ? n : max;
        memcpy(ret, input->data, n);
        input->data += n;
        input->size -= n;
        return n;
}
