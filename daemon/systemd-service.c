/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a restart asks of PID 1: the state of a service, and the unit jobs. */

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "daemon/systemd-call.h"
#include "lib/cleanup.h"

#define PROPERTIES_INTERFACE "org.freedesktop.DBus.Properties"

/* --- the state of a service ------------------------------------------------------------------------- */

typedef struct Property {
        const char *name;
        const char *type;
        size_t offset;
        size_t size;
} Property;

#define PROPERTY(name, type, member)                                                                        \
        { name, type, offsetof(SystemdService, member), sizeof(((SystemdService *) NULL)->member) }

static const Property properties[] = {
        PROPERTY("Id", "s", id),
        PROPERTY("LoadState", "s", load_state),
        PROPERTY("ActiveState", "s", active_state),
        PROPERTY("SubState", "s", sub_state),
        PROPERTY("UnitFileState", "s", unit_file_state),
        PROPERTY("FragmentPath", "s", fragment_path),
        PROPERTY("NeedDaemonReload", "b", need_daemon_reload),
        PROPERTY("TriggeredBy", "as", socket_activated),
        PROPERTY("Job", "(uo)", job),
        PROPERTY("InvocationID", "ay", invocation_id),
        PROPERTY("StartLimitIntervalUSec", "t", start_limit_interval),
        PROPERTY("StartLimitBurst", "u", start_limit_burst),
        PROPERTY("ActiveEnterTimestampMonotonic", "t", active_enter),
        PROPERTY("InactiveEnterTimestampMonotonic", "t", inactive_enter),
        PROPERTY("Result", "s", result),
        PROPERTY("KillMode", "s", kill_mode),
        PROPERTY("Restart", "s", restart),
        PROPERTY("Type", "s", type),
        PROPERTY("ControlGroup", "s", control_group),
        PROPERTY("MainPID", "u", main_pid),
        PROPERTY("ControlPID", "u", control_pid),
        PROPERTY("NRestarts", "u", n_restarts),
        PROPERTY("TimeoutStartUSec", "t", timeout_start),
        PROPERTY("TimeoutStopUSec", "t", timeout_stop),
        PROPERTY("RestartUSec", "t", restart_delay),
};

static const Property *find_property(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(properties); i++)
                if (strcmp(name, properties[i].name) == 0)
                        return &properties[i];
        return NULL;
}

static int read_text(sd_bus_message *m, char *to, size_t size) {
        const char *text;
        int r;

        r = sd_bus_message_read_basic(m, 's', &text);
        if (r < 0)
                return r;
        (void) snprintf(to, size, "%s", text);
        return 0;
}

/* Whether a name of the list is a socket's. */
static int read_triggers(sd_bus_message *m, bool *ret) {
        const char *name, *suffix;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "s");
        while (r >= 0 && (r = sd_bus_message_read_basic(m, 's', &name)) > 0) {
                suffix = strrchr(name, '.');
                *ret |= suffix && strcmp(suffix, ".socket") == 0;
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int read_bytes(sd_bus_message *m, char *to, size_t size) {
        const void *bytes;
        size_t n;
        int r;

        r = sd_bus_message_read_array(m, 'y', &bytes, &n);
        if (r < 0)
                return r;
        to[0] = '\0';
        for (size_t i = 0; i < n && 2 * i + 2 < size; i++)
                (void) snprintf(to + 2 * i, size - 2 * i, "%02x", ((const uint8_t *) bytes)[i]);
        return 0;
}

static int read_value(sd_bus_message *m, const Property *property, SystemdService *service) {
        char *to = (char *) service + property->offset;
        int value, r;

        if (strcmp(property->type, "s") == 0)
                return read_text(m, to, property->size);
        if (strcmp(property->type, "as") == 0)
                return read_triggers(m, &service->socket_activated);
        if (strcmp(property->type, "ay") == 0)
                return read_bytes(m, to, property->size);
        if (strcmp(property->type, "(uo)") == 0)
                return sd_bus_message_read(m, "(uo)", &service->job, NULL);
        if (strcmp(property->type, "b") == 0) {
                r = sd_bus_message_read_basic(m, 'b', &value);
                if (r >= 0)
                        *(bool *) to = value;
                return r;
        }
        return sd_bus_message_read_basic(m, property->type[0], to);
}

static int read_properties(sd_bus_message *m, SystemdService *service) {
        const Property *property;
        const char *name;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = sd_bus_message_read_basic(m, 's', &name);
                if (r < 0)
                        break;
                property = find_property(name);
                if (!property)
                        r = sd_bus_message_skip(m, "v");
                else {
                        r = sd_bus_message_enter_container(m, 'v', property->type);
                        if (r >= 0)
                                r = read_value(m, property, service);
                        if (r >= 0)
                                r = sd_bus_message_exit_container(m);
                }
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

static int send_get_all(SystemdCall *call, const char *path, const char *interface) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
        int r;

        r = systemd_call_message(call, path, PROPERTIES_INTERFACE, "GetAll", &message);
        if (r >= 0)
                r = sd_bus_message_append(message, "s", interface);
        return r < 0 ? r : systemd_call_send(call, message);
}

/* Only LoadUnit brings a unit back that the manager has forgotten since nothing uses it. It answers in
 * order, and the path of an alias stands for the unit. */
static int service_send(SystemdCall *call) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
        _cleanup_free_ char *path = NULL;
        int r;

        memset(call->service, 0, sizeof(*call->service));
        r = sd_bus_path_encode(SYSTEMD_UNIT_PREFIX, call->unit, &path);
        if (r >= 0)
                r = systemd_call_message(call, SYSTEMD_PATH, SYSTEMD_MANAGER, "LoadUnit",
                                         &message);
        if (r >= 0)
                r = sd_bus_message_append(message, "s", call->unit);
        if (r >= 0)
                r = systemd_call_send(call, message);
        if (r >= 0)
                r = send_get_all(call, path, SYSTEMD_UNIT);
        if (r >= 0)
                r = send_get_all(call, path, SYSTEMD_SERVICE);
        return r;
}

static int service_read(SystemdCall *call, unsigned index, sd_bus_message *reply) {
        return index == 0 ? 0 : read_properties(reply, call->service);
}

static void service_deliver(SystemdCall *call, int error, const char *message) {
        call->callback.service(error, message, error < 0 ? NULL : call->service, call->userdata);
}

static const CallType service_type = {
        .send = service_send,
        .read = service_read,
        .deliver = service_deliver,
        .timeout_usec = QUERY_TIMEOUT_USEC,
};

int systemd_manager_get_service(SystemdManager *manager, const char *unit, systemd_service_t done,
                                void *userdata, SystemdCall **ret) {
        _cleanup_(systemd_call_freep) SystemdCall *call = NULL;
        int r;

        r = systemd_call_new(manager, &service_type, unit, &call);
        if (r < 0)
                return r;
        call->service = calloc(1, sizeof(*call->service));
        if (!call->service)
                return -ENOMEM;
        call->callback.service = done;
        call->userdata = userdata;
        r = systemd_call_start(call);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(call);
        return 0;
}

/* --- unit jobs -------------------------------------------------------------------------------------- */

static int act_send_one(SystemdCall *call, const char *method, bool has_mode) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
        int r;

        r = systemd_call_message(call, SYSTEMD_PATH, SYSTEMD_MANAGER, method, &message);
        if (r >= 0)
                r = sd_bus_message_append(message, "s", call->unit);
        if (r >= 0 && has_mode)
                r = sd_bus_message_append(message, "s", "replace");
        return r < 0 ? r : systemd_call_send(call, message);
}

static int read_job_path(SystemdCall *call, const char *job) {
        free(call->job);
        call->job = strdup(job);
        return call->job ? 0 : -ENOMEM;
}

/* A restart of what is up, that tells what has become of it where somebody has stopped the unit meanwhile: a job "nop" if
 * that is done or on its way, which TryRestartUnit would not tell from a restart, and an error with the mode "fail" if it
 * is still queued. */
static int try_restart_send(SystemdCall *call) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
        int r;

        r = systemd_call_message(call, SYSTEMD_PATH, SYSTEMD_MANAGER, "EnqueueUnitJob", &message);
        if (r >= 0)
                r = sd_bus_message_append(message, "sss", call->unit, "try-restart", "fail");
        return r < 0 ? r : systemd_call_send(call, message);
}

static int reset_send(SystemdCall *call) {
        return act_send_one(call, "ResetFailedUnit", false);
}

static int loop_restart_send(SystemdCall *call) {
        int r;

        r = reset_send(call);
        return r < 0 ? r : try_restart_send(call);
}

static int failed_restart_send(SystemdCall *call) {
        int r;

        r = reset_send(call);
        return r < 0 ? r : act_send_one(call, "RestartUnit", true);
}

/* The manager was executed anew, and it takes its jobs along: is one still there for the unit? */
static int restart_send_again(SystemdCall *call) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
        _cleanup_free_ char *path = NULL;
        int r;

        r = sd_bus_path_encode(SYSTEMD_UNIT_PREFIX, call->unit, &path);
        if (r >= 0)
                r = systemd_call_message(call, path, PROPERTIES_INTERFACE, "Get", &message);
        if (r >= 0)
                r = sd_bus_message_append(message, "ss", SYSTEMD_UNIT, "Job");
        return r < 0 ? r : systemd_call_send(call, message);
}

static int end_with(SystemdCall *call, const char *result) {
        free(call->result);
        call->result = strdup(result);
        return call->result ? -ESTALE : -ENOMEM;
}

/* EnqueueUnitJob: (u id, o job, s unit, o path, s type, ...) */
static int read_enqueued(SystemdCall *call, sd_bus_message *reply) {
        const char *job, *type;
        int r;

        r = sd_bus_message_read(reply, "uosos", NULL, &job, NULL, NULL, &type);
        if (r < 0)
                return r;
        return strcmp(type, "nop") == 0 ? end_with(call, SYSTEMD_RESULT_NOTHING) : read_job_path(call, job);
}

static int restart_read(SystemdCall *call, unsigned index, sd_bus_message *reply) {
        const char *job;
        uint32_t id;
        int r;

        if (sd_bus_message_is_empty(reply))
                return 0; /* of the reset */
        if (sd_bus_message_has_signature(reply, "o")) {
                r = sd_bus_message_read(reply, "o", &job);
                return r < 0 ? r : read_job_path(call, job);
        }
        if (!sd_bus_message_has_signature(reply, "v"))
                return read_enqueued(call, reply);

        r = sd_bus_message_read(reply, "v", "(uo)", &id, &job);
        if (r < 0)
                return r;
        return id == 0 ? end_with(call, "unknown") : read_job_path(call, job);
}

/* An error that comes with a result is but that of the unit job. */
static void result_deliver(SystemdCall *call, int error, const char *message) {
        if (call->result)
                call->callback.result(0, NULL, call->result, call->userdata);
        else
                call->callback.result(error < 0 ? error : -ENOMEM, message, NULL, call->userdata);
}

/* They differ in what is sent, and in which of it may fail. */
#define RESTART_TYPE(how, fails)                                                                              \
        { .send = (how), .send_again = restart_send_again, .read = restart_read, .deliver = result_deliver,   \
          .may_fail = (fails), .follows_job = true, .timeout_usec = UNIT_TIMEOUT_USEC }

static const CallType restart_types[] = {
        [SYSTEMD_RESTART_UP] = RESTART_TYPE(try_restart_send, 0),
        [SYSTEMD_RESTART_LOOPING] = RESTART_TYPE(loop_restart_send, 1U << 0),
        [SYSTEMD_RESTART_FAILED] = RESTART_TYPE(failed_restart_send, 1U << 0),
};

static int revive_send(SystemdCall *call) {
        int r;

        r = act_send_one(call, "ResetFailedUnit", false);
        return r < 0 ? r : act_send_one(call, "StartUnit", true);
}

static int revive_read(SystemdCall *call, unsigned index, sd_bus_message *reply) {
        const char *job;
        int r;

        if (index == 0)
                return 0;
        r = sd_bus_message_read(reply, "o", &job);
        return r < 0 ? r : read_job_path(call, job);
}

static const CallType revive_type = {
        .send = revive_send,
        .read = revive_read,
        .deliver = result_deliver,
        .may_fail = 1U << 0, /* a unit that is not loaded has not failed either */
        .follows_job = true,
        .timeout_usec = UNIT_TIMEOUT_USEC,
};

static int act_new(SystemdManager *manager, const CallType *type, const char *unit, uint64_t timeout,
                   systemd_result_t done, void *userdata, SystemdCall **ret) {
        _cleanup_(systemd_call_freep) SystemdCall *call = NULL;
        int r;

        r = systemd_call_new(manager, type, unit, &call);
        if (r < 0)
                return r;
        systemd_call_set_timeout(call, timeout);
        call->callback.result = done;
        call->userdata = userdata;
        r = systemd_call_start(call);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(call);
        return 0;
}

int systemd_manager_restart_unit(SystemdManager *manager, const char *unit, SystemdRestart how,
                                 uint64_t timeout, systemd_result_t done, void *userdata,
                                 SystemdCall **ret) {
        return act_new(manager, &restart_types[how], unit, timeout, done, userdata, ret);
}

int systemd_manager_revive_unit(SystemdManager *manager, const char *unit, uint64_t timeout,
                                systemd_result_t done, void *userdata, SystemdCall **ret) {
        return act_new(manager, &revive_type, unit, timeout, done, userdata, ret);
}
