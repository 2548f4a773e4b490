/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Short questions over D-Bus to managers that may hang or be gone: each call has a bound of its own.
 * Functions return 0 or a negative errno; -ETIMEDOUT if there was no answer. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <systemd/sd-bus.h>

#include "lib/systemd-names.h"

#define ASK_TIMEOUT UINT64_C(4000000) /* microseconds, of one call */

int ask_open_system_bus(sd_bus **ret);

/* The private socket of the manager of user UID, which needs no bus daemon; -EPERM if it is another's. */
int ask_open_user_manager(uid_t uid, sd_bus **ret);

/* PID 1: for root over its private socket, for others over the bus. */
int ask_open_system_manager(sd_bus **ret);

/* cgmoved; as connect_private(). */
int ask_open_daemon(sd_bus **ret);

/* Waits for the answer. ERROR of SIZE bytes (may be NULL) gets the sentence of one that is an error. */
int ask_call(sd_bus *bus, sd_bus_message *message, sd_bus_message **ret, char *error, size_t size);

/* How a key of an a{sv} is read: READ gets a message at a value of TYPE, which it must consume, and a place
 * of SIZE bytes at OFFSET. Values of another type are passed over. */
typedef struct AskField {
        const char *name;
        const char *type;
        int (*read)(sd_bus_message *message, void *to, size_t size);
        size_t offset, size;
} AskField;

int ask_read_string(sd_bus_message *message, void *to, size_t size); /* cut to SIZE - 1 bytes; "s" */
int ask_read_bool(sd_bus_message *message, void *to, size_t size);   /* "b" */
int ask_read_u32(sd_bus_message *message, void *to, size_t size);
int ask_read_i32(sd_bus_message *message, void *to, size_t size);
int ask_read_u64(sd_bus_message *message, void *to, size_t size);

/* Reads one a{sv}. Returns 1, or 0 at the end of an array of them. */
int ask_read_dictionary(sd_bus_message *message, const AskField *fields, size_t n, void *to);

/* Properties.GetAll; INTERFACE "": of all interfaces. */
int ask_properties(sd_bus *bus, const char *destination, const char *path, const char *interface,
                   const AskField *fields, size_t n, void *to);
