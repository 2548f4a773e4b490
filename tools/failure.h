/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What goes wrong in a verb: one sentence, an exit status, and a word for programs. Of fixed size, so
 * that it can be handed through a pipe as it is. Functions that fill one return its status, which is
 * never 0. */

#include <stdarg.h>
#include <stdbool.h>

typedef struct Failure {
        int status;
        bool lost;     /* the connection to the daemon is gone: the same may work over a new one */
        char code[64]; /* "Denied", "NoDaemon", ...; see cgmove(1) */
        char message[1024];
} Failure;

int failure_set(Failure *failure, int status, const char *code, const char *format, ...)
                __attribute__((format(printf, 4, 5)));

/* "WHAT: strerror(error)." with status 1, and what to do about it where that is the same for all. */
int failure_errno(Failure *failure, int error, const char *what, ...) __attribute__((format(printf, 3, 4)));

/* Prints "cgmove: TEXT" on the standard error, in lines that fit a terminal. */
void failure_print_text(const char *text);

/* The same for a failure: prints "cgmove: SENTENCE" on the standard error, with JSON also as an object on the standard output.
 * Returns the status. */
int failure_print(const Failure *failure, bool json);

/* "cgmove VERB: SENTENCE; see ..." Returns STATUS_USAGE. */
int usage_error(const char *verb, const char *format, ...) __attribute__((format(printf, 2, 3)));
