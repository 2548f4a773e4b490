/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nss-pam/pam-message.h"

#include <string.h>

#define BODY_SIZE_AT 4 /* in the header */
#define FIELDS_SIZE_AT 12

/* D-Bus Specification, "Marshaling": little-endian, whatever the machine is; sd-bus takes either. What is
 * written has bounds of its own (see PAM_MESSAGE_MAX), so there is room for all of it. */
typedef struct Writer {
        uint8_t *data;
        size_t size;
} Writer;

static void put_number(Writer *w, size_t bytes, uint64_t value) {
        for (size_t i = 0; i < bytes; i++)
                w->data[w->size++] = (uint8_t) (value >> (8 * i));
}

/* Numbers are aligned to their size, and so is what consists of pairs, to 8. */
static void align(Writer *w, size_t to) {
        while (w->size % to != 0)
                w->data[w->size++] = 0;
}

static void put_u32(Writer *w, uint32_t value) {
        align(w, 4);
        put_number(w, 4, value);
}

static void put_bytes(Writer *w, const char *text, size_t length) {
        memcpy(w->data + w->size, text, length);
        w->size += length;
        w->data[w->size++] = '\0';
}

static void put_string(Writer *w, const char *text, size_t length) {
        put_u32(w, (uint32_t) length);
        put_bytes(w, text, length);
}

static void put_signature(Writer *w, const char *signature) {
        put_number(w, 1, strlen(signature));
        put_bytes(w, signature, strlen(signature));
}

static void set_u32(Writer *w, size_t at, size_t value) {
        Writer there = { .data = w->data, .size = at };

        put_number(&there, 4, value);
}

static void put_field(Writer *w, uint8_t code, const char *type, const char *value) {
        align(w, 8);
        put_number(w, 1, code);
        put_signature(w, type);
        if (type[0] == 'g')
                put_signature(w, value);
        else
                put_string(w, value, strlen(value));
}

/* A method call, serial 1; returns where the body begins. */
static size_t put_header(Writer *w, const char *member, const char *signature) {
        put_number(w, 4, 'l' | 1 << 8 | 0 << 16 | 1 << 24);
        put_u32(w, 0); /* bytes of the body, see end_body() */
        put_u32(w, 1);
        put_u32(w, 0); /* bytes of the fields */
        put_field(w, 1, "o", CGMOVE_PATH);
        put_field(w, 3, "s", member);
        put_field(w, 2, "s", CGMOVE_MANAGER_INTERFACE);
        put_field(w, 8, "g", signature);
        set_u32(w, FIELDS_SIZE_AT, w->size - FIELDS_SIZE_AT - 4);
        align(w, 8);
        return w->size;
}

/* What is not plain ASCII could not be a string there, and the daemon takes names only. */
static void put_service(Writer *w, const char *service) {
        char text[CGMOVE_PAM_SERVICE_MAX];
        size_t n = strnlen(service, sizeof(text));

        for (size_t i = 0; i < n; i++)
                text[i] = strchr(CGMOVE_PAM_SERVICE_CHARACTERS, service[i]) ? service[i] : '_';
        put_string(w, text, n);
}

/* a{sv} with "gids". */
static void put_gids(Writer *w, const gid_t *gids, size_t n_gids) {
        size_t size_at, begin;

        put_u32(w, 0);
        size_at = w->size - 4;
        align(w, 8);
        begin = w->size;
        put_string(w, "gids", 4);
        put_signature(w, "au");
        put_u32(w, (uint32_t) (n_gids * sizeof(uint32_t)));
        for (size_t i = 0; i < n_gids; i++)
                put_u32(w, gids[i]);
        set_u32(w, size_at, w->size - begin);
}

static size_t end_body(Writer *w, size_t begin) {
        set_u32(w, BODY_SIZE_AT, w->size - begin);
        return w->size;
}

size_t pam_message_open(uint8_t *message, uid_t uid, const char *service, const gid_t *gids, size_t n_gids) {
        Writer w = { .data = message };
        size_t begin = put_header(&w, "OpenSession", "usa{sv}");

        put_u32(&w, uid);
        put_service(&w, service);
        put_gids(&w, gids, n_gids < PAM_MESSAGE_GIDS_MAX ? n_gids : PAM_MESSAGE_GIDS_MAX);
        return end_body(&w, begin);
}

size_t pam_message_close(uint8_t *message, uint64_t session, uid_t uid, const char *service) {
        Writer w = { .data = message };
        size_t begin = put_header(&w, "CloseSession", "tusa{sv}");

        put_number(&w, 8, session);
        put_u32(&w, uid);
        put_service(&w, service);
        put_u32(&w, 0); /* no options; what pairs would be aligned to comes after the size */
        align(&w, 8);
        return end_body(&w, begin);
}
