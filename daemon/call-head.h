/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The beginning of a D-Bus message as it comes from a socket: the 16 bytes that say how large it is, and its header fields
 * (https://dbus.freedesktop.org/doc/dbus-specification.html#message-protocol-messages). Pure. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CALL_HEAD_MIN 16  /* bytes, after which the sizes are known */
#define CALL_HEAD_MAX 512 /* of a call with descriptors, header fields included */

/* The size of the whole message that begins with the CALL_HEAD_MIN bytes at HEAD, and of its head, fields included. False: these
 * bytes do not begin a message. */
bool call_head_get_sizes(const uint8_t *head, uint64_t *ret_head, uint64_t *ret_whole);

/* Whether the head (SIZE bytes, as call_head_get_sizes() says) is one of a call that takes descriptors, Move() or Check(), with N_FDS
 * of them. It is stricter than the specification: nothing that passes may be malformed in the eyes of sd-bus. */
bool call_head_takes_fds(const uint8_t *head, size_t size, unsigned n_fds);
