/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/allowed-snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD_BEGIN ALLOWED_GROUP " 1 "
#define DIGITS_MAX 10

bool allowed_gid_is_valid(uint32_t gid) {
        return gid >= ALLOWED_GID_MIN && gid != 65534 && gid != 65535 && gid < UINT32_MAX - 1;
}

bool allowed_name_is_valid(const char *name, size_t n) {
        if (n == 0 || n > ALLOWED_NAME_MAX || name[0] == '-' || name[0] == '+' || name[0] == ' ' ||
            name[n - 1] == ' ')
                return false;

        for (size_t i = 0; i < n; i++) {
                unsigned char c = (unsigned char) name[i];

                if (c < ' ' || c == 0x7f || c == ':' || c == ',' || c == '/')
                        return false;
        }
        return true;
}

/* A number as it would be written, and END behind it. Returns how long both are, 0 if it is none. */
static size_t parse_number(const char *text, size_t n, char end, uint32_t *ret) {
        uint64_t value = 0;
        size_t i;

        for (i = 0; i < n && i < DIGITS_MAX && text[i] >= '0' && text[i] <= '9'; i++)
                value = value * 10 + (uint64_t) (text[i] - '0');
        if (i == 0 || i == n || text[i] != end || (i > 1 && text[0] == '0') || value > UINT32_MAX)
                return 0;

        *ret = (uint32_t) value;
        return i + 1;
}

int allowed_head_parse(const char *text, size_t n, size_t size, AllowedHead *ret, size_t *ret_n) {
        const char ends[] = { ' ', ' ', '\n' };
        uint32_t values[3];
        size_t at = strlen(HEAD_BEGIN);

        if (n <= at || memcmp(text, HEAD_BEGIN, at) != 0 || size > ALLOWED_SIZE_MAX)
                return -EBADMSG;
        for (size_t i = 0; i < 3; i++) {
                size_t length = parse_number(text + at, n - at, ends[i], &values[i]);

                if (length == 0)
                        return -EBADMSG;
                at += length;
        }

        /* a name has two bytes at least, with its newline */
        if (!allowed_gid_is_valid(values[0]) || values[1] > ALLOWED_MEMBERS_MAX ||
            values[2] / 2 < values[1] || values[2] > ALLOWED_SIZE_MAX ||
            at + values[2] + strlen(ALLOWED_END) != size)
                return -EBADMSG;

        *ret = (AllowedHead){ .gid = values[0], .n_members = values[1], .n_bytes = values[2] };
        *ret_n = at;
        return 0;
}

void allowed_body_init(AllowedBody *body, const AllowedHead *head) {
        *body = (AllowedBody){ .head = *head };
}

static bool line_is_after(const AllowedBody *body) {
        size_t n = body->n_line < body->n_last ? body->n_line : body->n_last;
        int order = memcmp(body->last, body->line, n);

        return order < 0 || (order == 0 && body->n_last < body->n_line);
}

static int take_member(AllowedBody *body, allowed_member_t member, void *userdata) {
        if (!allowed_name_is_valid(body->line, body->n_line))
                return -EBADMSG;
        if (body->n_members > 0 && !line_is_after(body))
                return -EBADMSG;

        body->n_members++;
        body->n_bytes += (uint32_t) body->n_line + 1;
        if (body->n_bytes > body->head.n_bytes)
                return -EBADMSG;
        memcpy(body->last, body->line, body->n_line);
        body->n_last = body->n_line;
        if (member)
                member(body->line, body->n_line, userdata);
        return 0;
}

/* A complete line, its newline left out. */
static int take_line(AllowedBody *body, allowed_member_t member, void *userdata) {
        if (body->n_members < body->head.n_members)
                return take_member(body, member, userdata);
        if (body->n_bytes != body->head.n_bytes || body->n_line != strlen(ALLOWED_END) - 1 ||
            memcmp(body->line, ALLOWED_END, body->n_line) != 0)
                return -EBADMSG;

        body->ended = true;
        return 0;
}

int allowed_body_feed(AllowedBody *body, const char *text, size_t n, allowed_member_t member,
                      void *userdata) {
        for (size_t i = 0; i < n; i++) {
                int r;

                if (body->ended)
                        return -EBADMSG;
                if (text[i] != '\n') {
                        if (body->n_line == ALLOWED_NAME_MAX)
                                return -EBADMSG;
                        body->line[body->n_line++] = text[i];
                        continue;
                }
                r = take_line(body, member, userdata);
                if (r < 0)
                        return r;
                body->n_line = 0;
        }
        return 0;
}

bool allowed_body_is_complete(const AllowedBody *body) {
        return body->ended;
}

/* --- the daemon's side ---------------------------------------- */

static int check_names(const AllowedHead *head, const char *names, size_t size) {
        AllowedBody body;
        int r;

        allowed_body_init(&body, head);
        r = allowed_body_feed(&body, names, size, NULL, NULL);
        if (r >= 0)
                r = allowed_body_feed(&body, ALLOWED_END, strlen(ALLOWED_END), NULL, NULL);
        return r < 0 || !allowed_body_is_complete(&body) ? -EINVAL : 0;
}

int allowed_encode(uint32_t gid, const char *names, size_t size, char **ret, size_t *ret_size) {
        AllowedHead head = { .gid = gid };
        size_t total;
        char *text;
        int n;

        if (!allowed_gid_is_valid(gid) || size > ALLOWED_SIZE_MAX - ALLOWED_HEAD_MAX - strlen(ALLOWED_END))
                return -EINVAL;
        head.n_bytes = (uint32_t) size;
        for (size_t i = 0; i < size; i++)
                head.n_members += names[i] == '\n';
        if (head.n_members > ALLOWED_MEMBERS_MAX || check_names(&head, names, size) < 0)
                return -EINVAL;

        total = ALLOWED_HEAD_MAX + size + strlen(ALLOWED_END);
        text = malloc(total + 1);
        if (!text)
                return -ENOMEM;
        n = snprintf(text, ALLOWED_HEAD_MAX, HEAD_BEGIN "%u %u %u\n", head.gid, head.n_members,
                     head.n_bytes);
        if (size > 0)
                memcpy(text + n, names, size);
        memcpy(text + n + size, ALLOWED_END, strlen(ALLOWED_END));

        *ret = text;
        *ret_size = (size_t) n + size + strlen(ALLOWED_END);
        return 0;
}
