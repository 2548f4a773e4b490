/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/bus.h"
#include "lib/values.h"
#include "tests/unit/listener-fixture.h"

uint64_t cost, patience;
static uint64_t spent;
unsigned n_looks;

int __real_clock_gettime(clockid_t clock, struct timespec *ret);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret);

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret) {
        if (clock != CLOCK_THREAD_CPUTIME_ID)
                return __real_clock_gettime(clock, ret);

        n_looks++;
        spent += cost;
        *ret = (struct timespec){ .tv_sec = (time_t) (spent / USEC_PER_SEC), .tv_nsec = (long) (spent % USEC_PER_SEC * 1000) };
        return 0;
}

int __real_sd_event_source_set_time_relative(sd_event_source *source, uint64_t usec);
int __wrap_sd_event_source_set_time_relative(sd_event_source *source, uint64_t usec);

int __wrap_sd_event_source_set_time_relative(sd_event_source *source, uint64_t usec) {
        return __real_sd_event_source_set_time_relative(source, patience > 0 && usec > USEC_PER_SEC ? patience : usec);
}

uid_t who = UID_NONE;

int __real_caller_from_socket(int fd, Caller *ret);
int __wrap_caller_from_socket(int fd, Caller *ret);

int __wrap_caller_from_socket(int fd, Caller *ret) {
        int r = __real_caller_from_socket(fd, ret);

        if (r >= 0 && who != UID_NONE)
                ret->uid = who;
        return r;
}

/* In place of the daemon's objects. */
unsigned n_answers;
Pending calls[CGMOVE_CONNECTIONS_MAX];
size_t n_calls, n_processes;
bool only_wait;

static void on_abandon(Pending *pending) {
        pending_end(pending);
}

static int on_later(sd_bus_message *call, void *userdata, sd_bus_error *ret_error) {
        Pending *pending = &calls[n_calls];
        int r;

        assert_true(n_calls < ELEMENTSOF(calls));
        assert_int_equal(pending_begin(pending, userdata, call, on_abandon, ret_error), 0);
        r = pending_hold(pending, n_processes, ret_error);
        if (r < 0) {
                pending_end(pending);
                return r;
        }
        pending->only_waits = only_wait;
        n_calls++;
        return 1;
}

static int on_call(sd_bus_message *call, void *userdata, sd_bus_error *ret_error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        void *bytes;

        n_answers++;
        assert_true(sd_bus_message_new_method_return(call, &reply) >= 0);
        assert_true(sd_bus_message_append_array_space(reply, 'y', ANSWER, &bytes) >= 0);
        memset(bytes, 0, ANSWER);
        return sd_bus_send(NULL, reply, NULL);
}

int __wrap_bus_add_private_objects(Connection *connection);

int __wrap_bus_add_private_objects(Connection *connection) {
        int r = sd_bus_add_object(connection->bus, NULL, "/later", on_later, connection);

        return r < 0 ? r : sd_bus_add_object(connection->bus, NULL, "/long", on_call, NULL);
}

/* --- a daemon of nothing but the socket ------------------------------------------------------------------------------- */

int listener_fixture_setup(void **state) {
        ListenerFixture *fixture = calloc(1, sizeof(*fixture));
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        cost = patience = n_answers = n_calls = n_processes = 0;
        who = UID_NONE;
        only_wait = false;
        assert_non_null(fixture);
        fixture->address.sun_family = AF_UNIX;
        assert_int_equal(bind(fd, (struct sockaddr *) &fixture->address, sizeof(sa_family_t)), 0); /* any abstract name */
        fixture->address_size = sizeof(fixture->address);
        assert_int_equal(getsockname(fd, (struct sockaddr *) &fixture->address, &fixture->address_size), 0);
        assert_int_equal(listen(fd, 64), 0);
        assert_true(sd_event_new(&fixture->daemon.event) >= 0);
        assert_int_equal(listener_new(&fixture->daemon, fd, &fixture->daemon.listener), 0);
        *state = fixture;
        return 0;
}

int listener_fixture_teardown(void **state) {
        ListenerFixture *fixture = *state;

        listener_free(fixture->daemon.listener);
        sd_event_unref(fixture->daemon.event);
        free(fixture);
        return 0;
}

void run(const ListenerFixture *fixture) {
        unsigned n_idle = 0;

        for (unsigned i = 0; n_idle < 3; i++) {
                int r = sd_event_run(fixture->daemon.event, 0);

                assert_true(r >= 0);
                assert_true(i < 100000);
                n_idle = r == 0 ? n_idle + 1 : 0;
        }
}

void run_for_a_while(const ListenerFixture *fixture) {
        assert_true(sd_event_run(fixture->daemon.event, 10 * 1000) >= 0);
}

/* --- a client --------------------------------------------------------------------------------------------------------- */

int client_open(const ListenerFixture *fixture) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        assert_int_equal(connect(fd, (const struct sockaddr *) &fixture->address, fixture->address_size), 0);
        return fd;
}

static void say(int client, const void *bytes, size_t size) {
        assert_int_equal(send(client, bytes, size, MSG_NOSIGNAL), size);
}

void say_hello(int client) {
        char text[128], uid[16];
        size_t n;

        (void) snprintf(uid, sizeof(uid), "%u", geteuid());
        n = (size_t) snprintf(text, sizeof(text), "%cAUTH EXTERNAL ", 0);
        for (size_t i = 0; uid[i]; i++)
                n += (size_t) snprintf(text + n, sizeof(text) - n, "%02x", (unsigned) uid[i]);
        n += (size_t) snprintf(text + n, sizeof(text) - n, "\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n");
        say(client, text, n);
}

static size_t add_field(uint8_t *bytes, size_t at, uint8_t code, char type, const char *text) {
        size_t size = strlen(text);

        at = (at + 7) / 8 * 8;
        memcpy(bytes + at, (const uint8_t[]){ code, 1, (uint8_t) type, 0 }, 4);
        memcpy(bytes + at + 4, &(uint32_t){ (uint32_t) size }, 4);
        memcpy(bytes + at + 8, text, size);
        return at + 8 + size + 1;
}

/* A call of the object PATH, or of Ping(), which sd-bus answers itself; and its size. */
static size_t compose(uint8_t flags, const char *path, uint8_t ret[static 256]) {
        const char *interface = path ? "org.example.None" : "org.freedesktop.DBus.Peer";
        size_t at;

        memset(ret, 0, 256);
        memcpy(ret, (const uint8_t[]){ 'l', 1, flags, 1, 0, 0, 0, 0, 7 }, 9);
        at = add_field(ret, 16, 1, 'o', path ? path : "/");
        at = add_field(ret, at, 2, 's', interface);
        at = add_field(ret, at, 3, 's', "Ping");
        memcpy(ret + 12, &(uint32_t){ (uint32_t) (at - 16) }, 4);
        return (at + 7) / 8 * 8;
}

void say_calls(int client, uint8_t flags, const char *path, unsigned n) {
        uint8_t bytes[256];
        size_t size = compose(flags, path, bytes);

        for (unsigned i = 0; i < n; i++)
                say(client, bytes, size);
}

void say_pings(int client, uint8_t flags, unsigned n) {
        say_calls(client, flags, NULL, n);
}

size_t hear(int client, size_t size_max) {
        static char buffer[64 * 1024];
        size_t n = 0;

        while (n < size_max) {
                size_t room = size_max - n < sizeof(buffer) ? size_max - n : sizeof(buffer);
                ssize_t r = recv(client, buffer, room, MSG_DONTWAIT);

                if (r <= 0)
                        break;
                n += (size_t) r;
        }
        return n;
}

bool has_heard(int client) {
        char byte;

        return recv(client, &byte, 1, MSG_DONTWAIT | MSG_PEEK) > 0;
}

bool is_closed(int client) {
        struct pollfd fd = { .fd = client };

        return poll(&fd, 1, 0) > 0 && fd.revents & POLLHUP;
}

int client_begin(const ListenerFixture *fixture) {
        int client = client_open(fixture);

        say_hello(client);
        say_pings(client, 0, 1);
        run(fixture);
        assert_true(hear(client, SIZE_MAX) > 0);
        return client;
}
