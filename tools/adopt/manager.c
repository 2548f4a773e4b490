/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/adopt/manager.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "tools/manager-bus.h"
#include "tools/status.h"

#define SYSTEMD_PATH "/org/freedesktop/systemd1"
#define SYSTEMD_MANAGER "org.freedesktop.systemd1.Manager"
#define SYSTEMD_UNIT "org.freedesktop.systemd1.Unit"
#define SYSTEMD_SERVICE "org.freedesktop.systemd1.Service"
/* Microseconds, as `cgmove restart` gives it: it runs generators, and takes long where there are many units. */
#define RELOAD_TIMEOUT (UINT64_C(90) * 1000000)

void adopt_strv_free(char ***list) {
        for (char **p = *list; p && *p; p++)
                free(*p);
        free(*list);
        *list = NULL;
}

void adopt_unit_done(AdoptUnit *unit) {
        adopt_strv_free(&unit->environment);
}

const char *adopt_environment_find(char *const *list, const char *name) {
        size_t n = strlen(name);
        const char *found = NULL;

        for (; list && *list; list++)
                if (strncmp(*list, name, n) == 0 && (*list)[n] == '=')
                        found = *list + n + 1;
        return found;
}

int adopt_manager_open(bool system, sd_bus **ret, Failure *failure) {
        _cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
        int r;

        r = sd_bus_new(&bus);
        if (r >= 0)
                r = manager_bus_start(bus, system);
        if (r < 0)
                return failure_set(failure, STATUS_FAILED, "ManagerGone", "%s cannot be reached: %s; %s.",
                                   system ? "The system manager" : "Your user manager", strerror(-r),
                                   system ? "'systemctl is-system-running' may tell why"
                                          : "a login starts it, and as root 'loginctl enable-linger' with "
                                            "your name "
                                            "keeps it");
        *ret = TAKE_PTR(bus);
        return 0;
}

static int fail_call(int r, const sd_bus_error *error, const char *what, Failure *failure) {
        return failure_set(failure, STATUS_FAILED, "ManagerRefused", "The manager did not %s: %s.", what,
                           sd_bus_error_is_set(error) && error->message ? error->message : strerror(-r));
}

int adopt_manager_environment(sd_bus *bus, char ***ret, Failure *failure) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        r = sd_bus_get_property_strv(bus, NULL, SYSTEMD_PATH, SYSTEMD_MANAGER, "Environment", &error, ret);
        return r < 0 ? fail_call(r, &error, "tell its environment", failure) : 0;
}

static int get_string(sd_bus *bus, const char *path, const char *interface, const char *name,
                      sd_bus_error *error, char *ret, size_t size) {
        _cleanup_free_ char *value = NULL;
        int r;

        r = sd_bus_get_property_string(bus, NULL, path, interface, name, error, &value);
        if (r >= 0)
                (void) snprintf(ret, size, "%s", value);
        return r;
}

static int get_environment_files(sd_bus *bus, const char *path, sd_bus_error *error, bool *ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_get_property(bus, NULL, path, SYSTEMD_SERVICE, "EnvironmentFiles", error, &reply,
                                "a(sb)");
        if (r < 0)
                return r;
        r = sd_bus_message_enter_container(reply, 'a', "(sb)");
        if (r >= 0)
                r = sd_bus_message_at_end(reply, false);
        if (r < 0)
                return r;
        *ret = r == 0;
        return 0;
}

static int get_service(sd_bus *bus, const char *path, sd_bus_error *error, AdoptUnit *unit) {
        int r;

        r = get_string(bus, path, SYSTEMD_SERVICE, "ControlGroup", error, unit->control_group,
                       sizeof(unit->control_group));
        if (r >= 0)
                r = sd_bus_get_property_trivial(bus, NULL, path, SYSTEMD_SERVICE, "TimeoutStartUSec", error,
                                                't', &unit->timeout_start);
        if (r >= 0)
                r = get_environment_files(bus, path, error, &unit->has_environment_file);
        if (r >= 0)
                r = sd_bus_get_property_strv(bus, NULL, path, SYSTEMD_SERVICE, "Environment", error,
                                             &unit->environment);
        return r;
}

static int get_invocation(sd_bus *bus, const char *path, sd_bus_error *error, char *ret, size_t size) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const uint8_t *bytes;
        size_t n;
        int r;

        r = sd_bus_get_property(bus, NULL, path, SYSTEMD_UNIT, "InvocationID", error, &reply, "ay");
        if (r >= 0)
                r = sd_bus_message_read_array(reply, 'y', (const void **) &bytes, &n);
        for (size_t i = 0; r >= 0 && i < n && 2 * i + 2 < size; i++)
                (void) snprintf(ret + 2 * i, 3, "%02x", bytes[i]);
        return r;
}

static int get_main_pid(sd_bus *bus, const char *path, sd_bus_error *error, pid_t *ret) {
        uint32_t pid;
        int r;

        r = sd_bus_get_property_trivial(bus, NULL, path, SYSTEMD_SERVICE, "MainPID", error, 'u', &pid);
        if (r >= 0)
                *ret = (pid_t) pid;
        return r;
}

static int get_job(sd_bus *bus, const char *path, sd_bus_error *error, uint32_t *ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_get_property(bus, NULL, path, SYSTEMD_UNIT, "Job", error, &reply, "(uo)");
        return r < 0 ? r : sd_bus_message_read(reply, "(uo)", ret, NULL);
}

static int get_socket_activated(sd_bus *bus, const char *path, sd_bus_error *error, bool *ret) {
        char **units = NULL;
        int r;

        r = sd_bus_get_property_strv(bus, NULL, path, SYSTEMD_UNIT, "TriggeredBy", error, &units);
        for (char **p = units; r >= 0 && p && *p; p++)
                if (strlen(*p) > 7 && strcmp(*p + strlen(*p) - 7, ".socket") == 0)
                        *ret = true;
        adopt_strv_free(&units);
        return r;
}

int adopt_unit_get(sd_bus *bus, const char *name, AdoptUnit *ret, Failure *failure) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        AdoptUnit unit = { .id = "" };
        const char *path;
        int r;

        r = sd_bus_call_method(bus, NULL, SYSTEMD_PATH, SYSTEMD_MANAGER, "LoadUnit", &error, &reply, "s",
                               name);
        if (r >= 0)
                r = sd_bus_message_read(reply, "o", &path);
        if (r >= 0)
                r = get_string(bus, path, SYSTEMD_UNIT, "Id", &error, unit.id, sizeof(unit.id));
        if (r >= 0)
                r = get_string(bus, path, SYSTEMD_UNIT, "LoadState", &error, unit.load_state,
                               sizeof(unit.load_state));
        if (r >= 0)
                r = get_socket_activated(bus, path, &error, &unit.socket_activated);
        if (r >= 0)
                r = get_invocation(bus, path, &error, unit.invocation_id, sizeof(unit.invocation_id));
        if (r >= 0)
                r = get_main_pid(bus, path, &error, &unit.main_pid);
        if (r >= 0)
                r = get_job(bus, path, &error, &unit.job);
        if (r >= 0)
                r = get_service(bus, path, &error, &unit);
        if (r < 0) {
                adopt_unit_done(&unit);
                return fail_call(r, &error, "describe the unit", failure);
        }
        *ret = unit;
        return 0;
}

int adopt_manager_reload(sd_bus *bus, Failure *failure) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        r = sd_bus_message_new_method_call(bus, &message, NULL, SYSTEMD_PATH, SYSTEMD_MANAGER, "Reload");
        if (r >= 0)
                r = sd_bus_call(bus, message, RELOAD_TIMEOUT, &error, NULL);
        return r < 0 ? fail_call(r, &error, "read its unit files again", failure) : 0;
}
