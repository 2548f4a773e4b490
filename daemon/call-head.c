/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/call-head.h"

#include <endian.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/protocol.h"

#define METHOD_CALL 1
#define VERSION 1

enum { /* header fields */
       FIELD_PATH = 1,
       FIELD_INTERFACE = 2,
       FIELD_MEMBER = 3,
       FIELD_DESTINATION = 6,
       FIELD_SIGNATURE = 8,
       FIELD_UNIX_FDS = 9,
};

typedef struct Reader {
        const uint8_t *bytes;
        size_t at, size;
        bool failed;
} Reader;

static uint32_t get_u32(const uint8_t *bytes, bool little) {
        uint32_t value;

        memcpy(&value, bytes, sizeof(value));
        return little ? le32toh(value) : be32toh(value);
}

bool call_head_get_sizes(const uint8_t *head, uint64_t *ret_head, uint64_t *ret_whole) {
        bool little = head[0] == 'l';
        uint64_t fields, size;

        if (!little && head[0] != 'B')
                return false;
        fields = get_u32(head + 12, little);
        size = CALL_HEAD_MIN + (fields + 7) / 8 * 8;
        *ret_head = size;
        *ret_whole = size + get_u32(head + 4, little);
        return true;
}

static uint8_t read_byte(Reader *reader) {
        if (reader->at >= reader->size) {
                reader->failed = true;
                return 0;
        }
        return reader->bytes[reader->at++];
}

/* Padding is of zeros. */
static void read_padding(Reader *reader, size_t to) {
        while (reader->at % to != 0 && !reader->failed)
                if (read_byte(reader) != 0)
                        reader->failed = true;
}

static uint32_t read_u32(Reader *reader) {
        uint32_t value;

        read_padding(reader, sizeof(value));
        if (reader->failed || reader->size - reader->at < sizeof(value)) {
                reader->failed = true;
                return 0;
        }
        value = get_u32(reader->bytes + reader->at, true);
        reader->at += sizeof(value);
        return value;
}

/* Whether the next N bytes and the NUL behind them are TEXT. */
static bool read_text(Reader *reader, size_t n, const char *text) {
        const uint8_t *bytes = reader->bytes + reader->at;

        if (reader->failed || n >= reader->size - reader->at || n != strlen(text) || memcmp(bytes, text, n + 1) != 0)
                return false;
        reader->at += n + 1;
        return true;
}

static bool read_string(Reader *reader, const char *text) {
        return read_text(reader, read_u32(reader), text);
}

static bool read_member(Reader *reader) {
        uint32_t n = read_u32(reader);

        return read_text(reader, n, "Move") || read_text(reader, n, "Check");
}

/* A field is one byte and a variant; of all that there are, those that such a call can have. */
static bool read_field(Reader *reader, unsigned n_fds, uint8_t *ret_code) {
        static const char types[] = {
                [FIELD_PATH] = 'o',        [FIELD_INTERFACE] = 's', [FIELD_MEMBER] = 's',
                [FIELD_DESTINATION] = 's', [FIELD_SIGNATURE] = 'g', [FIELD_UNIX_FDS] = 'u',
        };
        uint8_t code;

        read_padding(reader, 8);
        code = read_byte(reader);
        if (code >= ELEMENTSOF(types) || read_byte(reader) != 1 || read_byte(reader) != types[code] || read_byte(reader) != 0)
                return false;

        *ret_code = code;
        switch (code) {
        case FIELD_PATH:
                return read_string(reader, CGMOVE_PATH);
        case FIELD_INTERFACE:
                return read_string(reader, CGMOVE_MANAGER_INTERFACE);
        case FIELD_MEMBER:
                return read_member(reader);
        case FIELD_DESTINATION:
                return read_string(reader, CGMOVE_BUS_NAME);
        case FIELD_SIGNATURE:
                return read_text(reader, read_byte(reader), "aha{sv}");
        case FIELD_UNIX_FDS:
                return read_u32(reader) == n_fds && !reader->failed;
        default:
                return false;
        }
}

bool call_head_takes_fds(const uint8_t *head, size_t size, unsigned n_fds) {
        const unsigned needed = 1U << FIELD_PATH | 1U << FIELD_MEMBER | 1U << FIELD_SIGNATURE | 1U << FIELD_UNIX_FDS;
        Reader reader = { .bytes = head, .at = CALL_HEAD_MIN };
        unsigned seen = 0;

        if (size < CALL_HEAD_MIN || head[0] != 'l' || head[1] != METHOD_CALL || head[3] != VERSION || get_u32(head + 8, true) == 0)
                return false;
        reader.size = CALL_HEAD_MIN + (size_t) get_u32(head + 12, true);
        if (reader.size > size)
                return false;

        while (reader.at < reader.size) {
                uint8_t code;

                if (!read_field(&reader, n_fds, &code) || seen & 1U << code)
                        return false;
                seen |= 1U << code;
        }
        /* up to the body */
        reader.size = size;
        read_padding(&reader, 8);
        return !reader.failed && reader.at == size && (seen & needed) == needed;
}
