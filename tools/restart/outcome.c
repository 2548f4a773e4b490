/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/restart/outcome.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/protocol.h"
#include "lib/text.h"
#include "tools/display.h"
#include "tools/output.h"

void outcome_init(Outcome *outcome, const char *unit) {
        *outcome = (Outcome){ .state = "running", .downtime = UINT64_MAX };
        (void) snprintf(outcome->unit, sizeof(outcome->unit), "%s", unit);
}

static void end_phase(Outcome *outcome) {
        OutcomePhase *last = outcome->n_phases > 0 ? &outcome->phases[outcome->n_phases - 1] : NULL;
        uint64_t now = now_realtime();

        if (last && last->duration == UINT64_MAX)
                last->duration = now > last->start ? now - last->start : 0;
}

void outcome_begin_phase(Outcome *outcome, const char *name) {
        if (outcome->n_phases > 0 && strcmp(outcome->phases[outcome->n_phases - 1].name, name) == 0)
                return;
        end_phase(outcome);
        if (outcome->n_phases == OUTCOME_PHASES_MAX)
                return;
        outcome->phases[outcome->n_phases++] =
                        (OutcomePhase){ .name = name, .start = now_realtime(), .duration = UINT64_MAX };
}

void outcome_end(Outcome *outcome, const char *state, const char *reason, const char *format, ...) {
        va_list ap;

        end_phase(outcome);
        outcome->state = state;
        outcome->reason = reason;
        va_start(ap, format);
        (void) vsnprintf(outcome->text, sizeof(outcome->text), format, ap);
        va_end(ap);
}

static void add_process(OutcomeProcess *list, size_t *n, const OutcomeProcess *process) {
        for (size_t i = 0; i < *n; i++)
                if (list[i].pid == process->pid && list[i].port == process->port &&
                    list[i].uid == process->uid)
                        return;
        if (*n < OUTCOME_PROCESSES_MAX)
                list[(*n)++] = *process;
}

void outcome_add_holder(Outcome *outcome, const OutcomeProcess *process) {
        add_process(outcome->holders, &outcome->n_holders, process);
}

void outcome_add_ended(Outcome *outcome, const OutcomeProcess *process) {
        add_process(outcome->ended, &outcome->n_ended, process);
}

/* --- JSON ---------------------------------------------------------------------------------------------- */

/* The daemon takes no control characters, and JSON escapes only some of them. */
static json_t *text_to_json(const char *text) {
        _cleanup_free_ char *escaped = NULL;

        if (!text[0] || text_is_plain(text))
                return output_json_text(text);
        escaped = display_escape(text, strlen(text), true);
        return escaped ? json_string(escaped) : NULL;
}

static json_t *phases_to_json(const Outcome *outcome) {
        json_t *array = json_array();

        for (size_t i = 0; array && i < outcome->n_phases; i++) {
                const OutcomePhase *phase = &outcome->phases[i];

                (void) json_array_append_new(array,
                                             json_pack("{s:s, s:I, s:o}", "name", phase->name, "start_usec",
                                                       (json_int_t) phase->start, "duration_usec",
                                                       output_json_number(phase->duration, false)));
        }
        return array;
}

static json_t *ports_to_json(const Outcome *outcome) {
        json_t *array = json_array();

        for (size_t i = 0; array && i < outcome->n_ports; i++)
                (void) json_array_append_new(array, json_integer(outcome->ports[i]));
        return array;
}

static json_t *processes_to_json(const OutcomeProcess *list, size_t n) {
        json_t *array = json_array();

        for (size_t i = 0; array && i < n; i++)
                (void) json_array_append_new(
                                array,
                                json_pack("{s:i, s:o, s:I, s:o, s:o, s:o, s:o}", "port", (int) list[i].port,
                                          "pid", output_json_number((uint64_t) list[i].pid, true), "uid",
                                          (json_int_t) list[i].uid, "comm", text_to_json(list[i].comm),
                                          "source", text_to_json(list[i].source), "text",
                                          text_to_json(list[i].text), "signal",
                                          output_json_number((uint64_t) list[i].signal, true)));
        return array;
}

static json_t *log_to_json(const Outcome *outcome) {
        json_t *array = json_array();

        for (size_t i = 0; array && i < outcome->n_log; i++)
                (void) json_array_append_new(array, text_to_json(outcome->log[i]));
        return array;
}

static json_t *to_json(const Outcome *outcome) {
        return json_pack("{s:s, s:s, s:s?, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "unit", outcome->unit,
                         "state", outcome->state, "reason", outcome->reason, "text",
                         text_to_json(outcome->text), "downtime_usec",
                         output_json_number(outcome->downtime, false), "phases", phases_to_json(outcome),
                         "ports", ports_to_json(outcome), "holders",
                         processes_to_json(outcome->holders, outcome->n_holders), "ended",
                         processes_to_json(outcome->ended, outcome->n_ended), "log", log_to_json(outcome));
}

/* Leaves out one thing: the oldest line of the log, else the process that came last. False if there is none.
 */
static bool shorten(json_t *object) {
        json_t *ended = json_object_get(object, "ended"), *holders = json_object_get(object, "holders");

        return json_array_remove(json_object_get(object, "log"), 0) == 0 ||
               json_array_remove(ended, json_array_size(ended) - 1) == 0 ||
               json_array_remove(holders, json_array_size(holders) - 1) == 0;
}

char *outcome_to_text(const Outcome *outcome) {
        json_t *object = to_json(outcome);
        char *text;

        if (!object)
                return NULL;
        while ((text = json_dumps(object, JSON_COMPACT)) && strlen(text) > CGMOVE_OUTCOME_MAX &&
               shorten(object))
                free(text);
        json_decref(object);
        return text;
}
