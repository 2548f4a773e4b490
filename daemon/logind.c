/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/logind.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "daemon/system-bus-connect.h"
#include "lib/values.h"

#define RECONNECT_AFTER (5 * USEC_PER_SEC)
#define LINGER_FOLDER "/var/lib/systemd/linger/"
#define OWNER_MATCH                                                                                         \
        "type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"                         \
        "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='" LOGIND_NAME "'"

struct Logind {
        sd_event *event;
        LogindListener listener;
        sd_bus *bus;            /* NULL while there is none */
        sd_event_source *retry; /* off while there is one */
        LogindQuery *query;     /* under way */
};

static void connect_later(Logind *self) {
        (void) sd_event_source_set_time_relative(self->retry, RECONNECT_AFTER);
        (void) sd_event_source_set_enabled(self->retry, SD_EVENT_ONESHOT);
}

static void on_told(int error, Logins *logins, void *userdata) {
        Logind *self = userdata;

        self->query = NULL;
        self->listener.told(error, logins, self->listener.userdata);
}

static bool is_wanted(uid_t uid, void *userdata) {
        Logind *self = userdata;

        return self->listener.wanted(uid, self->listener.userdata);
}

static int on_disconnected(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
        Logind *self = userdata;
        bool was_asking = self->query != NULL;

        self->query = logind_query_free(self->query);
        self->bus = sd_bus_close_unref(self->bus);
        connect_later(self);
        if (was_asking)
                self->listener.told(-ENOTCONN, NULL, self->listener.userdata);
        else
                self->listener.changed(self->listener.userdata);
        return 0;
}

static int on_signal(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
        Logind *self = userdata;
        const char *member = sd_bus_message_get_member(message);

        /* SessionNew, SessionRemoved, UserNew, UserRemoved; not those of seats, sleep and shutdown */
        if (member && (strncmp(member, "Session", 7) == 0 || strncmp(member, "User", 4) == 0))
                self->listener.changed(self->listener.userdata);
        return 0;
}

static int on_owner(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
        Logind *self = userdata;

        self->listener.changed(self->listener.userdata);
        return 0;
}

static int connect_now(Logind *self) {
        _cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
        int r;

        r = system_bus_connect(on_disconnected, self, &bus);
        if (r >= 0)
                r = sd_bus_add_match_async(bus, NULL, OWNER_MATCH, on_owner, NULL, self);
        if (r >= 0)
                r = sd_bus_match_signal_async(bus, NULL, LOGIND_NAME, LOGIND_PATH, LOGIND_MANAGER, NULL,
                                              on_signal, NULL, self);
        if (r >= 0)
                r = sd_bus_attach_event(bus, self->event, SD_EVENT_PRIORITY_NORMAL);
        if (r < 0)
                return r;

        self->bus = TAKE_PTR(bus);
        return 0;
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata) {
        Logind *self = userdata;

        if (connect_now(self) < 0)
                connect_later(self);
        self->listener.changed(self->listener.userdata);
        return 0;
}

int logind_ask(Logind *self) {
        if (self->query)
                return -EBUSY;
        if (!self->bus)
                return -ENOTCONN;
        return logind_query_new(self->bus, is_wanted, on_told, self, &self->query);
}

int logind_new(sd_event *event, const LogindListener *listener, Logind **ret) {
        _cleanup_(logind_freep) Logind *self = NULL;
        int r;

        self = calloc(1, sizeof(*self));
        if (!self)
                return -ENOMEM;

        *self = (Logind){ .event = sd_event_ref(event), .listener = *listener };
        r = sd_event_add_time_relative(event, &self->retry, CLOCK_MONOTONIC, 0, 0, on_retry, self);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(self);
        return 0;
}

Logind *logind_free(Logind *self) {
        if (!self)
                return NULL;

        (void) logind_query_free(self->query);
        (void) sd_event_source_disable_unref(self->retry);
        (void) sd_bus_close_unref(self->bus);
        (void) sd_event_unref(self->event);
        free(self);
        return NULL;
}

Knowledge logind_lingers(const char *name) {
        static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.@-+";
        char path[512];
        int n;

        if (name[0] == '\0' || name[0] == '.' || name[strspn(name, plain)] != '\0')
                return UNKNOWN;
        n = snprintf(path, sizeof(path), LINGER_FOLDER "%s", name);
        if (n < 0 || (size_t) n >= sizeof(path))
                return UNKNOWN;
        if (faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) >= 0)
                return YES;
        return errno == ENOENT ? NO : UNKNOWN;
}
