/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/allowed-snapshot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the module's caller would be given, in a buffer of the size that the first line asks for. */
typedef struct Names {
        char *text;
        size_t size;
        size_t room;
        uint32_t n;
} Names;

static void add_name(const char *name, size_t n, void *userdata) {
        Names *names = userdata;

        assert(allowed_name_is_valid(name, n));
        assert(names->size + n + 1 <= names->room);
        memcpy(names->text + names->size, name, n);
        names->text[names->size + n] = '\n';
        names->size += n + 1;
        names->n++;
}

/* Read in pieces of PIECE bytes. Returns whether it is a snapshot. */
static int read_body(const AllowedHead *head, const char *text, size_t size, size_t piece, Names *names) {
        AllowedBody body;

        allowed_body_init(&body, head);
        for (size_t at = 0; at < size; at += piece)
                if (allowed_body_feed(&body, text + at, size - at < piece ? size - at : piece, add_name,
                                      names) < 0)
                        return 0;
        return allowed_body_is_complete(&body);
}

/* Nothing is written beyond what the first line announces; pieces of any size give the same; and whatever is
 * taken for a snapshot is what would have been written for it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const char *text = (const char *) data;
        AllowedHead head;
        Names names[2] = { 0 };
        size_t n, encoded_size;
        char *encoded;
        int good;

        if (allowed_head_parse(text, size < 4096 ? size : 4096, size, &head, &n) < 0)
                return 0;
        assert(allowed_gid_is_valid(head.gid) && head.n_members <= ALLOWED_MEMBERS_MAX);
        for (size_t i = 0; i < 2; i++) {
                names[i].room = head.n_bytes;
                names[i].text = malloc(head.n_bytes + 1);
        }

        good = read_body(&head, text + n, size - n, size, &names[0]);
        assert(read_body(&head, text + n, size - n, 1 + size % 7, &names[1]) == good);
        assert(names[0].size == names[1].size && memcmp(names[0].text, names[1].text, names[0].size) == 0);
        if (good) {
                assert(names[0].n == head.n_members && names[0].size == head.n_bytes);
                assert(allowed_encode(head.gid, names[0].text, names[0].size, &encoded, &encoded_size) == 0);
                assert(encoded_size == size && memcmp(encoded, text, size) == 0);
                free(encoded);
        }
        free(names[0].text);
        free(names[1].text);
        return 0;
}
