/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "daemon/systemd-call.h"

static int call_send_get(SystemdCall *call, const char *interface, const char *property) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
        _cleanup_free_ char *path = NULL;
        int r;

        r = sd_bus_path_encode(SYSTEMD_UNIT_PREFIX, call->unit, &path);
        if (r < 0)
                return r;
        r = systemd_call_message(call, path, "org.freedesktop.DBus.Properties", "Get", &message);
        if (r < 0)
                return r;
        r = sd_bus_message_append(message, "ss", interface, property);
        if (r < 0)
                return r;
        return systemd_call_send(call, message);
}

/* --- the processes of a unit that are its manager's own ------------------------------------------------ */

typedef struct UnitKind {
        const char *suffix;
        const char *interface;
        bool has_main;
} UnitKind;

static const UnitKind kinds_with_processes[] = {
        { ".service", SYSTEMD_SERVICE, true },
        { ".socket", "org.freedesktop.systemd1.Socket", false },
        { ".mount", "org.freedesktop.systemd1.Mount", false },
        { ".swap", "org.freedesktop.systemd1.Swap", false },
};

static const UnitKind *unit_get_kind(const char *unit) {
        const char *suffix = strrchr(unit, '.');

        for (size_t i = 0; suffix && i < ELEMENTSOF(kinds_with_processes); i++)
                if (strcmp(suffix, kinds_with_processes[i].suffix) == 0)
                        return &kinds_with_processes[i];
        return NULL;
}

static int on_nothing_to_ask(sd_event_source *source, void *userdata) {
        systemd_call_complete(userdata, 0, NULL);
        return 0;
}

static int pids_send(SystemdCall *call) {
        const UnitKind *kind = unit_get_kind(call->unit);
        int r;

        if (!kind)
                return systemd_call_defer(call, on_nothing_to_ask);
        r = call_send_get(call, kind->interface, "ControlPID");
        if (r < 0 || !kind->has_main)
                return r;
        return call_send_get(call, kind->interface, "MainPID");
}

static int pids_read(SystemdCall *call, unsigned index, sd_bus_message *reply) {
        uint32_t pid;
        int r;

        r = sd_bus_message_read(reply, "v", "u", &pid);
        if (r < 0)
                return r;
        call->values[index] = pid;
        return 0;
}

static void pids_deliver(SystemdCall *call, int error, const char *message) {
        call->callback.pids(error, message, (pid_t) call->values[1], (pid_t) call->values[0],
                            call->userdata);
}

static const CallType pids_type = {
        .send = pids_send,
        .read = pids_read,
        .deliver = pids_deliver,
        .timeout_usec = QUERY_TIMEOUT_USEC,
};

int systemd_manager_get_pids(SystemdManager *manager, const char *unit, systemd_pids_t done, void *userdata,
                             SystemdCall **ret) {
        _cleanup_(systemd_call_freep) SystemdCall *call = NULL;
        int r;

        r = systemd_call_new(manager, &pids_type, unit, &call);
        if (r < 0)
                return r;
        call->callback.pids = done;
        call->userdata = userdata;
        r = systemd_call_start(call);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(call);
        return 0;
}

/* --- the limits of a slice ----------------------------------------------------------------------------- */

#define SLICE_INTERFACE "org.freedesktop.systemd1.Slice"

/* A manager answers in order: nothing is gained by waiting for LoadUnit before asking on. */
static int limits_send(SystemdCall *call) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
        int r;

        r = systemd_call_message(call, SYSTEMD_PATH, SYSTEMD_MANAGER, "LoadUnit", &message);
        if (r < 0)
                return r;
        r = sd_bus_message_append(message, "s", call->unit);
        if (r < 0)
                return r;
        r = systemd_call_send(call, message);
        if (r < 0)
                return r;
        r = call_send_get(call, SLICE_INTERFACE, "TasksMax");
        if (r < 0)
                return r;
        return call_send_get(call, SLICE_INTERFACE, "MemoryMax");
}

static int limits_read(SystemdCall *call, unsigned index, sd_bus_message *reply) {
        uint64_t value; /* UINT64_MAX: infinity, which is our LIMIT_NONE */
        int r;

        if (index == 0)
                return 0; /* LoadUnit */
        r = sd_bus_message_read(reply, "v", "t", &value);
        if (r < 0)
                return r;
        call->values[index - 1] = value;
        return 0;
}

static void limits_deliver(SystemdCall *call, int error, const char *message) {
        call->callback.limits(error, message, call->values[0], call->values[1], call->userdata);
}

static const CallType limits_type = {
        .send = limits_send,
        .read = limits_read,
        .deliver = limits_deliver,
        .timeout_usec = QUERY_TIMEOUT_USEC,
};

int systemd_manager_get_slice_limits(SystemdManager *manager, const char *slice, systemd_limits_t done,
                                     void *userdata, SystemdCall **ret) {
        _cleanup_(systemd_call_freep) SystemdCall *call = NULL;
        int r;

        r = systemd_call_new(manager, &limits_type, slice, &call);
        if (r < 0)
                return r;
        call->callback.limits = done;
        call->userdata = userdata;
        r = systemd_call_start(call);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(call);
        return 0;
}
