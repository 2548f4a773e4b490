/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/restart/unit.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-id128.h>

#include "tools/restart/unit-private.h"
#include "tools/status.h"

int unit_name_complete(const char *name, char *ret, Failure *failure) {
        char complete[UNIT_NAME_MAX + sizeof(".service")];
        const char *dot = strrchr(name, '.');
        bool has_suffix = dot && (strcmp(dot, ".service") == 0 || unit_name_is_valid(name));

        (void) snprintf(complete, sizeof(complete), "%s%s", name, has_suffix ? "" : ".service");
        if (strlen(name) > UNIT_NAME_MAX || !unit_name_is_valid(complete))
                return failure_set(failure, STATUS_USAGE, "InvalidArgument",
                                   "\"%s\" is no name of a unit (no path, pattern or template either); "
                                   "'systemctl "
                                   "--user list-units --type=service' shows those of yours.",
                                   name);
        dot = strrchr(complete, '.');
        if (strcmp(dot, ".service") != 0)
                return failure_set(
                                failure, STATUS_USAGE, "InvalidArgument",
                                "%s is no service, and only services can be restarted this way; 'systemctl "
                                "restart' is for others.",
                                complete);
        (void) strcpy(ret, complete);
        return 0;
}

/* --- properties ---------------------------------------------------------------------------------------- */

typedef struct Property {
        const char *name;
        char type; /* of the D-Bus; 's' into an array of SIZE bytes (if it fits), 'u' and 't' as they are,
                      'b' a bool */
        size_t offset, size;
} Property;

#define PROPERTY(name, type, member)                                                                        \
        { name, type, offsetof(Unit, member), sizeof(((Unit *) NULL)->member) }

static const Property properties[] = {
        PROPERTY("Id", 's', id),
        PROPERTY("LoadState", 's', load_state),
        PROPERTY("ActiveState", 's', active_state),
        PROPERTY("SubState", 's', sub_state),
        PROPERTY("UnitFileState", 's', unit_file_state),
        PROPERTY("Result", 's', result),
        PROPERTY("KillMode", 's', kill_mode),
        PROPERTY("Restart", 's', restart),
        PROPERTY("Type", 's', type),
        PROPERTY("ControlGroup", 's', control_group),
        PROPERTY("FragmentPath", 's', fragment_path),
        PROPERTY("NeedDaemonReload", 'b', need_daemon_reload),
        PROPERTY("SocketActivated", 'b', socket_activated),
        PROPERTY("MainPID", 'u', main_pid),
        PROPERTY("ControlPID", 'u', control_pid),
        PROPERTY("NRestarts", 'u', n_restarts),
        PROPERTY("StartLimitBurst", 'u', start_limit_burst),
        PROPERTY("TimeoutStartUSec", 't', timeout_start),
        PROPERTY("TimeoutStopUSec", 't', timeout_stop),
        PROPERTY("RestartUSec", 't', restart_delay),
        PROPERTY("StartLimitIntervalUSec", 't', start_limit_interval),
        PROPERTY("ActiveEnterTimestampMonotonic", 't', active_enter),
        PROPERTY("InactiveEnterTimestampMonotonic", 't', inactive_enter),
        /* as cgmoved tells them; a manager itself does so in other types, see below */
        PROPERTY("Job", 'u', job),
};

static int read_plain(sd_bus_message *message, const Property *property, Unit *unit) {
        void *to = (char *) unit + property->offset;
        union {
                const char *text;
                int boolean;
                uint32_t u;
                uint64_t t;
        } value = { .t = 0 };
        int r;

        r = sd_bus_message_read_basic(message, property->type, &value);
        if (r < 0)
                return r;
        if (property->type == 's') {
                if (strlen(value.text) < property->size) /* half a path is another path */
                        (void) strcpy(to, value.text);
        } else if (property->type == 'b')
                *(bool *) to = value.boolean;
        else if (property->type == 'u')
                memcpy(to, &value.u, sizeof(value.u)); /* of the same size: pid_t and uint32_t */
        else
                memcpy(to, &value.t, sizeof(value.t));
        return 0;
}

/* A service that a socket starts: its ports are the socket's. */
static int read_triggers(sd_bus_message *message, Unit *unit) {
        const char *name, *dot;
        int r;

        r = sd_bus_message_enter_container(message, 'a', "s");
        while (r >= 0 && (r = sd_bus_message_read_basic(message, 's', &name)) > 0) {
                dot = strrchr(name, '.');
                unit->socket_activated |= dot && strcmp(dot, ".socket") == 0;
        }
        return r < 0 ? r : sd_bus_message_exit_container(message);
}

static int read_job(sd_bus_message *message, Unit *unit) {
        const char *path;

        return sd_bus_message_read(message, "(uo)", &unit->job, &path);
}

static int read_invocation_id(sd_bus_message *message, Unit *unit) {
        sd_id128_t id;
        const void *bytes;
        size_t size;
        int r;

        r = sd_bus_message_read_array(message, 'y', &bytes, &size);
        if (r < 0 || size != sizeof(id))
                return r;
        memcpy(&id, bytes, sizeof(id));
        (void) sd_id128_to_string(id, unit->invocation_id);
        return 0;
}

/* As cgmoved tells it. */
static int read_invocation_text(sd_bus_message *message, Unit *unit) {
        const char *text;
        sd_id128_t id;
        int r;

        r = sd_bus_message_read_basic(message, 's', &text);
        if (r >= 0 && sd_id128_from_string(text, &id) >= 0)
                (void) sd_id128_to_string(id, unit->invocation_id);
        return r;
}

static const struct {
        const char *name, *type;
        int (*read)(sd_bus_message *message, Unit *unit);
} special[] = {
        { "TriggeredBy", "as", read_triggers },
        { "Job", "(uo)", read_job },
        { "InvocationID", "ay", read_invocation_id },
        { "InvocationID", "s", read_invocation_text },
};

/* The variant behind NAME. */
static int read_property(sd_bus_message *message, const char *name, Unit *unit) {
        const char *type;
        char kind;
        int r;

        r = sd_bus_message_peek_type(message, &kind, &type);
        if (r < 0)
                return r;
        for (size_t i = 0; i < ELEMENTSOF(properties); i++) {
                const char plain[2] = { properties[i].type, 0 };

                if (strcmp(name, properties[i].name) != 0 || strcmp(type, plain) != 0)
                        continue;
                r = sd_bus_message_enter_container(message, 'v', plain);
                if (r >= 0)
                        r = read_plain(message, &properties[i], unit);
                return r < 0 ? r : sd_bus_message_exit_container(message);
        }
        for (size_t i = 0; i < ELEMENTSOF(special); i++) {
                if (strcmp(name, special[i].name) != 0 || strcmp(type, special[i].type) != 0)
                        continue;
                r = sd_bus_message_enter_container(message, 'v', type);
                if (r >= 0)
                        r = special[i].read(message, unit);
                return r < 0 ? r : sd_bus_message_exit_container(message);
        }
        return sd_bus_message_skip(message, "v");
}

int unit_read_properties(sd_bus_message *message, Unit *unit) {
        const char *name;
        int r;

        r = sd_bus_message_enter_container(message, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
                r = sd_bus_message_read_basic(message, 's', &name);
                if (r >= 0)
                        r = read_property(message, name, unit);
                if (r >= 0)
                        r = sd_bus_message_exit_container(message);
        }
        return r < 0 ? r : sd_bus_message_exit_container(message);
}

/* --- the two ways -------------------------------------------------------------------------------------- */

int unit_get(UnitManager *manager, const char *name, Unit *ret, Failure *failure) {
        return manager->type->get(manager, name, ret, failure);
}

int unit_manager_reload(UnitManager *manager, Failure *failure) {
        return manager->type->reload(manager, failure);
}

bool unit_manager_is_stopping(UnitManager *manager) {
        return manager->type->is_stopping && manager->type->is_stopping(manager);
}

int unit_act(UnitManager *manager, const char *name, UnitAction action, uint64_t timeout, char *ret_result,
             unit_tick_t tick, void *userdata, Failure *failure) {
        return manager->type->act(manager, name, action, timeout, ret_result, tick, userdata, failure);
}

int unit_start_transient(UnitManager *manager, const char *name, const char *description,
                         char *const *command, Failure *failure) {
        return manager->type->start_transient(manager, name, description, command, failure);
}

UnitManager *unit_manager_free(UnitManager *manager) {
        return manager ? manager->type->free(manager) : NULL;
}
