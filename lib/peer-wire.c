/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/peer-wire.h"

#include <errno.h>
#include <string.h>

/* The uid is the kernel's word, so none is sent. */
const char peer_authentication[] = "\0AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n";
const size_t peer_authentication_size = sizeof(peer_authentication) - 1;
static const char agreement[] = "AGREE_UNIX_FD\r\n"; /* the last line of the answer to it */

enum { METHOD_RETURN = 2, ERROR = 3 };
enum { FIELD_ERROR_NAME = 4 };

const uint8_t *peer_find_answer(const uint8_t *received, size_t size, size_t *ret_size) {
        const uint8_t *answer = memmem(received, size, agreement, sizeof(agreement) - 1);

        if (!answer)
                return NULL;

        answer += sizeof(agreement) - 1;
        *ret_size = size - (size_t) (answer - received);
        return answer;
}

/* sd-bus answers in the byte order of the machine, whatever that of the call was. */
static uint64_t get_number(const uint8_t *p, size_t size, bool is_big_endian) {
        uint64_t n = 0;

        for (size_t i = 0; i < size; i++)
                n = n << 8 | p[is_big_endian ? i : size - 1 - i];
        return n;
}

static uint32_t get_u32(const uint8_t *p, bool is_big_endian) {
        return (uint32_t) get_number(p, 4, is_big_endian);
}

size_t peer_get_size(const uint8_t *answer) {
        bool is_big_endian = answer[0] == 'B';
        uint32_t body = get_u32(answer + 4, is_big_endian), fields = get_u32(answer + 12, is_big_endian);

        if ((!is_big_endian && answer[0] != 'l') || body > PEER_ANSWER_MAX || fields > PEER_ANSWER_MAX)
                return 0;
        return PEER_HEADER_SIZE + ((fields + 7) & ~7U) + body;
}

/* A string at the beginning of SIZE bytes: its length, itself, a NUL. NULL if there is none or an empty one. */
static const char *get_string(const uint8_t *p, size_t size, bool is_big_endian, size_t *ret_length) {
        uint32_t length = size >= 5 ? get_u32(p, is_big_endian) : 0;

        if (length == 0 || length > size - 5 || memchr(p + 4, '\0', length + 1) != p + 4 + length)
                return NULL;

        *ret_length = length;
        return (const char *) p + 4;
}

/* Each field of the header begins at a multiple of 8: its code, the signature of its value (one character,
 * between its length and a NUL), and the value. NULL if no error's name is among the SIZE bytes of FIELDS. */
static const char *find_error_name(const uint8_t *fields, size_t size, bool is_big_endian) {
        size_t end, length;

        for (size_t at = 0; at + 8 <= size; at = (end + 7) & ~(size_t) 7) {
                const uint8_t *field = fields + at;
                const char *text;

                switch (field[1] == 1 ? field[2] : '\0') {
                case 's':
                case 'o':
                        text = get_string(field + 4, size - at - 4, is_big_endian, &length);
                        if (!text || field[0] == FIELD_ERROR_NAME)
                                return text;
                        end = at + 8 + length + 1;
                        break;
                case 'g':
                        end = at + 5 + field[4] + 1;
                        break;
                case 'u':
                        end = at + 8;
                        break;
                default:
                        return NULL;
                }
        }
        return NULL;
}

/* The body of an error is the sentence. */
static int parse_error(const uint8_t *message, PeerAnswer *answer) {
        size_t length;

        answer->error = get_string(answer->body, answer->body_size, answer->is_big_endian, &length);
        if (!answer->error)
                return -EBADMSG;

        answer->error_name =
                        find_error_name(message + PEER_HEADER_SIZE,
                                        get_u32(message + 12, answer->is_big_endian), answer->is_big_endian);
        return 0;
}

int peer_parse(const uint8_t *answer, size_t size, PeerAnswer *ret) {
        PeerAnswer parsed = {};
        int r = 0;

        if (size < PEER_HEADER_SIZE || peer_get_size(answer) != size)
                return -EBADMSG;

        parsed.is_big_endian = answer[0] == 'B';
        parsed.body_size = get_u32(answer + 4, parsed.is_big_endian);
        parsed.body = answer + size - parsed.body_size;
        if (answer[1] == ERROR)
                r = parse_error(answer, &parsed);
        else if (answer[1] != METHOD_RETURN)
                r = -EBADMSG;
        if (r < 0)
                return r;

        *ret = parsed;
        return 0;
}

int peer_get_number(const PeerAnswer *answer, uint64_t *ret) {
        if (answer->error || answer->body_size != 8)
                return -EBADMSG;

        *ret = get_number(answer->body, 8, answer->is_big_endian);
        return 0;
}
