/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/peer-wire.h"

#include <errno.h>
#include <string.h>

/* The uid is the kernel's word, so none is sent. */
const char peer_authentication[] = "\0AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n";
const size_t peer_authentication_size = sizeof(peer_authentication) - 1;
static const char agreement[] = "AGREE_UNIX_FD\r\n"; /* the last line of the answer to it */

enum { METHOD_RETURN = 2, ERROR = 3 };

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

/* The body of an error is the sentence. */
static int parse_error(PeerAnswer *answer) {
        uint32_t length = answer->body_size >= 5 ? get_u32(answer->body, answer->is_big_endian) : 0;

        if (length == 0 || length > answer->body_size - 5 || answer->body[4 + length] != '\0')
                return -EBADMSG;

        answer->error = (const char *) answer->body + 4;
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
                r = parse_error(&parsed);
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
