/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The constant call of `cgmove exec` against what sd-bus makes of the same call, and its answers, the false
 * ones too. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/peer-wire.h"
#include "lib/protocol.h"
#include "tools/move-self.h"

/* sd-bus as the server at one end of a socket pair. */
typedef struct Pair {
        sd_bus *server;
        sd_bus_message *received;
} Pair;

static int on_message(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
        Pair *pair = userdata;

        pair->received = sd_bus_message_ref(message);
        return 1;
}

static void connect_pair(Pair *pair, int fds[2]) {
        sd_id128_t id = SD_ID128_MAKE(01, 02, 03, 04, 05, 06, 07, 08, 09, 0a, 0b, 0c, 0d, 0e, 0f, 10);

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
        assert_int_equal(sd_bus_new(&pair->server), 0);
        assert_int_equal(sd_bus_set_fd(pair->server, fds[0], fds[0]), 0);
        assert_true(sd_bus_set_server(pair->server, 1, id) >= 0);
        assert_true(sd_bus_negotiate_fds(pair->server, 1) >= 0);
        assert_true(sd_bus_add_filter(pair->server, NULL, on_message, pair) >= 0);
        assert_true(sd_bus_start(pair->server) >= 0);
}

static void turn(Pair *pair) {
        for (unsigned i = 0; i < 100 && !pair->received; i++)
                assert_true(sd_bus_process(pair->server, NULL) >= 0);
}

static const char authentication[] = "\0AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n";

/* sd-bus, being the server here, understands it as the call that it is meant to be. */
static void check_call(char *const *command, const char *expected) {
        const char *kind_key, *kind, *self_key, *command_key, *text;
        uint8_t call[MOVE_SELF_CALL_MAX];
        int fds[2], self = 0;
        Pair pair = {};
        size_t size;

        size = move_self_make_call(command, call);
        assert_true(size <= sizeof(call));
        connect_pair(&pair, fds);
        assert_true(write(fds[1], authentication, sizeof(authentication) - 1) > 0);
        assert_int_equal(write(fds[1], call, size), size);
        turn(&pair);

        assert_non_null(pair.received);
        assert_true(sd_bus_message_is_method_call(pair.received, CGMOVE_MANAGER_INTERFACE, "Move"));
        assert_string_equal(sd_bus_message_get_path(pair.received), CGMOVE_PATH);
        assert_true(sd_bus_message_has_signature(pair.received, "aha{sv}"));
        assert_true(sd_bus_message_read(pair.received, "ah", 0) >= 0);
        assert_true(sd_bus_message_read(pair.received, "a{sv}", 3, &kind_key, "s", &kind, &self_key, "b", &self,
                                        &command_key, "s", &text) > 0);
        assert_string_equal(command_key, "command");
        assert_string_equal(text, expected);
        assert_string_equal(kind_key, "kind");
        assert_string_equal(kind, "exec");
        assert_string_equal(self_key, "self");
        assert_true(self);
        assert_true(sd_bus_message_at_end(pair.received, true) > 0);

        (void) sd_bus_message_unref(pair.received);
        (void) sd_bus_close_unref(pair.server);
        (void) close(fds[1]);
}

static void test_call(void **state) {
        char digits[] = "12345678";
        char all[CGMOVE_COMMAND_MAX + 1], cut[CGMOVE_COMMAND_MAX + 1], longer[CGMOVE_COMMAND_MAX + 20];

        memset(all, 'a', sizeof(all) - 1);
        all[CGMOVE_COMMAND_MAX] = '\0';
        memset(longer, 'b', sizeof(longer) - 1);
        longer[sizeof(longer) - 1] = '\0';
        memset(cut, 'b', sizeof(cut) - 1);
        cut[0] = 'x';
        cut[1] = ' ';
        cut[CGMOVE_COMMAND_MAX] = '\0';

        for (size_t i = 0; i < 9; i++) /* whatever the length leaves of a multiple of 8 */
                check_call((char *[]){ &digits[i], NULL }, &digits[i]);
        check_call((char *[]){ (char *) "sh", (char *) "-c", (char *) "sleep 1; \xff\n", NULL }, "sh -c sleep 1; ??");
        check_call((char *[]){ all, (char *) "more", NULL }, all);
        check_call((char *[]){ (char *) "x", longer, (char *) "more", NULL }, cut);
}

/* What sd-bus sends as an answer, as bytes. */
static size_t make_answer(const char *error, const char *text, uint8_t *buffer, size_t size) {
        sd_bus_error bus_error = SD_BUS_ERROR_MAKE_CONST(error, text);
        Pair pair = {};
        int fds[2];
        ssize_t n;

        connect_pair(&pair, fds);
        assert_true(write(fds[1], authentication, sizeof(authentication) - 1) > 0);
        turn(&pair);
        n = read(fds[1], buffer, size); /* the agreement */
        assert_true(n > 0);

        assert_true(write(fds[1], "l\1\0\1\0\0\0\0\1\0\0\0\35\0\0\0\1\1o\0\1\0\0\0/\0\0\0\0\0\0\0\3\1s\0\4\0\0\0Move\0\0\0\0",
                          48) == 48);
        turn(&pair);
        assert_non_null(pair.received);
        if (error)
                assert_true(sd_bus_reply_method_error(pair.received, &bus_error) >= 0);
        else
                assert_true(sd_bus_reply_method_return(pair.received, "t", UINT64_C(17)) >= 0);
        n = read(fds[1], buffer, size);
        assert_true(n > 0);

        (void) sd_bus_message_unref(pair.received);
        (void) sd_bus_close_unref(pair.server);
        (void) close(fds[1]);
        return (size_t) n;
}

static void test_answers(void **state) {
        char reason[MOVE_SELF_REASON_MAX] = "";
        uint8_t answer[1024];
        size_t size;

        size = make_answer(NULL, NULL, answer, sizeof(answer));
        assert_int_equal(move_self_parse(answer, size, reason), 0);

        size = make_answer(CGMOVE_ERROR_DENIED, "No policy allows it.", answer, sizeof(answer));
        assert_int_equal(move_self_parse(answer, size, reason), 1);
        assert_string_equal(reason, "No policy allows it.");

        /* no refusal: it may be asked again */
        size = make_answer(CGMOVE_ERROR_BUSY, "The pool is being started.", answer, sizeof(answer));
        assert_int_equal(move_self_parse(answer, size, reason), -EAGAIN);

        /* cut short, anywhere */
        for (size_t i = 0; i < size; i++)
                assert_int_equal(move_self_parse(answer, i, reason), -EBADMSG);
}

static void test_false_answers(void **state) {
        char reason[MOVE_SELF_REASON_MAX];
        uint8_t answer[1024];
        size_t size = make_answer(CGMOVE_ERROR_DENIED, "No policy allows it.", answer, sizeof(answer));
        uint8_t *length = answer + size - sizeof("No policy allows it.") - 4;

        *length = 200; /* longer than the body */
        assert_int_equal(move_self_parse(answer, size, reason), -EBADMSG);
        *length = 3; /* no NUL behind it */
        assert_int_equal(move_self_parse(answer, size, reason), -EBADMSG);
        answer[1] = 4; /* a signal */
        assert_int_equal(move_self_parse(answer, size, reason), -EBADMSG);
        answer[0] = 'B';
        assert_int_equal(move_self_parse(answer, size, reason), -EBADMSG);
        answer[0] = 'l';
        memset(answer + 4, 0xff, 4); /* a body of 4 GiB */
        assert_int_equal(move_self_parse(answer, size, reason), -EBADMSG);
}

/* Wherever the header is damaged, an error stays one, and nothing behind the message is read (ASan would
 * tell). */
static void test_false_headers(void **state) {
        char reason[MOVE_SELF_REASON_MAX];
        uint8_t answer[1024];
        size_t size = make_answer(CGMOVE_ERROR_BUSY, "The pool is being started.", answer, sizeof(answer));

        for (size_t i = PEER_HEADER_SIZE; i < size; i++)
                for (unsigned byte = 0; byte < 256; byte += 5) {
                        uint8_t *copy = malloc(size);
                        int r;

                        assert_non_null(copy);
                        memcpy(copy, answer, size);
                        copy[i] = (uint8_t) byte;
                        r = move_self_parse(copy, size, reason);
                        assert_true(r == 1 || r == -EAGAIN || r == -EBADMSG);
                        free(copy);
                }
}

/* --- a daemon that takes the call and goes ------------------------------------------------------------ */

static const char *groups[2]; /* of this process, before and after the call */
static size_t n_asked;
static int other_end;

int __wrap_proc_get_cgroup(int proc, pid_t pid, char **ret, bool *ret_deleted);
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t size);
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *size);

int __wrap_proc_get_cgroup(int proc, pid_t pid, char **ret, bool *ret_deleted) {
        *ret = strdup(groups[n_asked++ > 0]);
        *ret_deleted = false;
        return *ret ? 0 : -ENOMEM;
}

/* To one end of a pair: what is sent goes, and the other end says nothing before it is closed. */
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t size) {
        int fds[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        assert_true(dup3(fds[0], fd, O_CLOEXEC) >= 0);
        assert_int_equal(shutdown(fds[1], SHUT_WR), 0);
        (void) close(fds[0]);
        other_end = fds[1];
        return 0;
}

int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *size) {
        assert_int_equal(name, SO_PEERCRED);
        *(struct ucred *) value = (struct ucred){ .uid = 0 };
        return 0;
}

static int lose_answer(const char *before, const char *after) {
        char reason[MOVE_SELF_REASON_MAX];
        int r;

        groups[0] = before;
        groups[1] = after;
        n_asked = 0;
        r = move_self_quickly((char *[]){ (char *) "true", NULL }, reason);
        (void) close(other_end);
        return r;
}

#define POOL "/user.slice/user-cgmove.slice/user-cgmove-1000.slice/cgmove@1000.service"

static void test_lost_answer(void **state) {
        static const char unit[] = "/user.slice/user-1000.slice/user@1000.service/app.slice/gateway.service";

        assert_int_equal(lose_answer(unit, POOL "/job-7"), 0);
        assert_int_equal(lose_answer(POOL "/job-6", POOL "/job-7"), 0);
        /* the job that it has been in all the time is no answer */
        assert_true(lose_answer(POOL "/job-6", POOL "/job-6") < 0);
        assert_true(lose_answer(unit, unit) < 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_call),
                cmocka_unit_test(test_answers),
                cmocka_unit_test(test_false_answers),
                cmocka_unit_test(test_false_headers),
                cmocka_unit_test(test_lost_answer),
        };

        return cmocka_run_group_tests_name("move-self", tests, NULL, NULL);
}
