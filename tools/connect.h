/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The way to the daemon's private socket; nothing but libc, for `exec` too. */

/* How long connecting may take, in seconds. */
#define CONNECT_TIMEOUT 10

/* Connects to PATH and checks that root listens there (the credentials of a listening unix socket are
 * those of whoever called listen(2): root, be it PID 1 or the daemon). Returns a close-on-exec
 * descriptor above 2, so that a program that was started with closed standard streams does not write
 * its messages into it; -EPERM if someone else listens; -ENOENT, -ECONNREFUSED, -EAGAIN (the queue of
 * connections stays full) and other errors of connect(2). */
int connect_private(const char *path);

/* The same, without waiting while the queue is full: -EAGAIN then. The descriptor does not block either. */
int connect_private_now(const char *path);

/* True for the errors that mean "no daemon there", as opposed to a refusal. */
int connect_error_is_away(int error);
