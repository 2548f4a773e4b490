/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>

#include "tools/display.h"
#include "tools/output.h"
#include "tools/restart/outcome.h"

/* "" for what is no string: the object may come from anybody. */
static const char *text_of(const json_t *object, const char *key) {
        const char *text = json_string_value(json_object_get(object, key));

        return text ? text : "";
}

static void span_of(const json_t *object, const char *key, char *text, size_t size) {
        const json_t *value = json_object_get(object, key);

        if (json_is_integer(value) && json_integer_value(value) >= 0)
                display_span((uint64_t) json_integer_value(value), text, size);
        else
                (void) snprintf(text, size, "%s", "");
}

static void print_phases(const json_t *object) {
        const json_t *phases = json_object_get(object, "phases"), *phase;
        char line[768] = "", span[32];
        size_t i, n = 0;

        json_array_foreach(phases, i, phase) {
                span_of(phase, "duration_usec", span, sizeof(span));
                n += (size_t) snprintf(line + n, sizeof(line) - n, "%s%s %s", i > 0 ? ", " : "",
                                       text_of(phase, "name"), span[0] ? span : "...");
                if (n >= sizeof(line))
                        break;
        }
        if (line[0])
                output_key_text("Phases", line);
}

static void print_ports(const json_t *object) {
        const json_t *ports = json_object_get(object, "ports"), *port;
        char line[256] = "";
        size_t i, n = 0;

        json_array_foreach(ports, i, port) {
                n += (size_t) snprintf(line + n, sizeof(line) - n, "%s%" JSON_INTEGER_FORMAT,
                                       i > 0 ? ", " : "", json_integer_value(port));
                if (n >= sizeof(line))
                        break;
        }
        if (line[0])
                output_key_text("Ports", line);
}

static void print_processes(const json_t *object, const char *key, const char *title) {
        const json_t *list = json_object_get(object, key), *process;
        char line[512];
        size_t i;

        json_array_foreach(list, i, process) {
                (void) snprintf(line, sizeof(line), "port %" JSON_INTEGER_FORMAT ": %s",
                                json_integer_value(json_object_get(process, "port")),
                                text_of(process, "text"));
                output_key_text(i == 0 ? title : "", line);
        }
}

static void print_log(const json_t *object) {
        const json_t *log = json_object_get(object, "log"), *line;
        size_t i;

        json_array_foreach(log, i, line) output_key_text(
                        i == 0 ? "Unit's log" : "", json_is_string(line) ? json_string_value(line) : "");
}

const char *outcome_cut_off(const char *unit) {
        return strncmp(unit, "system:", strlen("system:")) == 0
                               ? "The restart was cut off; what it had begun is left to the system manager "
                                 "and to the daemon, see the journal of cgmoved."
                               : "The restart was cut off; what it had begun is left to the manager and to "
                                 "its guard, see the journal.";
}

void outcome_print(const json_t *object, const char *unit, bool is_running) {
        char span[32], line[600];

        output_key_text("Restart of", text_of(object, "unit"));
        if (is_running || text_of(object, "reason")[0])
                outcome_describe(object, line, sizeof(line));
        else
                (void) snprintf(line, sizeof(line), "%s", outcome_cut_off(unit));
        output_key_text("Outcome", line);
        span_of(object, "downtime_usec", span, sizeof(span));
        if (span[0])
                output_key_text("Downtime", span);
        print_phases(object);
        print_ports(object);
        print_processes(object, "holders", "Held by");
        print_processes(object, "ended", "Ended");
        print_log(object);
}

void outcome_describe(const json_t *object, char *text, size_t size) {
        const json_t *phases = json_object_get(object, "phases");
        const json_t *last = json_array_get(phases,
                                            json_array_size(phases) > 0 ? json_array_size(phases) - 1 : 0);

        if (text_of(object, "text")[0])
                (void) snprintf(text, size, "%s", text_of(object, "text"));
        else
                (void) snprintf(text, size, "%s: %s", text_of(object, "unit"),
                                last ? text_of(last, "name") : "starting");
}
