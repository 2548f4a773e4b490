/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What verbs print: tables and progress for people, one JSON object for programs. Text from elsewhere
 * is escaped. */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/cleanup.h"
#include "tools/table.h"

#define OUTPUT_SCHEMA 1

/* Prints TEXT with control characters escaped. */
void output_text(FILE *f, const char *text);

/* Takes OBJECT over (NULL: out of memory), adds "schema", prints it in one line of ASCII on the standard
 * output. Returns an exit status. */
int output_json(json_t *object);

/* A string as JSON; what is not UTF-8 in it is escaped. NULL and "" give null. */
json_t *output_json_text(const char *text);

/* null for the two ways of saying "none" or "not known": UINT64_MAX and, with ZERO_IS_NULL, 0. */
json_t *output_json_number(uint64_t value, bool zero_is_null);

/* Flushes the standard output. Returns STATUS, or STATUS_FAILED (with a message) if something could
 * not be written. */
int output_finish(int status);

/* Prints WORD, coloured by what it means for a job ("running", "done", "failed", ...) where there are colours. */
void output_state(const char *word);

/* The control sequence that begins that colour; "" for none. */
const char *output_state_colour(const char *word);

/* "KEY: value" lines of `status` and `where`, the keys aligned; on a terminal, a value that is too long for its line goes on
 * below itself. */
void output_key(const char *key, const char *format, ...) __attribute__((format(printf, 2, 3)));
void output_key_text(const char *key, const char *text);

/* A line on the standard error that tells what is waited for, once a second has passed; nothing unless
 * that is a terminal. */
typedef struct Progress {
        char what[160];
        uint64_t start; /* CLOCK_MONOTONIC, microseconds */
        bool enabled;
        bool shown;
} Progress;

void progress_begin(Progress *progress, bool json, const char *format, ...)
                __attribute__((format(printf, 3, 4)));
void progress_tick(Progress *progress); /* NULL is allowed, here and below */
void progress_end(Progress *progress);
#define PROGRESS_DAEMON "waiting for the daemon"
#define PROGRESS_INTERVAL UINT64_C(1000000)

uint64_t now_monotonic(void);
uint64_t now_realtime(void);
