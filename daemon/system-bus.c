/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "daemon/bus.h"
#include "daemon/daemon.h"
#include "daemon/log.h"
#include "daemon/system-bus.h"
#include "daemon/system-bus-connect.h"
#include "lib/protocol.h"
#include "lib/values.h"

#define RECONNECT_AFTER (5 * USEC_PER_SEC)

struct SystemBus {
        Daemon *daemon;
        sd_bus *bus;            /* NULL while there is none */
        sd_event_source *retry; /* off while there is one */
};

static void connect_later(SystemBus *self) {
        (void) sd_event_source_set_time_relative(self->retry, RECONNECT_AFTER);
        (void) sd_event_source_set_enabled(self->retry, SD_EVENT_ONESHOT);
}

static int on_disconnected(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
        SystemBus *self = userdata;

        self->bus = sd_bus_close_unref(self->bus);
        connect_later(self);
        return 0;
}

static int on_name(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
        if (sd_bus_message_is_method_error(message, NULL))
                log_failure(NULL, "The name %s cannot be had on the system bus: %s", CGMOVE_BUS_NAME,
                            sd_bus_message_get_error(message)->message);
        return 0;
}

static int connect_now(SystemBus *self) {
        _cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
        int r;

        r = system_bus_connect(on_disconnected, self, &bus);
        if (r >= 0)
                r = bus_add_public_objects(bus, self->daemon);
        if (r >= 0)
                r = sd_bus_request_name_async(bus, NULL, CGMOVE_BUS_NAME, 0, on_name, NULL);
        if (r >= 0)
                r = sd_bus_attach_event(bus, self->daemon->event, SD_EVENT_PRIORITY_IDLE);
        if (r < 0)
                return r;

        self->bus = TAKE_PTR(bus);
        return 0;
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata) {
        SystemBus *self = userdata;

        if (connect_now(self) < 0)
                connect_later(self);
        return 0;
}

int system_bus_new(Daemon *daemon, SystemBus **ret) {
        SystemBus *self;
        int r;

        self = calloc(1, sizeof(*self));
        if (!self)
                return -ENOMEM;

        self->daemon = daemon;
        r = sd_event_add_time_relative(daemon->event, &self->retry, CLOCK_MONOTONIC, 0, 0, on_retry, self);
        if (r < 0) {
                free(self);
                return r;
        }

        *ret = self;
        return 0;
}

SystemBus *system_bus_free(SystemBus *self) {
        if (!self)
                return NULL;

        (void) sd_event_source_disable_unref(self->retry);
        (void) sd_bus_close_unref(self->bus);
        free(self);
        return NULL;
}

/* A signal that can't be sent is no loss: the journal has the same, and clients ask the private socket. */
void system_bus_job_new(SystemBus *self, const JobRecord *record) {
        char path[JOB_PATH_MAX];

        if (!self || !self->bus)
                return;

        bus_job_path(record->id, path);
        (void) sd_bus_emit_signal(self->bus, CGMOVE_PATH, CGMOVE_MANAGER_INTERFACE, "JobNew", "to", record->id, path);
}

void system_bus_job_removed(SystemBus *self, const JobRecord *record) {
        char path[JOB_PATH_MAX];

        if (!self || !self->bus)
                return;

        bus_job_path(record->id, path);
        (void) sd_bus_emit_signal(self->bus, CGMOVE_PATH, CGMOVE_MANAGER_INTERFACE, "JobRemoved", "tos", record->id,
                                  path, record->result);
}
