/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/job.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/protocol.h"
#include "tools/status.h"

typedef struct Field {
        const char *key;
        char type; /* of the D-Bus; 'S' for "as", 'U' for "au" */
        size_t offset;
} Field;

#define FIELD(key, type, member)                                                                            \
        { key, type, offsetof(Job, member) }

static const Field fields[] = {
        FIELD("Id", 't', id),
        FIELD("Uid", 'u', uid),
        FIELD("Created", 't', created),
        FIELD("Ended", 't', ended),
        FIELD("StatusKnown", 'b', status_known),
        FIELD("ExitCode", 'i', exit_code),
        FIELD("ExitSignal", 'i', exit_signal),
        FIELD("TasksMax", 't', tasks_max),
        FIELD("MemoryMax", 't', memory_max),
        FIELD("RuntimeMax", 't', runtime_max),
        FIELD("CPUWeight", 't', cpu_weight),
        FIELD("Tasks", 't', tasks),
        FIELD("MemoryCurrent", 't', memory_current),
        FIELD("CPUUsage", 't', cpu_usage),
        FIELD("LogMax", 't', log_max),
        FIELD("InvocationId", 's', invocation_id),
        FIELD("Name", 's', name),
        FIELD("Kind", 's', kind),
        FIELD("State", 's', state),
        FIELD("Result", 's', result),
        FIELD("OnLogout", 's', on_logout),
        FIELD("Origin", 's', origin),
        FIELD("Source", 's', source),
        FIELD("Section", 's', section),
        FIELD("Command", 's', command),
        FIELD("Log", 's', log),
        FIELD("ControlGroup", 's', control_group),
        FIELD("Unit", 's', unit),
        FIELD("Outcome", 's', outcome),
        FIELD("Processes", 'U', processes),
        FIELD("ScrubEnvironment", 'S', scrub_environment),
        FIELD("LimitsMissing", 'S', limits_missing),
};

static int read_number(sd_bus_message *m, char type, uint64_t *ret) {
        union {
                uint64_t t;
                uint32_t u;
                int32_t i;
        } value = { .t = 0 };
        int r;

        r = sd_bus_message_read_basic(m, type, &value);
        if (r < 0)
                return r;
        *ret = type == 't' ? value.t : type == 'u' ? value.u : value.i >= 0 ? (uint64_t) value.i : 0;
        return 0;
}

static int read_strings(sd_bus_message *m, char ***to) {
        for (char **p = *to; p && *p; p++)
                free(*p);
        free(*to);
        *to = NULL;
        return sd_bus_message_read_strv(m, to);
}

static int read_value(sd_bus_message *m, const Field *field, Job *job) {
        void *to = (char *) job + field->offset;
        const void *array;
        size_t size;
        int r;

        switch (field->type) {
        case 's':
                return sd_bus_message_read_basic(m, 's', to);
        case 'S':
                return read_strings(m, to);
        case 'U':
                r = sd_bus_message_read_array(m, 'u', &array, &size);
                if (r >= 0) {
                        job->processes = array;
                        job->n_processes = size / sizeof(uint32_t);
                }
                return r;
        default:
                return read_number(m, field->type, to);
        }
}

static int read_field(sd_bus_message *m, const char *key, Job *job) {
        for (size_t i = 0; i < ELEMENTSOF(fields); i++) {
                const Field *field = &fields[i];
                char type[3] = { field->type, 0, 0 };
                int r;

                if (strcmp(key, field->key) != 0)
                        continue;
                if (field->type == 'S' || field->type == 'U') {
                        type[0] = 'a';
                        type[1] = field->type == 'S' ? 's' : 'u';
                }
                r = sd_bus_message_enter_container(m, 'v', type);
                if (r >= 0)
                        r = read_value(m, field, job);
                return r < 0 ? r : sd_bus_message_exit_container(m);
        }
        return sd_bus_message_skip(m, "v"); /* of a later daemon */
}

static int read_entries(sd_bus_message *m, Job *job) {
        const char *key;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = sd_bus_message_read_basic(m, 's', &key);
                if (r >= 0)
                        r = read_field(m, key, job);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

int job_read(sd_bus_message *m, Job *ret) {
        Job job = {
                .tasks_max = UINT64_MAX,
                .memory_max = UINT64_MAX,
                .runtime_max = UINT64_MAX,
                .tasks = UINT64_MAX,
                .memory_current = UINT64_MAX,
                .cpu_usage = UINT64_MAX,
                .log_max = UINT64_MAX,
                .invocation_id = "",
                .name = "",
                .kind = "",
                .state = "",
                .result = "",
                .source = "",
                .section = "",
                .command = "",
                .log = "",
                .control_group = "",
                .unit = "",
                .on_logout = "",
                .origin = "",
                .outcome = "",
        };
        int r;

        job.message = sd_bus_message_ref(m);
        r = read_entries(m, &job);
        if (r < 0) {
                job_done(&job);
                return r;
        }
        *ret = job;
        return 0;
}

static void free_strings(char **strings) {
        for (char **p = strings; p && *p; p++)
                free(*p);
        free(strings);
}

void job_done(Job *job) {
        free_strings(job->scrub_environment);
        free_strings(job->limits_missing);
        (void) sd_bus_message_unref(job->message);
        *job = (Job) { .id = 0 };
}

bool job_is_running(const Job *job) {
        return strcmp(job->state, "running") == 0;
}

const char *job_state_word(const Job *job) {
        if (job_is_running(job) || !job->result[0])
                return job->state;
        return job->result;
}

int job_exit_status(const Job *job) {
        if (!job->status_known)
                return STATUS_OWN_FAILURE;
        return job->exit_signal > 0 ? STATUS_SIGNAL + (int) job->exit_signal : (int) job->exit_code;
}

void job_describe_end(const Job *job, char *buffer, size_t size) {
        const char *word = job_state_word(job);
        const char *abbreviation;

        if (!job->status_known)
                (void) snprintf(buffer, size, "%s, no exit status is known", word);
        else if (job->exit_signal > 0) {
                abbreviation = sigabbrev_np((int) job->exit_signal);
                (void) snprintf(buffer, size, "%s, ended by SIG%s", word, abbreviation ?: "RT");
        } else
                (void) snprintf(buffer, size, "%s, exit status %d", word, (int) job->exit_code);
}
