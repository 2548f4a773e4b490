/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One end of a connection to the daemon, which says right and wrong things, in pieces, and keeps count of what it is owed. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/fuzz/bus/message.h"

#define CLIENT_CALLS_MAX 64

typedef struct Client {
        int fd;       /* -1: not connected */
        uint8_t *out; /* what is not sent yet */
        size_t n_out;
        int fds[MESSAGE_FDS_MAX]; /* that go with its first byte */
        size_t n_fds;
        uint8_t *in; /* what is not a whole message yet */
        size_t n_in;
        bool is_authenticated; /* the daemon's answers to that are over */
        bool is_spoilt; /* what was sent is not a row of messages any more: there is no telling what it is owed */
        bool is_deaf;   /* it does not read */
        bool has_ended; /* the daemon has closed it */
        uint32_t serial;
        uint64_t asked, owed; /* bits: calls that were sent whole, and those without an answer */
        unsigned n_asked;
        size_t ends[CLIENT_CALLS_MAX]; /* how much of OUT is to be sent until that call is whole; 0: it is */
        uint64_t waiting;              /* bits: calls that expect an answer, and are not whole yet */
} Client;

#define CLIENT_INIT                                                                                         \
        { .fd = -1 }

int client_connect(Client *client, const char *path);
void client_close(Client *client);

/* KIND 0: as it ought to be done. */
void client_authenticate(Client *client, unsigned kind);
/* A call that INPUT chooses. */
void client_call(Client *client, Input *input);
void client_say(Client *client, const void *bytes, size_t size);

/* Sends up to SIZE of the bytes that are to be sent. */
void client_send(Client *client, size_t size);
/* Reads all that is there. */
void client_receive(Client *client);
