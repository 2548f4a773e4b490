/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What clients see of a job: one table for the dictionaries of GetJob() and ListJobs() and for the
 * properties of the job's object. */

#include <errno.h>
#include <string.h>

#include "daemon/bus.h"
#include "daemon/cgroup.h"
#include "daemon/daemon.h"
#include "lib/protocol.h"
#include "lib/values.h"

typedef struct Field {
        const char *name;
        const char *type;
        int (*append)(sd_bus_message *message, const JobView *view);
} Field;

static int append_string(sd_bus_message *message, const char *text) {
        return sd_bus_message_append_basic(message, 's', text ? text : "");
}

static int append_u64(sd_bus_message *message, uint64_t value) {
        return sd_bus_message_append_basic(message, 't', &value);
}

static int append_int(sd_bus_message *message, int value) {
        return sd_bus_message_append_basic(message, 'i', &value);
}

static int append_id(sd_bus_message *m, const JobView *v) {
        return append_u64(m, v->record->id);
}

static int append_invocation_id(sd_bus_message *m, const JobView *v) {
        char text[SD_ID128_STRING_MAX];

        return append_string(m, sd_id128_to_string(v->record->invocation_id, text));
}

static int append_uid(sd_bus_message *m, const JobView *v) {
        uint32_t uid = v->record->uid;

        return sd_bus_message_append_basic(m, 'u', &uid);
}

static int append_name(sd_bus_message *m, const JobView *v) {
        return append_string(m, v->record->name);
}

static int append_kind(sd_bus_message *m, const JobView *v) {
        return append_string(m, job_kind_to_string(v->record->kind));
}

static int append_state(sd_bus_message *m, const JobView *v) {
        return append_string(m, v->record->result ? "ended" : "running");
}

static int append_result(sd_bus_message *m, const JobView *v) {
        return append_string(m, v->record->result);
}

static int append_created(sd_bus_message *m, const JobView *v) {
        return append_u64(m, v->record->created);
}

static int append_ended(sd_bus_message *m, const JobView *v) {
        return append_u64(m, v->record->ended);
}

static int append_status_known(sd_bus_message *m, const JobView *v) {
        int known = v->record->status_known;

        return sd_bus_message_append_basic(m, 'b', &known);
}

static int append_exit_code(sd_bus_message *m, const JobView *v) {
        return append_int(m, v->record->exit_code);
}

static int append_exit_signal(sd_bus_message *m, const JobView *v) {
        return append_int(m, v->record->exit_signal);
}

static int append_source(sd_bus_message *m, const JobView *v) {
        return append_string(m, v->record->source);
}

static int append_section(sd_bus_message *m, const JobView *v) {
        return append_string(m, v->record->section);
}

static int append_command(sd_bus_message *m, const JobView *v) {
        return append_string(m, v->record->command);
}

static int append_log(sd_bus_message *m, const JobView *v) {
        return append_string(m, v->record->log);
}

static int append_unit(sd_bus_message *m, const JobView *v) {
        return append_string(m, v->record->unit);
}

static int append_on_logout(sd_bus_message *m, const JobView *v) {
        return append_string(m, on_logout_to_string(v->record->on_logout));
}

static int append_origin(sd_bus_message *m, const JobView *v) {
        return append_string(m, v->record->origin);
}

static int append_outcome(sd_bus_message *m, const JobView *v) {
        return append_string(m, v->record->outcome);
}

static int append_control_group(sd_bus_message *m, const JobView *v) {
        char path[512] = "", name[JOB_GROUP_NAME_MAX];

        if (v->job) {
                job_group_name(v->record->id, name);
                (void) snprintf(path, sizeof(path), "%s/%s", pool_path(v->job->pool), name);
        }
        return append_string(m, path);
}

static int append_tasks_max(sd_bus_message *m, const JobView *v) {
        return append_u64(m, v->record->limits.tasks_max);
}

static int append_memory_max(sd_bus_message *m, const JobView *v) {
        return append_u64(m, v->record->limits.memory_max);
}

static int append_cpu_weight(sd_bus_message *m, const JobView *v) {
        return append_u64(m, v->record->limits.cpu_weight);
}

static int append_runtime_max(sd_bus_message *m, const JobView *v) {
        return append_u64(m, v->record->limits.runtime_max);
}

static const Field record_fields[] = {
        { "Id", "t", append_id },
        { "InvocationId", "s", append_invocation_id },
        { "Uid", "u", append_uid },
        { "Name", "s", append_name },
        { "Kind", "s", append_kind },
        { "State", "s", append_state },
        { "Result", "s", append_result },
        { "Created", "t", append_created },
        { "Ended", "t", append_ended },
        { "StatusKnown", "b", append_status_known },
        { "ExitCode", "i", append_exit_code },
        { "ExitSignal", "i", append_exit_signal },
        { "Source", "s", append_source },
        { "Section", "s", append_section },
        { "Command", "s", append_command },
        { "Log", "s", append_log },
        { "Unit", "s", append_unit },
        { "ControlGroup", "s", append_control_group },
        { "TasksMax", "t", append_tasks_max },
        { "MemoryMax", "t", append_memory_max },
        { "CPUWeight", "t", append_cpu_weight },
        { "RuntimeMax", "t", append_runtime_max },
};

/* of one job: too much for a list */
static const Field detail_fields[] = {
        { "Outcome", "s", append_outcome },
        { "OnLogout", "s", append_on_logout },
        { "Origin", "s", append_origin },
};

static int append_usage(sd_bus_message *m, const JobView *v, const char *file, const char *key) {
        uint64_t value = UINT64_MAX;
        _cleanup_close_ int fd = -1;

        if (job_open(v->job, &fd) >= 0) {
                if (key)
                        (void) cgroup_read_key(fd, file, key, &value);
                else
                        (void) cgroup_read_u64(fd, file, &value);
        }
        return append_u64(m, value);
}

static int append_tasks(sd_bus_message *m, const JobView *v) {
        return append_usage(m, v, "pids.current", NULL);
}

static int append_memory_current(sd_bus_message *m, const JobView *v) {
        return append_usage(m, v, "memory.current", NULL);
}

static int append_cpu_usage(sd_bus_message *m, const JobView *v) {
        return append_usage(m, v, "cpu.stat", "usage_usec");
}

typedef struct ProcessList {
        sd_bus_message *message;
        unsigned n;
} ProcessList;

static int append_process(pid_t pid, void *userdata) {
        ProcessList *list = userdata;
        uint32_t value = (uint32_t) pid;
        int r;

        if (list->n++ >= CGMOVE_PROCESSES_TOLD_MAX)
                return 1;
        r = sd_bus_message_append_basic(list->message, 'u', &value);
        return r < 0 ? r : 0;
}

static int append_processes(sd_bus_message *m, const JobView *v) {
        ProcessList list = { .message = m };
        _cleanup_close_ int fd = -1;
        int r;

        r = sd_bus_message_open_container(m, 'a', "u");
        if (r < 0)
                return r;
        if (job_open(v->job, &fd) >= 0)
                (void) cgroup_each_process(fd, append_process, &list);
        return sd_bus_message_close_container(m);
}

static const PolicySection *find_section(const JobView *view) {
        const Policy *policy = view->daemon->policy;

        for (size_t i = 0; i < policy->n_sections; i++)
                if (strcmp(policy->sections[i].name, view->record->section) == 0)
                        return &policy->sections[i];
        return NULL;
}

static int append_scrub_environment(sd_bus_message *m, const JobView *v) {
        const PolicySection *section = find_section(v);
        char *none[] = { NULL };

        return sd_bus_message_append_strv(m, section ? section->scrub_env : none);
}

/* Jobs of an earlier version have not kept theirs. */
static int append_log_max(sd_bus_message *m, const JobView *v) {
        return append_u64(m, v->record->log_max > 0 ? v->record->log_max : v->daemon->settings.log_max);
}

static int append_limits_missing(sd_bus_message *m, const JobView *v) {
        const Limits *limits = &v->record->limits;
        char *missing[4] = {};
        size_t n = 0;

        if (limits->tasks_max != LIMIT_NONE && !pool_has_controller(v->job->pool, "pids"))
                missing[n++] = (char *) "pids";
        if (limits->memory_max != LIMIT_NONE && !pool_has_controller(v->job->pool, "memory"))
                missing[n++] = (char *) "memory";
        if (limits->cpu_weight != 0 && !pool_has_controller(v->job->pool, "cpu"))
                missing[n++] = (char *) "cpu";
        return sd_bus_message_append_strv(m, missing);
}

static const Field usage_fields[] = {
        { "Tasks", "t", append_tasks },
        { "MemoryCurrent", "t", append_memory_current },
        { "CPUUsage", "t", append_cpu_usage },
        { "Processes", "au", append_processes },
        { "ScrubEnvironment", "as", append_scrub_environment },
        { "LogMax", "t", append_log_max },
        { "LimitsMissing", "as", append_limits_missing },
};

static int append_field(sd_bus_message *message, const Field *field, const JobView *view) {
        int r;

        r = sd_bus_message_open_container(message, 'e', "sv");
        if (r >= 0)
                r = sd_bus_message_append_basic(message, 's', field->name);
        if (r >= 0)
                r = sd_bus_message_open_container(message, 'v', field->type);
        if (r >= 0)
                r = field->append(message, view);
        if (r >= 0)
                r = sd_bus_message_close_container(message);
        if (r >= 0)
                r = sd_bus_message_close_container(message);
        return r;
}

int bus_append_job(sd_bus_message *message, const JobView *view, JobDetail detail) {
        int r;

        r = sd_bus_message_open_container(message, 'a', "{sv}");
        for (size_t i = 0; i < ELEMENTSOF(record_fields) && r >= 0; i++)
                r = append_field(message, &record_fields[i], view);
        for (size_t i = 0; i < ELEMENTSOF(detail_fields) && r >= 0 && detail == JOB_USAGE; i++)
                r = append_field(message, &detail_fields[i], view);
        if (detail == JOB_USAGE && view->job)
                for (size_t i = 0; i < ELEMENTSOF(usage_fields) && r >= 0; i++)
                        r = append_field(message, &usage_fields[i], view);
        return r < 0 ? r : sd_bus_message_close_container(message);
}

int bus_get_job_property(sd_bus *bus, const char *path, const char *interface, const char *property,
                         sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        const JobView *view = userdata;

        for (size_t i = 0; i < ELEMENTSOF(record_fields); i++)
                if (strcmp(record_fields[i].name, property) == 0)
                        return record_fields[i].append(reply, view);
        for (size_t i = 0; i < ELEMENTSOF(detail_fields); i++)
                if (strcmp(detail_fields[i].name, property) == 0)
                        return detail_fields[i].append(reply, view);
        return -ENOENT;
}
