/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "daemon/systemd-call.h"
#include "lib/values.h"

static void done_deliver(SystemdCall *call, int error, const char *message) {
        call->callback.done(error, message, call->userdata);
}

/* --- starting and stopping ----------------------------------------------------------------------------- */

static int job_send(SystemdCall *call) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
        int r;

        r = systemd_call_message(call, SYSTEMD_PATH, SYSTEMD_MANAGER, call->method, &message);
        if (r < 0)
                return r;
        r = sd_bus_message_append(message, "ss", call->unit, "replace");
        if (r < 0)
                return r;
        return systemd_call_send(call, message);
}

/* Ends CALL with the end of its unit job. */
static void end_with_job(SystemdCall *call, const char *result) {
        char *words = NULL;
        _cleanup_free_ char *copy = strdup(result);

        /* RESULT may belong to the call, which may be gone when its owner has been told */
        free(call->result);
        call->result = strdup(result);
        if (strcmp(result, "done") != 0)
                words = copy;
        systemd_call_complete(call, words || !copy ? -EIO : 0, words);
}

/* The signal of the end may be here before the reply that names the job. */
static int job_read(SystemdCall *call, unsigned index, sd_bus_message *reply) {
        const char *job;
        int r;

        r = sd_bus_message_read(reply, "o", &job);
        if (r < 0)
                return r;
        call->job = strdup(job);
        return call->job ? 0 : -ENOMEM;
}

static int string_replace(char **string, const char *text) {
        char *copy = strdup(text);

        if (!copy)
                return -ENOMEM;
        free(*string);
        *string = copy;
        return 0;
}

static bool job_remember(SystemdCall *call, const char *job, const char *result) {
        if (string_replace(&call->removed_job, job) >= 0 &&
            string_replace(&call->removed_result, result) >= 0)
                return false;
        systemd_call_complete(call, -ENOMEM, NULL);
        return true;
}

bool systemd_call_job_removed(SystemdCall *call, const char *job, const char *unit, const char *result) {
        if (!call->type->follows_job)
                return false;
        if (!call->job)
                return strcmp(call->unit, unit) == 0 && job_remember(call, job, result);
        if (strcmp(call->job, job) != 0)
                return false;
        end_with_job(call, result);
        return true;
}

void systemd_call_job_known(SystemdCall *call) {
        if (call->removed_job && call->job && strcmp(call->removed_job, call->job) == 0)
                end_with_job(call, call->removed_result);
}

static const CallType job_type = {
        .send = job_send,
        .read = job_read,
        .deliver = done_deliver,
        .follows_job = true,
        .timeout_usec = UNIT_TIMEOUT_USEC,
};

static int unit_job_new(SystemdManager *manager, const char *method, const char *unit, systemd_done_t done,
                        void *userdata, SystemdCall **ret) {
        _cleanup_(systemd_call_freep) SystemdCall *call = NULL;
        int r;

        r = systemd_call_new(manager, &job_type, unit, &call);
        if (r < 0)
                return r;
        call->method = method;
        call->callback.done = done;
        call->userdata = userdata;
        r = systemd_call_start(call);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(call);
        return 0;
}

int systemd_manager_start_unit(SystemdManager *manager, const char *unit, systemd_done_t done,
                               void *userdata, SystemdCall **ret) {
        return unit_job_new(manager, "StartUnit", unit, done, userdata, ret);
}

int systemd_manager_stop_unit(SystemdManager *manager, const char *unit, systemd_done_t done, void *userdata,
                              SystemdCall **ret) {
        return unit_job_new(manager, "StopUnit", unit, done, userdata, ret);
}

/* --- properties ---------------------------------------------------------------------------------------- */

static int set_limits_send(SystemdCall *call) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
        const SystemdPoolLimits *limits = &call->limits;
        int r;

        r = systemd_call_message(call, SYSTEMD_PATH, SYSTEMD_MANAGER, "SetUnitProperties",
                                 &message);
        if (r < 0)
                return r;
        r = sd_bus_message_append(message, "sb", call->unit, 1 /* until the next boot */);
        if (r < 0)
                return r;
        r = sd_bus_message_open_container(message, 'a', "(sv)");
        if (r < 0)
                return r;
        /* in the order of the alphabet: systemd 252 compares its list of drop-ins with the sorted one on
         * the disk, and wants a reload where they differ */
        if (limits->cpu_weight != LIMIT_NONE)
                r = sd_bus_message_append(message, "(sv)", "CPUWeight", "t", limits->cpu_weight);
        if (r >= 0)
                r = sd_bus_message_append(message, "(sv)(sv)", "MemoryMax", "t", limits->memory_max,
                                          "TasksMax", "t", limits->tasks_max);
        if (r < 0)
                return r;
        r = sd_bus_message_close_container(message);
        if (r < 0)
                return r;
        return systemd_call_send(call, message);
}

static int set_limits_read(SystemdCall *call, unsigned index, sd_bus_message *reply) {
        return 0;
}

static const CallType set_limits_type = {
        .send = set_limits_send,
        .read = set_limits_read,
        .deliver = done_deliver,
        .timeout_usec = QUERY_TIMEOUT_USEC,
};

int systemd_manager_set_limits(SystemdManager *manager, const char *unit, const SystemdPoolLimits *limits,
                               systemd_done_t done, void *userdata, SystemdCall **ret) {
        _cleanup_(systemd_call_freep) SystemdCall *call = NULL;
        int r;

        r = systemd_call_new(manager, &set_limits_type, unit, &call);
        if (r < 0)
                return r;
        call->limits = *limits;
        call->callback.done = done;
        call->userdata = userdata;
        r = systemd_call_start(call);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(call);
        return 0;
}
