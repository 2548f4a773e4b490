/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/text.h"

#include <string.h>

/* The length that a first byte promises, and the bits of the character in it. */
static size_t text_first_byte(unsigned char byte, uint32_t *ret_bits) {
        if (byte < 0x80) {
                *ret_bits = byte;
                return 1;
        }
        if (byte >= 0xc2 && byte <= 0xdf) {
                *ret_bits = byte & 0x1f;
                return 2;
        }
        if (byte >= 0xe0 && byte <= 0xef) {
                *ret_bits = byte & 0x0f;
                return 3;
        }
        if (byte >= 0xf0 && byte <= 0xf4) {
                *ret_bits = byte & 0x07;
                return 4;
        }
        return 0;
}

/* Ends a line, or turns the direction in which what follows is shown (UAX #9), so that a text looks like
 * another. */
static bool character_misleads(uint32_t character) {
        return (character >= 0x2028 && character <= 0x202e) || (character >= 0x2066 && character <= 0x2069);
}

static bool character_is_plain(uint32_t character, size_t length) {
        static const uint32_t lowest[] = { 0, 0, 0x80, 0x800, 0x10000 };

        if (character < lowest[length] || character > 0x10ffff)
                return false;
        if ((character >= 0xd800 && character <= 0xdfff) || character_misleads(character))
                return false;
        return character >= 0xa0 || (character >= 0x20 && character < 0x7f);
}

size_t text_plain_length(const char *text) {
        uint32_t character;
        size_t length;

        length = text_first_byte((unsigned char) text[0], &character);
        for (size_t i = 1; i < length; i++) {
                unsigned char byte = (unsigned char) text[i];

                if ((byte & 0xc0) != 0x80) /* also the NUL of a text that was cut */
                        return 0;
                character = character << 6 | (byte & 0x3f);
        }
        return length > 0 && character_is_plain(character, length) ? length : 0;
}

bool text_is_plain(const char *text) {
        while (*text) {
                size_t length = text_plain_length(text);

                if (length == 0)
                        return false;
                text += length;
        }
        return true;
}

size_t text_copy_plain(char *to, size_t size, const char *text) {
        size_t n = 0;

        while (*text) {
                size_t length = text_plain_length(text);

                if (n + (length > 0 ? length : 1) >= size)
                        break;
                if (length > 0)
                        memmove(to + n, text, length);
                else
                        to[n] = '?';
                n += length > 0 ? length : 1;
                text += length > 0 ? length : 1;
        }
        to[n] = '\0';
        return n;
}
