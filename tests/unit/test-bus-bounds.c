/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <systemd/sd-bus.h>

#include <cmocka.h>

#include "daemon/bus-bounds.h"
#include "daemon/call-head.h"
#include "lib/cleanup.h"

/* --- a message, made by hand ---------------------------------------------------------------------------- */

typedef struct Text {
        uint8_t bytes[2048];
        size_t n;
} Text;

static void pad(Text *t, size_t to) {
        while (t->n % to != 0)
                t->bytes[t->n++] = 0;
}

static void add_u32(Text *t, uint32_t value) {
        pad(t, 4);
        memcpy(t->bytes + t->n, &value, 4);
        t->n += 4;
}

static void add_text(Text *t, const char *text) {
        memcpy(t->bytes + t->n, text, strlen(text) + 1);
        t->n += strlen(text) + 1;
}

static void add_field(Text *t, uint8_t code, char type, const char *text) {
        pad(t, 8);
        memcpy(t->bytes + t->n, (const uint8_t[]){ code, 1, (uint8_t) type, 0 }, 4);
        t->n += 4;
        if (type == 'g')
                t->bytes[t->n++] = (uint8_t) strlen(text);
        else
                add_u32(t, (uint32_t) strlen(text));
        add_text(t, text);
}

/* What a case changes; the rest is right. */
typedef struct Call {
        const char *path, *interface, *member, *destination, *signature;
        uint8_t unknown; /* a field of that code */
        unsigned n_fds;
        bool twice; /* the member */
} Call;

/* A head, and behind it a body with N_FDS descriptors and no options. Returns the size of the head. */
static size_t compose(Text *t, const Call *call) {
        size_t head;

        *t = (Text){ .n = CALL_HEAD_MIN, .bytes = { 'l', 1, 0, 1, 0, 0, 0, 0, 7 } };
        add_field(t, 1, 'o', call->path ?: "/org/cgmove1");
        if (call->interface)
                add_field(t, 2, 's', call->interface);
        add_field(t, 3, 's', call->member ?: "Move");
        if (call->twice)
                add_field(t, 3, 's', "Move");
        if (call->destination)
                add_field(t, 6, 's', call->destination);
        if (call->unknown)
                add_field(t, call->unknown, 's', "x");
        add_field(t, 8, 'g', call->signature ?: "aha{sv}");
        pad(t, 8);
        memcpy(t->bytes + t->n, (const uint8_t[]){ 9, 1, 'u', 0 }, 4);
        t->n += 4;
        add_u32(t, call->n_fds);
        memcpy(t->bytes + 12, &(uint32_t){ (uint32_t) (t->n - CALL_HEAD_MIN) }, 4);
        pad(t, 8);
        head = t->n;
        add_u32(t, 4 * call->n_fds);
        for (unsigned i = 0; i < call->n_fds; i++)
                add_u32(t, i);
        add_u32(t, 0);
        pad(t, 8);
        memcpy(t->bytes + 4, &(uint32_t){ (uint32_t) (t->n - head) }, 4);
        return head;
}

/* --- heads ---------------------------------------------------------------------------------------------- */

static void test_heads(void **state) {
        static const struct {
                Call call;
                bool takes;
        } cases[] = {
                { { .n_fds = 1 }, true },
                { { .n_fds = 128 }, true },
                { { .n_fds = 1, .member = "Check" }, true },
                { { .n_fds = 1, .interface = "org.cgmove1.Manager", .destination = "org.cgmove1" }, true },
                { { .n_fds = 1, .interface = "org.cgmove1.Job" }, false },
                { { .n_fds = 1, .path = "/org/cgmove1/" }, false },
                { { .n_fds = 1, .path = "/org/cgmove1/job/1" }, false },
                { { .n_fds = 1, .member = "Explain" }, false },
                { { .n_fds = 1, .member = "Mov" }, false },
                { { .n_fds = 1, .destination = "x" }, false },
                { { .n_fds = 1, .signature = "ah" }, false },
                { { .n_fds = 1, .unknown = 7 }, false },
                { { .n_fds = 1, .unknown = 10 }, false },
                { { .n_fds = 1, .twice = true }, false },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                uint64_t head, whole;
                Text t;
                size_t n = compose(&t, &cases[i].call);

                assert_true(call_head_get_sizes(t.bytes, &head, &whole));
                assert_int_equal(head, n);
                assert_int_equal(whole, t.n);
                assert_int_equal(call_head_takes_fds(t.bytes, n, cases[i].call.n_fds), cases[i].takes);
                assert_false(call_head_takes_fds(t.bytes, n, cases[i].call.n_fds + 1));
        }
}

/* Whatever byte of the fixed part, the padding or the types is another one: it is not taken. And no part is enough. */
static void test_changed_heads(void **state) {
        uint8_t *exact;
        size_t n;
        Text t;

        n = compose(&t, &(Call){ .n_fds = 1, .interface = "org.cgmove1.Manager" });
        exact = malloc(n); /* so that the address sanitizer sees what is read behind it */
        assert_non_null(exact);
        for (size_t i = 0; i < n; i++) {
                if (i == 2 || (i >= 4 && i < 12)) /* flags, size of the body, number */
                        continue;
                memcpy(exact, t.bytes, n);
                exact[i] ^= 1;
                assert_false(call_head_takes_fds(exact, n, 1));
        }
        free(exact);
        for (size_t i = 0; i < n; i++) {
                exact = malloc(i + 1);
                assert_non_null(exact);
                memcpy(exact, t.bytes, i);
                assert_false(call_head_takes_fds(exact, i, 1));
                free(exact);
        }
        assert_true(call_head_takes_fds(t.bytes, n, 1));
        t.bytes[8] = 0; /* the number of the call */
        assert_false(call_head_takes_fds(t.bytes, n, 1));
        t.bytes[0] = 'x';
        assert_false(call_head_get_sizes(t.bytes, &(uint64_t){ 0 }, &(uint64_t){ 0 }));
}

/* --- sd-bus --------------------------------------------------------------------------------------------- */

typedef struct Server {
        sd_bus *bus;
        BusBounds bounds;
        int client;
        unsigned n_messages, n_fds;
} Server;

static int on_message(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
        Server *server = userdata;
        int fd;

        server->n_messages++;
        if (sd_bus_message_enter_container(message, 'a', "h") > 0)
                while (sd_bus_message_read_basic(message, 'h', &fd) > 0)
                        server->n_fds += fcntl(fd, F_GETFD) >= 0;
        return 1;
}

/* Until there is nothing to do and nothing to read, as the loop does. Returns what ends the connection, or 0. */
static int run(Server *server) {
        int left = 0, r = 1;

        for (unsigned i = 0; i < 100 && (r > 0 || left > 0); i++) {
                r = bus_bounds_step(&server->bounds);
                if (r < 0)
                        break;
                assert_true(ioctl(sd_bus_get_fd(server->bus), FIONREAD, &left) >= 0);
        }
        return r;
}

static void say(const Server *server, const void *bytes, size_t size, unsigned n_fds) {
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(int) * 253)];
        } control = { .space = "" };
        struct iovec iov = { .iov_base = (void *) bytes, .iov_len = size };
        struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
        int fds[253];

        for (unsigned i = 0; i < n_fds; i++)
                fds[i] = server->client;
        if (n_fds > 0) {
                message.msg_control = &control;
                message.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
                control.header = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int) * n_fds),
                                                   .cmsg_level = SOL_SOCKET,
                                                   .cmsg_type = SCM_RIGHTS };
                memcpy(CMSG_DATA(&control.header), fds, sizeof(int) * n_fds);
        }
        assert_int_equal(sendmsg(server->client, &message, MSG_NOSIGNAL), size);
}

static void say_hello(const Server *server, const char *more, size_t size) {
        char text[2048], uid[16];
        size_t n;

        (void) snprintf(uid, sizeof(uid), "%u", geteuid());
        n = (size_t) snprintf(text, sizeof(text), "%cAUTH EXTERNAL ", 0);
        for (size_t i = 0; uid[i]; i++)
                n += (size_t) snprintf(text + n, sizeof(text) - n, "%02x", (unsigned) uid[i]);
        n += (size_t) snprintf(text + n, sizeof(text) - n, "\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n");
        if (size > 0)
                memcpy(text + n, more, size);
        say(server, text, n + size, 0);
}

static void server_init(Server *server) {
        int sockets[2];

        *server = (Server){ .client = -1 };
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sockets), 0);
        server->client = sockets[1];
        assert_true(sd_bus_new(&server->bus) >= 0);
        assert_true(sd_bus_set_fd(server->bus, sockets[0], sockets[0]) >= 0);
        assert_true(sd_bus_set_server(server->bus, 1, SD_ID128_MAKE(01, 02, 03, 04, 05, 06, 07, 08, 09, 0a, 0b, 0c, 0d, 0e, 0f, 10)) >=
                    0);
        assert_true(sd_bus_negotiate_fds(server->bus, 1) >= 0);
        assert_true(sd_bus_add_filter(server->bus, NULL, on_message, server) >= 0);
        assert_true(bus_bounds_init(&server->bounds, server->bus, geteuid(), CGMOVE_MESSAGE_MAX) >= 0);
        assert_true(bus_bounds_start(&server->bounds) >= 0);
}

static void server_done(Server *server) {
        (void) sd_bus_close_unref(server->bus);
        bus_bounds_done(&server->bounds);
        closep(&server->client);
}

/* The lowest free number: when everything is closed, it is what it was. */
static int next_fd(void) {
        int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);

        closep(&fd);
        return fd;
}

static void test_descriptors_arrive(void **state) {
        int before = next_fd();
        Server server;
        Text t;

        server_init(&server);
        say_hello(&server, NULL, 0);
        assert_int_equal(run(&server), 0);
        for (unsigned n = 0; n <= CGMOVE_PROCESSES_MAX; n += 32) {
                compose(&t, &(Call){ .n_fds = n });
                server.n_fds = 0;
                say(&server, t.bytes, t.n, n);
                assert_int_equal(run(&server), 0);
                assert_int_equal(server.n_fds, n);
        }
        assert_int_equal(server.n_messages, 5);
        server_done(&server);
        assert_int_equal(next_fd(), before);
}

/* The first call may come with the authentication, as that of `cgmove exec` does, and any in pieces, its descriptors with any. */
static void test_pieces(void **state) {
        int before = next_fd();
        Server server;
        Text t;

        compose(&t, &(Call){ .n_fds = 0 });
        server_init(&server);
        say_hello(&server, (const char *) t.bytes, t.n);
        assert_int_equal(run(&server), 0);
        assert_int_equal(server.n_messages, 1);

        compose(&t, &(Call){ .n_fds = 2 });
        for (size_t i = 0; i < t.n; i++) {
                assert_int_equal(bus_bounds_message_has_begun(&server.bounds), i > 0);
                say(&server, t.bytes + i, 1, i == 5 || i == t.n - 1);
                assert_int_equal(run(&server), 0);
        }
        assert_false(bus_bounds_message_has_begun(&server.bounds));
        assert_int_equal(server.n_messages, 2);
        assert_int_equal(server.n_fds, 2);

        /* two calls at once */
        compose(&t, &(Call){ .n_fds = 0 });
        memcpy(t.bytes + t.n, t.bytes, t.n);
        say(&server, t.bytes, 2 * t.n, 0);
        assert_int_equal(run(&server), 0);
        assert_int_equal(server.n_messages, 4);
        server_done(&server);
        assert_int_equal(next_fd(), before);
}

/* While nothing is to be read, not even what has begun goes on; nothing of it is lost. */
static void test_hold(void **state) {
        Server server;
        Text t;

        compose(&t, &(Call){ .n_fds = 2 });
        server_init(&server);
        say_hello(&server, NULL, 0);
        assert_int_equal(run(&server), 0);
        say(&server, t.bytes, 30, 2);
        assert_int_equal(run(&server), 0);

        bus_bounds_hold(&server.bounds, true);
        say(&server, t.bytes + 30, t.n - 30, 0);
        assert_int_equal(run(&server), 0);
        assert_int_equal(server.n_messages, 0);
        assert_true(bus_bounds_message_has_begun(&server.bounds));

        bus_bounds_hold(&server.bounds, false);
        assert_int_equal(run(&server), 0);
        assert_int_equal(server.n_messages, 1);
        assert_int_equal(server.n_fds, 2);
        server_done(&server);
}

/* What sd-bus would drop without a word, or take more of than it should: the connection ends, and nothing is left of it. */
static void test_refused(void **state) {
        static const struct {
                Call call;
                unsigned n_fds, n_later; /* what really comes, and with the last byte */
                uint32_t size; /* that is announced for the body; 0: the right one */
                int error;
        } cases[] = {
                { { .path = "/org/cgmove1/" }, 0, 0, 0, -EBADMSG }, /* malformed, without descriptors */
                { { .path = "/org/cgmove1/", .n_fds = 1 }, 1, 0, 0, -EBADMSG },
                { { .path = "/org/cgmove1/", .n_fds = 8 }, 8, 0, 0, -EBADMSG },
                { { .member = "Explain", .n_fds = 1 }, 1, 0, 0, -EBADMSG },
                { { .n_fds = 1 }, 3, 0, 0, -EBADMSG },
                { { .n_fds = 3 }, 1, 1, 0, -EBADMSG },
                { { .n_fds = 129 }, 129, 0, 0, -EMFILE },
                { { .n_fds = 200 }, 100, 100, 0, -EMFILE },
                { { .n_fds = 253 }, 253, 0, 0, -EMFILE },
                { { .n_fds = 1 }, 1, 0, CGMOVE_MESSAGE_MAX, -EMSGSIZE },
                { { .n_fds = 0 }, 0, 0, 0x7fffff00, -EMSGSIZE },
                { { .n_fds = 0 }, 0, 0, UINT32_MAX, -EMSGSIZE },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                static Text t;
                int before = next_fd(), r;
                Server server;

                compose(&t, &cases[i].call);
                if (cases[i].size > 0)
                        memcpy(t.bytes + 4, &cases[i].size, 4);
                server_init(&server);
                say_hello(&server, NULL, 0);
                assert_int_equal(run(&server), 0);
                say(&server, t.bytes, t.n - 1, cases[i].n_fds);
                r = run(&server);
                if (r == 0) {
                        say(&server, t.bytes + t.n - 1, 1, cases[i].n_later);
                        r = run(&server);
                }
                assert_int_equal(r, cases[i].error);
                assert_int_equal(r == -EBADMSG ? 0 : bus_bounds_get_error(&server.bounds), r == -EBADMSG ? 0 : r);
                assert_int_equal(server.n_messages, 0);
                server_done(&server);
                assert_int_equal(next_fd(), before);
        }
}

/* Descriptors that come before anybody is authenticated, or with half of a message whose other half never comes. */
static void test_unfinished(void **state) {
        int before = next_fd();
        Server server;
        Text t;

        compose(&t, &(Call){ .n_fds = 4 });
        server_init(&server);
        say(&server, "\0AUTH", 5, 4);
        assert_int_equal(run(&server), -EBADMSG);
        server_done(&server);
        assert_int_equal(next_fd(), before);

        for (size_t n = 1; n < t.n; n += 7) {
                server_init(&server);
                say_hello(&server, NULL, 0);
                assert_int_equal(run(&server), 0);
                say(&server, t.bytes, n, 4);
                assert_int_equal(run(&server), 0);
                server_done(&server);
                assert_int_equal(next_fd(), before);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_heads),
                cmocka_unit_test(test_changed_heads),
                cmocka_unit_test(test_descriptors_arrive),
                cmocka_unit_test(test_pieces),
                cmocka_unit_test(test_hold),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_unfinished),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
