/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who pays for what Move() has done after something was waited for. All that it asks is the test's (the linker's --wrap), as
 * is what each step costs. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include <cmocka.h>

#include "daemon/daemon.h"
#include "daemon/listener.h"
#include "daemon/log.h"
#include "daemon/request-private.h"
#include "lib/protocol.h"
#include "lib/values.h"

#define WORK (USEC_PER_SEC / 100) /* what a decision costs */

/* --- the clock, and the bill -------------------------------------------------------------------------------------------- */

static uint64_t spent;
static ListenerUser *const user = (ListenerUser *) &spent; /* of whom nothing is known but who it is */
static unsigned n_charges;                                 /* of WORK each */

int __real_clock_gettime(clockid_t clock, struct timespec *ret);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret);
bool __wrap_listener_user_charge(ListenerUser *who, uint64_t elapsed, uint64_t now);
int __wrap_listener_user_begin(ListenerUser *who);
void __wrap_listener_user_end(ListenerUser *who);
int __wrap_listener_user_hold(ListenerUser *who, size_t n_before, size_t n);

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret) {
        if (clock != CLOCK_THREAD_CPUTIME_ID)
                return __real_clock_gettime(clock, ret);

        *ret = (struct timespec){ .tv_sec = (time_t) (spent / USEC_PER_SEC), .tv_nsec = (long) (spent % USEC_PER_SEC * 1000) };
        return 0;
}

bool __wrap_listener_user_charge(ListenerUser *who, uint64_t elapsed, uint64_t now) {
        assert_ptr_equal(who, user);
        if (elapsed == 0)
                return false;
        assert_int_equal(elapsed, WORK);
        n_charges++;
        return true;
}

int __wrap_listener_user_begin(ListenerUser *who) {
        return 0;
}

void __wrap_listener_user_end(ListenerUser *who) {
}

int __wrap_listener_user_hold(ListenerUser *who, size_t n_before, size_t n) {
        return 0;
}

/* --- what a request asks ------------------------------------------------------------------------------------------------ */

static bool is_loading;
static int verdict; /* of the next decision */
static main_process_done_t answered;
static pool_ready_t pool_is_ready;
static void *request;

int __wrap_request_read_processes(sd_bus_message *message, const Kernel *kernel, Targets *targets, sd_bus_error *ret_error);
int __wrap_move_options_read(sd_bus_message *message, MoveOptions *ret, sd_bus_error *ret_error);
int __wrap_request_add_caller(const Connection *connection, const MoveOptions *options, Targets *targets,
                              sd_bus_error *ret_error);
int __wrap_request_decide(Request *request, Terms *ret, sd_bus_error *ret_error);
int __wrap_request_check_rates(Request *request, const Terms *terms, sd_bus_error *ret_error);
int __wrap_main_process_query_new(Daemon *daemon, Targets *targets, main_process_done_t done, void *userdata,
                                  MainProcessQuery **ret_query);
int __wrap_pool_set_ensure(PoolSet *set, uid_t uid, pool_ready_t ready, void *userdata, PoolWait **ret_wait);
void __wrap_pool_hold(Pool *pool);
void __wrap_pool_release(Pool *pool);
bool __wrap_daemon_is_loading_policy(const Daemon *daemon);
void __wrap_log_move_refused(const Caller *caller, const Target *target, const char *unit, const char *error,
                             const char *message);

int __wrap_request_read_processes(sd_bus_message *message, const Kernel *kernel, Targets *targets, sd_bus_error *ret_error) {
        targets->items = calloc(1, sizeof(*targets->items));
        assert_non_null(targets->items);
        targets->items[0] = (Target) TARGET_INIT;
        targets->items[0].gone = true; /* nothing is read of it any more */
        targets->n = 1;
        return 0;
}

int __wrap_move_options_read(sd_bus_message *message, MoveOptions *ret, sd_bus_error *ret_error) {
        return 0;
}

int __wrap_request_add_caller(const Connection *connection, const MoveOptions *options, Targets *targets,
                              sd_bus_error *ret_error) {
        return 0;
}

int __wrap_request_decide(Request *asked, Terms *ret, sd_bus_error *ret_error) {
        spent += WORK;
        return verdict;
}

int __wrap_request_check_rates(Request *asked, const Terms *terms, sd_bus_error *ret_error) {
        return 0;
}

int __wrap_main_process_query_new(Daemon *daemon, Targets *targets, main_process_done_t done, void *userdata,
                                  MainProcessQuery **ret_query) {
        answered = done;
        request = userdata;
        return 0;
}

int __wrap_pool_set_ensure(PoolSet *set, uid_t uid, pool_ready_t ready, void *userdata, PoolWait **ret_wait) {
        pool_is_ready = ready;
        return 0;
}

void __wrap_pool_hold(Pool *pool) {
}

void __wrap_pool_release(Pool *pool) {
}

bool __wrap_daemon_is_loading_policy(const Daemon *daemon) {
        return is_loading;
}

void __wrap_log_move_refused(const Caller *caller, const Target *target, const char *unit, const char *error,
                             const char *message) {
}

/* --- a call ------------------------------------------------------------------------------------------------------------- */

typedef struct Fixture {
        Daemon daemon;
        Connection connection;
        sd_bus_message *call;
        int peer;
} Fixture;

static int setup(void **state) {
        Fixture *fixture = calloc(1, sizeof(*fixture));
        int fds[2];

        assert_non_null(fixture);
        n_charges = 0;
        verdict = 0;
        is_loading = false;
        fixture->connection = (Connection){ .daemon = &fixture->daemon, .user = user };
        LIST_INIT(&fixture->connection.pending);
        LIST_INIT(&fixture->daemon.parked);
        assert_true(sd_event_new(&fixture->daemon.event) >= 0);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        fixture->peer = fds[1];
        assert_true(sd_bus_new(&fixture->connection.bus) >= 0);
        assert_true(sd_bus_set_fd(fixture->connection.bus, fds[0], fds[0]) >= 0);
        assert_true(sd_bus_start(fixture->connection.bus) >= 0);
        assert_true(sd_bus_message_new_method_call(fixture->connection.bus, &fixture->call, NULL, CGMOVE_PATH,
                                                   CGMOVE_MANAGER_INTERFACE, "Move") >= 0);
        assert_true(sd_bus_message_seal(fixture->call, 7, 0) >= 0);
        *state = fixture;
        return 0;
}

static int teardown(void **state) {
        Fixture *fixture = *state;

        sd_bus_message_unref(fixture->call);
        sd_bus_close_unref(fixture->connection.bus);
        closep(&fixture->peer);
        sd_event_unref(fixture->daemon.event);
        free(fixture);
        return 0;
}

/* The first decision is of the client's own turn. */
static void test_each_step(void **state) {
        Fixture *fixture = *state;
        Pool *pool = (Pool *) fixture;

        assert_int_equal(request_move(fixture->call, &fixture->connection, NULL), 1);
        assert_int_equal(n_charges, 0);
        answered(0, NULL, request);
        assert_int_equal(n_charges, 1);
        verdict = -EPERM;
        pool_is_ready(0, NULL, pool, request); /* which ends it */
        assert_int_equal(n_charges, 2);
        assert_true(LIST_EMPTY(&fixture->connection.pending));
}

static void test_after_a_policy_was_loaded(void **state) {
        Fixture *fixture = *state;

        is_loading = true;
        for (int i = 0; i < 2; i++)
                assert_int_equal(request_move(fixture->call, &fixture->connection, NULL), 1);
        verdict = -EPERM;
        request_resume_parked(&fixture->daemon);
        assert_int_equal(n_charges, 2);
        assert_true(LIST_EMPTY(&fixture->connection.pending));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_each_step),
                TEST(test_after_a_policy_was_loaded),
        };

        return cmocka_run_group_tests_name("request", tests, NULL, NULL);
}
