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

int output_json(json_t *object) {
        int r = STATUS_FAILED;

        if (object && json_object_set_new(object, "schema", json_integer(OUTPUT_SCHEMA)) == 0 &&
            json_dumpf(object, stdout, JSON_SORT_KEYS) == 0) {
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

bool output_has_colour(FILE *f) {
        const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

        return isatty(fileno(f)) && !(no && no[0]) && !(term && strcmp(term, "dumb") == 0);
}

void output_state(const char *word) {
        const char *colour = "";

        if (strcmp(word, "running") == 0 || strcmp(word, "done") == 0 || strcmp(word, "yes") == 0)
                colour = "\x1b[32m";
        else if (strcmp(word, "ended") != 0 && strcmp(word, "stopped") != 0)
                colour = "\x1b[31m";
        if (colour[0] && output_has_colour(stdout)) {
                (void) fputs(colour, stdout);
                output_text(stdout, word);
                (void) fputs("\x1b[0m", stdout);
        } else
                output_text(stdout, word);
}

#define KEY_WIDTH 14

void output_key(const char *key, const char *format, ...) {
        char *text = NULL;
        va_list ap;
        int r;

        va_start(ap, format);
        r = vasprintf(&text, format, ap);
        va_end(ap);
        output_key_text(key, r < 0 ? "(out of memory)" : text);
        if (r >= 0)
                free(text);
}

void output_key_text(const char *key, const char *text) {
        (void) printf("%*s%c ", KEY_WIDTH, key, key[0] ? ':' : ' ');
        output_text(stdout, text);
        (void) putchar('\n');
}

void progress_begin(Progress *progress, bool json, const char *format, ...) {
        va_list ap;

        *progress = (Progress){ .start = now_monotonic(), .enabled = !json && isatty(STDERR_FILENO) };
        va_start(ap, format);
        (void) vsnprintf(progress->what, sizeof(progress->what), format, ap);
        va_end(ap);
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
        (void) fputs("\r\x1b[K", stderr);
        output_text(stderr, progress->what);
        (void) fprintf(stderr, " (%s)", span);
        (void) fflush(stderr);
        progress->shown = true;
}

void progress_end(Progress *progress) {
        if (!progress || !progress->shown)
                return;
        (void) fputs("\r\x1b[K", stderr);
        (void) fflush(stderr);
        progress->shown = false;
}
