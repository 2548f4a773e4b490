/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a peer can make sd-bus take in, and that all of it is given back. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/bus-bounds.h"

#define BYTES_MAX (256 * 1024)
#define STEPS_MAX 100

#define ENDIAN (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 'l' : 'B')

typedef struct Message {
        uint8_t bytes[256];
        size_t size, head_size;
} Message;

typedef struct Server {
        Kernel kernel;
        sd_bus *bus;
        BusBounds bounds;
        int peer;
        unsigned n_fds; /* of ours, before */
} Server;

static unsigned count_fds(void) {
        unsigned n = 0;

        for (int fd = 0; fd < 2000; fd++)
                n += fcntl(fd, F_GETFD) >= 0;
        return n;
}

/* Until there is nothing to do and nothing to read, as the loop does; or the last error. */
static int run(Server *server) {
        int left = 0, r = 1;

        for (unsigned i = 0; i < STEPS_MAX && (r > 0 || left > 0); i++) {
                r = bus_bounds_step(&server->bounds);
                if (r < 0)
                        break;
                assert_true(ioctl(sd_bus_get_fd(server->bus), FIONREAD, &left) >= 0);
        }
        return r;
}

/* Whether there was any answer: here an error, since there is no such object. */
static bool is_answered(const Server *server) {
        char buffer[4096];

        return read(server->peer, buffer, sizeof(buffer)) > 0;
}

static const char auth[] = "\0AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n";

/* BYTES, with an authentication, are there before the server is, or come after it. */
static void begin(Server *server, bool late, const void *bytes, size_t size) {
        int sockets[2];

        *server = (Server){ .kernel = KERNEL_INIT, .n_fds = count_fds() };
        assert_int_equal(kernel_open("/", &server->kernel), 0);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sockets), 0);
        server->peer = sockets[1];
        assert_true(sd_bus_new(&server->bus) >= 0);
        assert_true(sd_bus_set_fd(server->bus, sockets[0], sockets[0]) >= 0);
        assert_true(sd_bus_set_server(server->bus, 1,
                                      SD_ID128_MAKE(1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5, 6)) >= 0);
        assert_true(sd_bus_negotiate_fds(server->bus, 1) >= 0);
        assert_true(bus_bounds_init(&server->bounds, server->bus, &server->kernel, BYTES_MAX) >= 0);
        if (!late)
                assert_int_equal(write(server->peer, bytes, size), (ssize_t) size);
        assert_true(bus_bounds_start(&server->bounds) >= 0);
        if (late)
                assert_int_equal(write(server->peer, bytes, size), (ssize_t) size);
        assert_int_equal(run(server), 0);
        assert_true(is_answered(server));
}

static void end(Server *server) {
        sd_bus_close_unref(server->bus);
        (void) close(server->peer);
        kernel_done(&server->kernel);
        assert_int_equal(count_fds(), server->n_fds);
}

static void add_text(Message *message, uint8_t code, char type, const char *text) {
        uint32_t length = (uint32_t) strlen(text);

        message->size = (message->size + 7) / 8 * 8;
        message->bytes[message->size++] = code;
        message->bytes[message->size++] = 1;
        message->bytes[message->size++] = (uint8_t) type;
        message->bytes[message->size++] = 0;
        if (type == 'g')
                message->bytes[message->size++] = (uint8_t) length;
        else {
                memcpy(message->bytes + message->size, &length, 4);
                message->size += 4;
        }
        memcpy(message->bytes + message->size, text, length + 1);
        message->size += length + 1;
}

static void add_number(Message *message, uint8_t code, uint32_t number) {
        message->size = (message->size + 7) / 8 * 8;
        memcpy(message->bytes + message->size, (uint8_t[]){ code, 1, 'u', 0 }, 4);
        memcpy(message->bytes + message->size + 4, &number, 4);
        message->size += 8;
}

/* A call that announces N descriptors, without its body, that would be of 12 bytes; head_size is without padding. */
static Message make_call(const char *member, uint32_t n) {
        Message message = { .bytes = { ENDIAN, 1, 0, 1, 12, 0, 0, 0, 1 }, .size = 16 };
        uint32_t size;

        add_text(&message, 1, 'o', "/org/cgmove1");
        add_text(&message, 2, 's', "org.cgmove1.Manager");
        add_text(&message, 3, 's', member);
        add_text(&message, 8, 'g', "aha{sv}");
        if (n > 0)
                add_number(&message, 9, n);
        message.head_size = message.size;
        size = (uint32_t) message.size - 16;
        memcpy(message.bytes + 12, &size, 4);
        message.size = (message.size + 7) / 8 * 8 + 12;
        return message;
}

static void send_fds(const Server *server, const void *bytes, size_t size, unsigned n) {
        union {
                struct cmsghdr header;
                char room[CMSG_SPACE(253 * sizeof(int))];
        } control = {};
        struct iovec iov = { .iov_base = (void *) (uintptr_t) bytes, .iov_len = size };
        struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

        if (n > 0) {
                message.msg_control = &control;
                message.msg_controllen = CMSG_SPACE(n * sizeof(int));
                control.header.cmsg_level = SOL_SOCKET;
                control.header.cmsg_type = SCM_RIGHTS;
                control.header.cmsg_len = CMSG_LEN(n * sizeof(int));
                for (unsigned i = 0; i < n; i++)
                        memcpy(CMSG_DATA(&control.header) + i * sizeof(int), &server->peer, sizeof(int));
        }
        assert_int_equal(sendmsg(server->peer, &message, 0), (ssize_t) size);
}

static void begin_authenticated(Server *server) {
        begin(server, false, auth, sizeof(auth) - 1);
}

static void test_good_calls(void **state) {
        static const uint32_t numbers[] = { 0, 1, 2, 128 };
        Server server;

        begin(&server, true, auth, sizeof(auth) - 1);
        send_fds(&server, make_call("Move", 1).bytes, make_call("Move", 1).size, 1);
        assert_int_equal(run(&server), 0);
        assert_true(is_answered(&server));
        end(&server);

        begin_authenticated(&server);
        for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
                Message call = make_call("Move", numbers[i]);
                unsigned n_fds = count_fds();

                send_fds(&server, call.bytes, call.size, numbers[i]);
                assert_int_equal(run(&server), 0);
                assert_true(is_answered(&server));
                assert_false(bus_bounds_message_has_begun(&server.bounds));
                assert_int_equal(count_fds(), n_fds);
        }
        end(&server);
}

/* The descriptors go back at once, and the connection with them. */
static void assert_refused(const void *bytes, size_t size, unsigned n) {
        Server server;

        begin_authenticated(&server);
        send_fds(&server, bytes, size, n);
        assert_int_equal(run(&server), -EBADFD);
        assert_false(is_answered(&server));
        end(&server);
}

static void test_descriptors_of_what_is_no_call(void **state) {
        Message call = make_call("Move", 1), other;

        assert_refused(call.bytes, call.size, 2); /* more than announced */
        assert_refused(call.bytes, 1, 1);
        assert_refused(call.bytes, 16, 1); /* the head is not there */
        assert_refused(call.bytes, call.head_size - 1, 1);
        other = make_call("Move", 129);
        assert_refused(other.bytes, other.size, 129);
        other = make_call("Move", 2);
        assert_refused(other.bytes, other.size, 1); /* fewer */
        other = make_call("Move", 0);
        assert_refused(other.bytes, other.size, 1);
        other = make_call("ListJobs", 1);
        assert_refused(other.bytes, other.size, 1);
}

/* In the middle of a message, and where none has begun for certain. */
static void test_descriptors_at_another_place(void **state) {
        Message call = make_call("Move", 1);
        char both[1024];
        Server server;

        begin_authenticated(&server);
        send_fds(&server, call.bytes, call.size - 1, 1);
        assert_int_equal(run(&server), 0);
        send_fds(&server, call.bytes + call.size - 1, 1, 1);
        assert_int_equal(run(&server), -EBADFD);
        end(&server);

        memcpy(both, auth, sizeof(auth) - 1);
        memcpy(both + sizeof(auth) - 1, call.bytes, 8);
        begin(&server, true, both, sizeof(auth) - 1 + 8);
        send_fds(&server, call.bytes + 8, call.size - 8, 1);
        assert_int_equal(run(&server), -EBADFD);
        end(&server);

        /* a first message that ends like an authentication */
        memcpy(both + sizeof(auth) - 1 + 24, "\r\nBEGIN\r\n", 9);
        memcpy(both + sizeof(auth) - 1, call.bytes, 24);
        begin(&server, true, both, sizeof(auth) - 1 + 24 + 9);
        send_fds(&server, call.bytes, call.size, 1);
        assert_int_equal(run(&server), -EBADFD);
        end(&server);
}

/* With any byte of the head changed it is another head, but for the flags, the sizes of the body, and the serial. */
static void test_head(void **state) {
        Message call = make_call("Check", 3);

        assert_true(fd_gate_head_is_good(call.bytes, call.head_size, 3));
        assert_false(fd_gate_head_is_good(call.bytes, call.head_size, 2));
        assert_false(fd_gate_head_is_good(call.bytes, call.head_size - 1, 3));
        assert_false(fd_gate_head_is_good(call.bytes, 15, 3));
        assert_false(fd_gate_head_is_good(call.bytes, 0, 3));
        for (size_t i = 0; i < call.head_size; i++)
                for (unsigned bit = 0; bit < 8; bit++) {
                        Message changed = call;

                        changed.bytes[i] ^= (uint8_t) (1U << bit);
                        assert_int_equal(fd_gate_head_is_good(changed.bytes, changed.head_size, 3),
                                         i == 2 || (i >= 4 && i < 8) ||
                                                         (i >= 8 && i < 12 && !(i == 8 && bit == 0)));
                }

        add_number(&call, 9, 3); /* twice */
        call.head_size = call.size;
        assert_false(fd_gate_head_is_good(call.bytes, call.head_size, 3));
}

static void test_too_many_bytes(void **state) {
        static const uint8_t header[24] = { ENDIAN, 1, 0, 1, 0, 0, 0, 4, 1 }; /* 64 MiB of body */
        static const uint8_t part[16384];
        Server server;
        int r;

        begin_authenticated(&server);
        send_fds(&server, header, sizeof(header), 0);
        r = run(&server);
        for (unsigned i = 0; i < 40 && r >= 0; i++) { /* some versions make room as it comes */
                send_fds(&server, part, sizeof(part), 0);
                r = run(&server);
        }
        assert_int_equal(r, -EMSGSIZE);
        end(&server);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_good_calls),
                cmocka_unit_test(test_descriptors_of_what_is_no_call),
                cmocka_unit_test(test_descriptors_at_another_place),
                cmocka_unit_test(test_head),
                cmocka_unit_test(test_too_many_bytes),
        };

        return cmocka_run_group_tests_name("bus-bounds", tests, NULL, NULL);
}
