/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/output.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tools/display.h"
#include "tools/status.h"
#include "tools/terminal.h"
#include "tools/wrap.h"

static uint64_t now(clockid_t clock) {
        struct timespec t;

        (void) clock_gettime(clock, &t);
        return (uint64_t) t.tv_sec * 1000000 + (uint64_t) t.tv_nsec / 1000;
}

uint64_t now_monotonic(void) {
        return now(CLOCK_MONOTONIC);
}

uint64_t now_realtime(void) {
        return now(CLOCK_REALTIME);
}

void output_text(FILE *f, const char *text) {
        _cleanup_free_ char *escaped = display_escape(text, strlen(text), false);

        (void) fputs(escaped ?: "(out of memory)", f);
}

int output_finish(int status) {
        if (fflush(stdout) == 0 && !ferror(stdout))
                return status;
        (void) fprintf(stderr, "cgmove: Cannot write the output: %s.\n", strerror(errno));
        return status ?: STATUS_FAILED;
}

/* ASCII alone: C1 control characters, and marks that turn the direction of a line, would reach a terminal as
 * they are. */
#define JSON_FLAGS (JSON_SORT_KEYS | JSON_ENSURE_ASCII)

int output_json(json_t *object) {
        int r = STATUS_FAILED;

        if (object && json_object_set_new(object, "schema", json_integer(OUTPUT_SCHEMA)) == 0 &&
            json_dumpf(object, stdout, JSON_FLAGS) == 0) {
                (void) fputc('\n', stdout);
                r = output_finish(0);
        } else
                (void) fputs("cgmove: Cannot write the JSON output.\n", stderr);
        json_decref(object);
        return r;
}

json_t *output_json_text(const char *text) {
        _cleanup_free_ char *escaped = NULL;
        json_t *value;

        if (!text || !text[0])
                return json_null();
        value = json_string(text);
        if (value)
                return value;
        escaped = display_escape(text, strlen(text), true);
        return escaped ? json_string(escaped) : NULL;
}

json_t *output_json_number(uint64_t value, bool zero_is_null) {
        if (value > INT64_MAX || (zero_is_null && value == 0))
                return json_null();
        return json_integer((json_int_t) value);
}

const char *output_state_colour(const char *word) {
        if (strcmp(word, "running") == 0 || strcmp(word, "done") == 0 || strcmp(word, "yes") == 0)
                return "\x1b[32m";
        return strcmp(word, "ended") != 0 && strcmp(word, "stopped") != 0 ? "\x1b[31m" : "";
}

void output_state(const char *word) {
        const char *colour = terminal_has_colour(stdout) ? output_state_colour(word) : "";

        (void) fputs(colour, stdout);
        output_text(stdout, word);
        (void) fputs(colour[0] ? "\x1b[0m" : "", stdout);
}

#define KEY_WIDTH 14

void output_key_text(const char *key, const char *text) {
        (void) printf("%*s%c ", KEY_WIDTH, key, key[0] ? ':' : ' ');
        wrap_print(stdout, text, KEY_WIDTH + 2, terminal_columns(STDOUT_FILENO));
}

void output_key(const char *key, const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        va_list ap;

        va_start(ap, format);
        if (vasprintf(&text, format, ap) < 0)
                text = NULL;
        va_end(ap);
        output_key_text(key, text ?: "(out of memory)");
}

void progress_begin(Progress *progress, bool json, const char *format, ...) {
        va_list ap;

        *progress = (Progress){ .start = now_monotonic(), .enabled = !json && isatty(STDERR_FILENO) };
        va_start(ap, format);
        (void) vsnprintf(progress->what, sizeof(progress->what), format, ap);
        va_end(ap);
}

/* In one line, whatever is told: what goes on in the next one could not be taken back. */
static void print_progress(const char *what, const char *span) {
        _cleanup_free_ char *escaped = display_escape(what, strlen(what), false), *shortened = NULL;
        size_t columns = terminal_columns(STDERR_FILENO), end = strlen(span) + sizeof(" ()");

        if (escaped)
                shortened = display_shorten(escaped, columns > end ? columns - end : 0);
        (void) fprintf(stderr, "\r\x1b[K%s (%s)", shortened ?: "", span);
        (void) fflush(stderr);
}

void progress_tick(Progress *progress) {
        uint64_t elapsed;
        char span[32];

        if (!progress || !progress->enabled)
                return;
        elapsed = now_monotonic() - progress->start;
        if (elapsed < PROGRESS_INTERVAL)
                return;
        display_span(elapsed - elapsed % PROGRESS_INTERVAL, span, sizeof(span));
        print_progress(progress->what, span);
        progress->shown = true;
}

void progress_end(Progress *progress) {
        if (!progress || !progress->shown)
                return;
        (void) fputs("\r\x1b[K", stderr);
        (void) fflush(stderr);
        progress->shown = false;
}
