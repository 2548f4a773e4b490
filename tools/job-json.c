/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "tools/job.h"
#include "tools/output.h"

static json_t *numbers(const uint32_t *values, size_t n) {
        json_t *array = json_array();

        for (size_t i = 0; array && i < n; i++)
                (void) json_array_append_new(array, json_integer(values[i]));
        return array;
}

static json_t *strings(char *const *values) {
        json_t *array = json_array();

        for (; array && values && *values; values++)
                (void) json_array_append_new(array, json_string(*values));
        return array;
}

static bool add_record(json_t *object, const Job *job) {
        const struct {
                const char *key;
                const char *value;
        } texts[] = {
                { "invocation_id", job->invocation_id },
                { "name", job->name },
                { "kind", job->kind },
                { "state", job->state },
                { "result", job->result },
                { "source", job->source },
                { "section", job->section },
                { "command", job->command },
                { "log", job->log },
                { "control_group", job->control_group },
                { "unit", job->unit },
                { "on_logout", job->on_logout },
                { "origin", job->origin },
        };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                if (json_object_set_new(object, texts[i].key, output_json_text(texts[i].value)) < 0)
                        return false;
        return true;
}

static bool add_numbers(json_t *object, const Job *job) {
        bool code = job->status_known && job->exit_signal == 0,
             sig = job->status_known && job->exit_signal > 0;
        const struct {
                const char *key;
                uint64_t value;
                bool zero_is_null;
        } values[] = {
                { "id", job->id, false },
                { "uid", job->uid, false },
                { "created_usec", job->created, true },
                { "ended_usec", job->ended, true },
                { "exit_code", code ? job->exit_code : UINT64_MAX, false },
                { "exit_signal", sig ? job->exit_signal : UINT64_MAX, false },
                { "tasks_max", job->tasks_max, false },
                { "memory_max_bytes", job->memory_max, false },
                { "cpu_weight", job->cpu_weight, true },
                { "runtime_max_usec", job->runtime_max, false },
                { "tasks", job->tasks, false },
                { "memory_bytes", job->memory_current, false },
                { "cpu_usage_usec", job->cpu_usage, false },
        };

        for (size_t i = 0; i < ELEMENTSOF(values); i++)
                if (json_object_set_new(object, values[i].key,
                                        output_json_number(values[i].value, values[i].zero_is_null)) < 0)
                        return false;
        return true;
}

json_t *job_outcome(const Job *job) {
        json_t *object = json_loads(job->outcome, JSON_REJECT_DUPLICATES, NULL);

        if (json_is_object(object))
                return object;
        json_decref(object);
        return NULL;
}

json_t *job_to_json(const Job *job) {
        json_t *object = json_object();

        if (object && add_record(object, job) && add_numbers(object, job) &&
            json_object_set_new(object, "processes",
                                job->n_processes > 0 ? numbers(job->processes, job->n_processes)
                                                     : json_null()) == 0 &&
            json_object_set_new(object, "outcome", job_outcome(job) ?: json_null()) == 0 &&
            json_object_set_new(object, "limits_missing", strings(job->limits_missing)) == 0)
                return object;
        json_decref(object);
        return NULL;
}

json_t *job_made_to_json(Client **client, uint64_t id) {
        json_t *object;
        Failure failure;
        Job job;

        if (job_get(client, id, JOB_MADE_GIVE_UP, &job, &failure) != 0) {
                (void) failure_print(&failure, false);
                return json_pack("{s:I}", "id", (json_int_t) id);
        }
        object = job_to_json(&job);
        job_done(&job);
        return object;
}
