/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/display.h"

#include <inttypes.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "lib/text.h"

size_t display_utf8_next(const char *text, size_t length, uint32_t *ret) {
        static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
        const uint8_t *p = (const uint8_t *) text;
        uint32_t value;
        size_t size;

        if (length == 0)
                return 0;
        if (p[0] < 0x80) {
                *ret = p[0];
                return 1;
        }
        size = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
        if (p[0] < 0xc2 || p[0] > 0xf4 || size > length)
                return 0;
        value = p[0] & (0xffu >> (size + 1));
        for (size_t i = 1; i < size; i++) {
                if ((p[i] & 0xc0) != 0x80)
                        return 0;
                value = value << 6 | (p[i] & 0x3f);
        }
        if (value < smallest[size] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
                return 0;
        *ret = value;
        return size;
}

size_t display_utf8_incomplete(const char *text, size_t length) {
        for (size_t n = 1; n <= 3 && n <= length; n++) {
                uint8_t c = (uint8_t) text[length - n];

                if ((c & 0xc0) == 0x80)
                        continue; /* not the first byte of a character */
                return c >= (n == 1 ? 0xc2 : n == 2 ? 0xe0 : 0xf0) && c <= 0xf4 ? n : 0;
        }
        return 0;
}

/* What must not reach a terminal as it is: control characters (C0, C1, DEL) and those that change the
 * direction of text. */
static bool is_unsafe(uint32_t c) {
        return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x061c || c == 0x200e || c == 0x200f ||
               (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

void display_arguments(char *const *arguments, char *buffer, size_t size) {
        size_t at = 0;

        buffer[0] = 0;
        for (size_t i = 0; arguments[i] && at + 1 < size; i++) {
                if (i > 0)
                        at += text_copy_plain(buffer + at, size - at, " ");
                at += text_copy_plain(buffer + at, size - at, arguments[i]);
        }
}

static size_t put_escaped(const char *text, size_t length, bool keep_lines, char *to, size_t *ret_read) {
        uint32_t c;
        size_t n = display_utf8_next(text, length, &c);

        *ret_read = n > 0 ? n : 1;
        if (n == 0)
                return (size_t) sprintf(to, "\\x%02x", (unsigned) (uint8_t) *text);
        if (!is_unsafe(c) || (keep_lines && (c == '\n' || c == '\t'))) {
                memcpy(to, text, n);
                return n;
        }
        if (c == '\n' || c == '\t' || c == '\r')
                return (size_t) sprintf(to, "\\%c", c == '\n' ? 'n' : c == '\t' ? 't' : 'r');
        return (size_t) (c < 0x100 ? sprintf(to, "\\x%02x", (unsigned) c)
                                   : sprintf(to, "\\u{%x}", (unsigned) c));
}

char *display_escape(const char *text, size_t length, bool keep_lines) {
        /* at worst "\xNN" for each byte; "\u{NNNN}" (8 bytes) stands for three */
        char *escaped = malloc(length * 4 + 1);
        size_t at = 0;

        if (!escaped)
                return NULL;
        while (length > 0) {
                size_t n_read;

                at += put_escaped(text, length, keep_lines, escaped + at, &n_read);
                text += n_read;
                length -= n_read;
        }
        escaped[at] = 0;
        return escaped;
}

size_t display_character_width(uint32_t code_point) {
        static locale_t utf8;
        locale_t before;
        int width;

        if (code_point < 0x300) /* nothing there is wide or combines */
                return 1;
        if (!utf8)
                utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", NULL);
        if (!utf8)
                return 1;
        before = uselocale(utf8);
        width = wcwidth((wchar_t) code_point);
        (void) uselocale(before);
        return width < 0 ? 1 : (size_t) width;
}

/* The bytes of the character at TEXT and its width; what is no UTF-8 is a column of its own. */
static size_t next_width(const char *text, size_t *ret_width) {
        uint32_t c;
        size_t n = display_utf8_next(text, strlen(text), &c);

        *ret_width = n > 0 ? display_character_width(c) : 1;
        return n > 0 ? n : 1;
}

size_t display_width(const char *text) {
        size_t total = 0, width;

        while (*text) {
                text += next_width(text, &width);
                total += width;
        }
        return total;
}

char *display_shorten(const char *text, size_t width) {
        static const char ellipsis[] = "\xe2\x80\xa6";
        size_t columns = 0, n = 0, character, bytes;
        char *shortened;

        if (display_width(text) <= width)
                return strdup(text);
        for (; text[n]; n += bytes, columns += character) {
                bytes = next_width(text + n, &character);
                if (columns + character + 1 > width)
                        break;
        }
        shortened = malloc(n + sizeof(ellipsis));
        if (!shortened)
                return NULL;
        memcpy(shortened, text, n);
        (void) strcpy(shortened + n, width > 0 ? ellipsis : "");
        return shortened;
}

void display_span(uint64_t usec, char *buffer, size_t size) {
        uint64_t s = usec / 1000000, min = s / 60, h = min / 60, d = h / 24;

        if (s < 1)
                (void) snprintf(buffer, size, "%" PRIu64 " ms", usec / 1000);
        else if (s < 10)
                (void) snprintf(buffer, size, "%" PRIu64 ".%" PRIu64 " s", s, usec / 100000 % 10);
        else if (min < 1)
                (void) snprintf(buffer, size, "%" PRIu64 " s", s);
        else if (h < 1)
                (void) snprintf(buffer, size, "%" PRIu64 " min %" PRIu64 " s", min, s % 60);
        else if (d < 1)
                (void) snprintf(buffer, size, "%" PRIu64 " h %" PRIu64 " min", h, min % 60);
        else
                (void) snprintf(buffer, size, "%" PRIu64 " d %" PRIu64 " h", d, h % 24);
}

void display_bytes(uint64_t bytes, char *buffer, size_t size) {
        static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
        uint64_t rest = 0;
        size_t i = 0;

        while (bytes >= 1024) {
                rest = bytes % 1024;
                bytes /= 1024;
                i++;
        }
        if (i == 0 || rest * 10 / 1024 == 0)
                (void) snprintf(buffer, size, "%" PRIu64 " %s", bytes, units[i]);
        else
                (void) snprintf(buffer, size, "%" PRIu64 ".%" PRIu64 " %s", bytes, rest * 10 / 1024,
                                units[i]);
}
