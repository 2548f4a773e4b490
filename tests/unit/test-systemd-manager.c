/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* PID 1 that executes itself anew in the middle of a restart: the restart is not sent again, and what is asked in its
 * place decides what is told. */

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-id128.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/systemd-manager.h"
#include "daemon/systemd-socket.h"

#define NAME "gateway.service"
#define NO_UNIT "org.freedesktop.systemd1.NoSuchUnit"
#define TOO_LONG 60                           /* seconds, after which the test is at an end */
#define PATIENCE (UINT64_C(20) * 1000 * 1000) /* microseconds, for the restart */

/* What it does, and has done; of the test and of the processes that are the manager, one for each connection. */
typedef struct False {
        int connection;     /* the number of the current one, from 1 */
        bool resets_fail;   /* the unit is not loaded just then */
        bool lost;          /* the first connection ends with the restart that was taken */
        const char *error;  /* of the question about the job */
        unsigned job;       /* of the unit, later; 0: none is left */
        unsigned n_resets, n_restarts, n_questions;
} False;

static False *manager;

/* --- the manager --------------------------------------------------------------------------------------------------- */

static int tell_end(sd_bus *bus) {
        return sd_bus_emit_signal(bus, "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager",
                                  "JobRemoved", "uoss", 17, "/job/17", NAME, "done");
}

static int answer_reset(sd_bus_message *message) {
        manager->n_resets++;
        if (manager->resets_fail)
                return sd_bus_reply_method_errorf(message, NO_UNIT, "No such unit.");
        return sd_bus_reply_method_return(message, NULL);
}

static int answer_restart(sd_bus *bus, sd_bus_message *message) {
        manager->n_restarts++;
        if (manager->lost)
                _exit(0);
        (void) sd_bus_reply_method_return(message, "o", "/job/17");
        return tell_end(bus);
}

static int answer_question(sd_bus *bus, sd_bus_message *message) {
        manager->n_questions++;
        if (manager->error)
                return sd_bus_reply_method_errorf(message, manager->error, "No.");
        (void) sd_bus_reply_method_return(message, "v", "(uo)", manager->job,
                                          manager->job > 0 ? "/job/17" : "/");
        return manager->job > 0 ? tell_end(bus) : 1;
}

static int on_message(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        sd_bus *bus = sd_bus_message_get_bus(message);

        if (sd_bus_message_is_method_call(message, NULL, "ResetFailedUnit"))
                return answer_reset(message);
        if (sd_bus_message_is_method_call(message, NULL, "RestartUnit"))
                return answer_restart(bus, message);
        if (sd_bus_message_is_method_call(message, NULL, "Get"))
                return answer_question(bus, message);
        return 0;
}

static void serve(int fd) {
        sd_bus *bus = NULL;
        int r;

        if (sd_bus_new(&bus) < 0 || sd_bus_set_fd(bus, fd, fd) < 0 ||
            sd_bus_set_server(bus, 1, SD_ID128_MAKE(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)) <
                            0 ||
            sd_bus_add_filter(bus, NULL, on_message, NULL) < 0 || sd_bus_start(bus) < 0)
                _exit(1);
        while ((r = sd_bus_process(bus, NULL)) >= 0)
                if (r == 0)
                        (void) sd_bus_wait(bus, UINT64_MAX);
        _exit(0);
}

int __wrap_systemd_socket_open(const Kernel *kernel, uid_t uid, int *ret);

int __wrap_systemd_socket_open(const Kernel *kernel, uid_t uid, int *ret) {
        int fds[2];

        assert_int_equal(uid, UID_NONE);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
        manager->connection++;
        if (fork() == 0) {
                (void) close(fds[0]);
                serve(fds[1]);
        }
        (void) close(fds[1]);
        *ret = fds[0];
        return 0;
}

/* --- the one who asks ----------------------------------------------------------------------------------------------- */

typedef struct Answer {
        bool done;
        int error;
        char result[SYSTEMD_WORD_MAX];
} Answer;

static void on_result(int error, const char *message, const char *result, void *userdata) {
        Answer *answer = userdata;

        assert_false(answer->done);
        answer->done = true;
        answer->error = error;
        (void) strncpy(answer->result, result ? result : "", sizeof(answer->result) - 1);
}

static Answer restart(False does) {
        SystemdManager *pid1;
        Answer answer = {};
        SystemdCall *call;
        sd_event *event;

        *manager = does;
        assert_int_equal(sd_event_new(&event), 0);
        assert_int_equal(systemd_manager_new(event, NULL, UID_NONE, &pid1), 0);
        assert_int_equal(systemd_manager_restart_unit(pid1, NAME, SYSTEMD_RESTART_FAILED, PATIENCE, on_result,
                                                      &answer, &call),
                         0);
        while (!answer.done)
                assert_true(sd_event_run(event, UINT64_MAX) >= 0);
        (void) systemd_call_free(call);
        (void) systemd_manager_free(pid1);
        (void) sd_event_unref(event);
        assert_int_equal(manager->n_restarts, 1);
        return answer;
}

static int setup(void **state) {
        manager = mmap(NULL, sizeof(*manager), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (manager == MAP_FAILED)
                return -1;
        (void) signal(SIGCHLD, SIG_IGN);
        (void) signal(SIGPIPE, SIG_IGN);
        (void) alarm(TOO_LONG);
        return 0;
}

static int teardown(void **state) {
        return munmap(manager, sizeof(*manager));
}

/* --- tests ---------------------------------------------------------------------------------------------------------- */

static void test_restart(void **state) {
        Answer answer = restart((False){ .resets_fail = false });

        assert_string_equal(answer.result, "done");
        assert_int_equal(manager->n_resets, 1);
        assert_int_equal(manager->n_questions, 0);
        assert_int_equal(manager->connection, 1);
}

/* That nothing was reset is nothing to stop for. */
static void test_reset_may_fail(void **state) {
        Answer answer = restart((False){ .resets_fail = true });

        assert_string_equal(answer.result, "done");
}

static void test_lost_job_is_followed(void **state) {
        Answer answer = restart((False){ .lost = true, .job = 17 });

        assert_string_equal(answer.result, "done");
        assert_int_equal(manager->n_questions, 1);
        assert_int_equal(manager->connection, 2);
}

static void test_lost_job_has_ended(void **state) {
        Answer answer = restart((False){ .lost = true });

        assert_int_equal(answer.error, 0);
        assert_string_equal(answer.result, "unknown");
}

/* The question in its place has the number of the reset, and is none: its error is not waited out. */
static void test_question_about_a_lost_job_fails(void **state) {
        Answer answer = restart((False){ .lost = true, .error = NO_UNIT });

        assert_int_equal(answer.error, -ENOENT);
        assert_int_equal(manager->n_questions, 1);
        assert_int_equal(manager->n_resets, 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_restart, setup, teardown),
                cmocka_unit_test_setup_teardown(test_reset_may_fail, setup, teardown),
                cmocka_unit_test_setup_teardown(test_lost_job_is_followed, setup, teardown),
                cmocka_unit_test_setup_teardown(test_lost_job_has_ended, setup, teardown),
                cmocka_unit_test_setup_teardown(test_question_about_a_lost_job_fails, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
