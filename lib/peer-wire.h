/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* As much of D-Bus as one call on the daemon's private socket takes, for programs that must not load
 * libsystemd: `cgmove exec`, which stands in the place of a command, and the PAM module, which lives inside
 * of other programs. Everything else uses sd-bus. (https://dbus.freedesktop.org/doc/dbus-specification.html:
 * "Authentication Protocol", "Message Format".) Pure. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PEER_HEADER_SIZE 16
#define PEER_ANSWER_MAX 4096 /* bytes of the answer, with what is said before it */

/* What the client sends first. The call may follow at once: nothing in it depends on the answer to this. */
extern const char peer_authentication[];
extern const size_t peer_authentication_size;

/* Where the answer to the call begins in the SIZE bytes that were received so far, and how many of them are
 * its; NULL if the answer to the authentication is not yet complete. */
const uint8_t *peer_find_answer(const uint8_t *received, size_t size, size_t *ret_size);

/* The size of the whole message that begins with these PEER_HEADER_SIZE bytes; 0 if it is no message, or one
 * that is too large. */
size_t peer_get_size(const uint8_t *answer);

typedef struct PeerAnswer {
        const uint8_t *body; /* in the message */
        size_t body_size;
        const char *error; /* its sentence, in the message; NULL: it is a method return */
        const char *error_name; /* in the message too; NULL: it has none, or is a method return */
        bool is_big_endian;
} PeerAnswer;

/* Reads an answer of SIZE bytes. Returns 0 or -EBADMSG. */
int peer_parse(const uint8_t *answer, size_t size, PeerAnswer *ret);

/* A body that is one integer of 64 bits ("t"). Returns 0 or -EBADMSG. */
int peer_get_number(const PeerAnswer *answer, uint64_t *ret);
