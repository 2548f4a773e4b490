/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How much of the loop and of memory one user gets: listener and connection, over a real socket. What a turn costs is the
 * test's to say, and patience is shorter (the linker's --wrap). */

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/bus.h"
#include "daemon/daemon.h"
#include "lib/protocol.h"
#include "lib/values.h"

#define EVER (1000 * USEC_PER_SEC)
#define ANSWER (512U * 1024) /* bytes: more than a socket takes */
#define TURNS_MAX 3000       /* of 10 ms, in which something is waited for */
#define NO_REPLY 1           /* a flag of D-Bus */

static uint64_t cost, patience; /* of a turn; in place of 30 s, or 0 */
static uint64_t spent;
static unsigned n_looks; /* at the processor time: two a turn */

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

/* In place of the daemon's objects: one that answers at length, and one that answers later, about as many processes as a
 * test says. */
static unsigned n_answers;
static Pending calls[3];
static size_t n_calls, n_processes;

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

typedef struct Fixture {
        Daemon daemon;
        struct sockaddr_un address;
        socklen_t address_size;
} Fixture;

static int setup(void **state) {
        Fixture *fixture = calloc(1, sizeof(*fixture));
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        cost = patience = n_answers = n_calls = 0;
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

static int teardown(void **state) {
        Fixture *fixture = *state;

        listener_free(fixture->daemon.listener);
        sd_event_unref(fixture->daemon.event);
        free(fixture);
        return 0;
}

/* Until there is nothing to do for now. Whoever keeps the loop busy without end fails the test. */
static void run(const Fixture *fixture) {
        unsigned n_idle = 0;

        for (unsigned i = 0; n_idle < 3; i++) {
                int r = sd_event_run(fixture->daemon.event, 0);

                assert_true(r >= 0);
                assert_true(i < 100000);
                n_idle = r == 0 ? n_idle + 1 : 0;
        }
}

/* A turn of the loop, for what comes with time. */
static void run_for_a_while(const Fixture *fixture) {
        assert_true(sd_event_run(fixture->daemon.event, 10 * 1000) >= 0);
}

/* --- a client --------------------------------------------------------------------------------------------------------- */

static int client_open(const Fixture *fixture) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        assert_int_equal(connect(fd, (const struct sockaddr *) &fixture->address, fixture->address_size), 0);
        return fd;
}

static void say(int client, const void *bytes, size_t size) {
        assert_int_equal(send(client, bytes, size, MSG_NOSIGNAL), size);
}

static void say_hello(int client) {
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

static void say_calls(int client, uint8_t flags, const char *path, unsigned n) {
        uint8_t bytes[256];
        size_t size = compose(flags, path, bytes);

        for (unsigned i = 0; i < n; i++)
                say(client, bytes, size);
}

static void say_pings(int client, uint8_t flags, unsigned n) {
        say_calls(client, flags, NULL, n);
}

/* Reads what has come, of SIZE_MAX bytes at most. Returns how many, which may be none. */
static size_t hear(int client, size_t size_max) {
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

static bool has_heard(int client) {
        char byte;

        return recv(client, &byte, 1, MSG_DONTWAIT | MSG_PEEK) > 0;
}

static bool is_closed(int client) {
        struct pollfd fd = { .fd = client };

        return poll(&fd, 1, 0) > 0 && fd.revents & POLLHUP;
}

/* One who is authenticated, and was answered. */
static int client_begin(const Fixture *fixture) {
        int client = client_open(fixture);

        say_hello(client);
        say_pings(client, 0, 1);
        run(fixture);
        assert_true(hear(client, SIZE_MAX) > 0);
        return client;
}

/* --- the loop --------------------------------------------------------------------------------------------------------- */

/* Who has been costly waits, whatever he does to his connections. */
static void test_hang_up(void **state) {
        const Fixture *fixture = *state;
        int clients[3];

        for (size_t i = 0; i < ELEMENTSOF(clients); i++)
                clients[i] = client_begin(fixture);
        for (size_t i = 0; i < ELEMENTSOF(clients); i++) {
                say_pings(clients[i], NO_REPLY, 100);
                assert_int_equal(shutdown(clients[i], SHUT_RDWR), 0);
        }
        n_looks = 0;
        cost = EVER;
        run(fixture);
        assert_int_equal(n_looks, 2);
        for (size_t i = 0; i < ELEMENTSOF(clients); i++)
                (void) close(clients[i]);
        run(fixture);
        assert_int_equal(n_looks, 2);
}

/* The same, if his last connection has ended in that turn. */
static void test_last_connection(void **state) {
        const Fixture *fixture = *state;
        int client = client_begin(fixture);

        cost = EVER;
        say_pings(client, 0, 1);
        assert_int_equal(shutdown(client, SHUT_RDWR), 0); /* so that the answer fails */
        n_looks = 0;
        run(fixture);
        assert_int_equal(n_looks, 2);
        (void) close(client);

        client = client_open(fixture);
        say_hello(client);
        run(fixture);
        assert_int_equal(n_looks, 2);
        assert_int_equal(hear(client, SIZE_MAX), 0);
        (void) close(client);
}

/* When he has waited enough he is served, and what had been read ahead as well. */
static void test_pause_ends(void **state) {
        const Fixture *fixture = *state;
        int client = client_begin(fixture);
        size_t n = 0, one;

        say_pings(client, 0, 1);
        run(fixture);
        one = hear(client, SIZE_MAX);
        assert_true(one > 0);

        cost = USEC_PER_SEC / 100;
        say_pings(client, 0, 50);
        for (unsigned i = 0; i < TURNS_MAX && n < 50 * one; i++) {
                run_for_a_while(fixture);
                n += hear(client, SIZE_MAX);
        }
        assert_int_equal(n, 50 * one);
        (void) close(client);
}

/* --- answers ---------------------------------------------------------------------------------------------------------- */

/* However it is read, nothing is done for a peer that has not read the last answer. */
static void test_sips(void **state) {
        const Fixture *fixture = *state;
        int client = client_begin(fixture);
        size_t n_read = 0;

        say_calls(client, 0, "/long", 100);
        for (unsigned i = 0; i < 40; i++) {
                run(fixture);
                assert_in_range(n_answers, 1, n_read / ANSWER + 2); /* one more: what the socket holds */
                n_read += hear(client, 170 * 1024);
        }
        assert_true(n_read > 10 * ANSWER);
        (void) close(client);
}

static void test_answers_that_are_never_read(void **state) {
        const Fixture *fixture = *state;
        int client = client_begin(fixture);

        patience = USEC_PER_SEC / 10;
        say_calls(client, 0, "/long", 10);
        for (unsigned i = 0; i < TURNS_MAX && !is_closed(client); i++)
                run_for_a_while(fixture);
        assert_true(is_closed(client));
        assert_int_equal(n_answers, 1);
        (void) close(client);
}

/* With some on as many connections as may have any, the others have to wait; no longer than that. */
static void test_connections_with_unread_answers(void **state) {
        const Fixture *fixture = *state;
        int clients[CGMOVE_UNREAD_PER_USER_MAX + 2], idle = client_begin(fixture);

        for (size_t i = 0; i < ELEMENTSOF(clients); i++) {
                clients[i] = client_open(fixture);
                say_hello(clients[i]);
                say_calls(clients[i], 0, "/long", 10);
                run(fixture);
        }
        for (size_t i = 0; i < ELEMENTSOF(clients); i++)
                assert_int_equal(has_heard(clients[i]), i < CGMOVE_UNREAD_PER_USER_MAX);
        assert_int_equal(n_answers, CGMOVE_UNREAD_PER_USER_MAX);
        say_pings(idle, 0, 1);
        run(fixture);
        assert_false(has_heard(idle));

        for (size_t i = 0; i < 3; i++) /* for the idle one, and the two that waited */
                (void) close(clients[i]);
        for (unsigned i = 0; i < TURNS_MAX && !has_heard(idle); i++)
                run_for_a_while(fixture);
        assert_true(has_heard(idle));
        for (size_t i = 3; i < ELEMENTSOF(clients); i++)
                (void) close(clients[i]);
        (void) close(idle);
}

/* --- processes -------------------------------------------------------------------------------------------------------- */

/* A call about N processes; whether it is let in. */
static bool call_about(const Fixture *fixture, int client, size_t n) {
        size_t before = n_calls;

        n_processes = n;
        say_calls(client, 0, "/later", 1);
        run(fixture);
        assert_int_equal(hear(client, SIZE_MAX) > 0, n_calls == before); /* the others are answered at once */
        return n_calls > before;
}

/* All calls of a user that wait together are about so many processes at most; what is over does not count. */
static void test_processes(void **state) {
        const Fixture *fixture = *state;
        int clients[] = { client_begin(fixture), client_begin(fixture) };

        assert_true(call_about(fixture, clients[0], CGMOVE_TARGETS_PER_USER_MAX - 1));
        assert_false(call_about(fixture, clients[1], 2));
        assert_true(call_about(fixture, clients[1], 1));
        assert_false(call_about(fixture, clients[1], 1));
        /* one that finds out that it is about more */
        assert_true(pending_hold(&calls[1], 2, NULL) < 0);
        assert_int_equal(pending_hold(&calls[0], 10, NULL), 0);
        assert_int_equal(pending_hold(&calls[1], 2, NULL), 0);

        (void) close(clients[0]); /* and with it its call */
        run(fixture);
        assert_true(call_about(fixture, clients[1], CGMOVE_TARGETS_PER_USER_MAX - 2));
        (void) close(clients[1]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_hang_up),
                TEST(test_last_connection),
                TEST(test_pause_ends),
                TEST(test_sips),
                TEST(test_answers_that_are_never_read),
                TEST(test_connections_with_unread_answers),
                TEST(test_processes),
        };

        return cmocka_run_group_tests_name("listener", tests, NULL, NULL);
}
