/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* D-Bus messages (https://dbus.freedesktop.org/doc/dbus-specification.html), written by hand so that they can be wrong: calls
 * of what the daemon offers, with the arguments that an input chooses. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/fuzz/bus/input.h"

#define MESSAGE_MAX 32768
#define MESSAGE_FDS_MAX 8

typedef struct Message {
        uint8_t bytes[MESSAGE_MAX];
        size_t n;
        int fds[MESSAGE_FDS_MAX]; /* to go along; the sender's */
        size_t n_fds;
        uint32_t serial;
        bool expects_reply;
        bool is_spoilt; /* its end or its number may be elsewhere than said here */
} Message;

/* A call that INPUT chooses. Its descriptors are pidfds of false processes, or something else. */
void message_compose(Message *message, Input *input, uint32_t serial);
void message_done(Message *message);

typedef struct Reply {
        size_t size;     /* of the whole */
        uint32_t serial; /* that it answers; 0: it is no reply */
        char error[128]; /* its name; empty for an answer */
} Reply;

/* The message at the beginning of the SIZE bytes. Returns 1, or 0 if it is not there whole yet. */
int reply_parse(const uint8_t *bytes, size_t size, Reply *ret);
