/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The PAM module: what it says to the daemon and puts into the environment; and how long it waits for a daemon
 * that lies or hangs. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/cleanup.h"
#include "nss-pam/pam-runtime.h"
#include "tests/unit/pam-fixture.h"

/* --- what it does -------------------------------------------------------------------------------------- */

/* FOLDER/UID with FOLDER/UID/bus, as in /run/user. */
static void make_runtime(const DaemonFixture *f, char *path, size_t size, int *ret_fd) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        (void) snprintf(path, size, "%s/%u", f->folder, getuid());
        assert_int_equal(mkdir(path, 0700), 0);
        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s/bus", path);
        *ret_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(*ret_fd, (struct sockaddr *) &address, sizeof(address)), 0);
}

static void remove_runtime(const char *path, int fd) {
        char bus[256];

        (void) snprintf(bus, sizeof(bus), "%s/bus", path);
        (void) unlink(bus);
        assert_int_equal(rmdir(path), 0);
        closep(&fd);
}

static void test_session(void **state) {
        pam_handle_t handle = { .user = me(), .service = "sshd" };
        char path[128], bus[256];
        DaemonFixture daemon;
        PamPlace place;
        int fd;

        daemon_fixture_start(&daemon, DAEMON_ANSWERS);
        place = place_of(&daemon);
        make_runtime(&daemon, path, sizeof(path), &fd);
        (void) snprintf(bus, sizeof(bus), "unix:path=%s/bus", path);

        assert_int_equal(pam_session_open(&handle, &place, 1, patient), PAM_SUCCESS);
        assert_call(&daemon, "OpenSession", "sshd");
        assert_string_equal(pam_getenv(&handle, "XDG_RUNTIME_DIR"), path);
        assert_string_equal(pam_getenv(&handle, "DBUS_SESSION_BUS_ADDRESS"), bus);
        assert_int_equal(pam_session_close(&handle, &place, 1, patient), PAM_SUCCESS);
        assert_call(&daemon, "CloseSession", "sshd");
        assert_string_equal(handle.said, ""); /* nothing but debug would be */

        /* once closed, it is closed; and the handle may be used again */
        assert_int_equal(pam_session_close(&handle, &place, 1, patient), PAM_SUCCESS);
        assert_int_equal(pam_session_open(&handle, &place, 1, patient), PAM_SUCCESS);
        assert_call(&daemon, "OpenSession", "sshd");
        /* twice in a stack is once */
        assert_int_equal(pam_session_open(&handle, &place, 1, patient), PAM_SUCCESS);
        assert_int_equal(pam_session_close(&handle, &place, 1, patient), PAM_SUCCESS);
        assert_call(&daemon, "CloseSession", "sshd");

        pam_fixture_end(&handle);
        remove_runtime(path, fd);
        daemon_fixture_stop(&daemon);
}

/* What pam_systemd has set stays. */
static void test_variables_stay(void **state) {
        pam_handle_t handle = { .user = me(), .service = "login" };
        DaemonFixture daemon;
        char path[128];
        PamPlace place;
        int fd;

        daemon_fixture_start(&daemon, DAEMON_ANSWERS);
        place = place_of(&daemon);
        make_runtime(&daemon, path, sizeof(path), &fd);
        (void) pam_putenv(&handle, "XDG_RUNTIME_DIR=/run/user/mine");
        (void) pam_putenv(&handle, "DBUS_SESSION_BUS_ADDRESS=");
        assert_int_equal(pam_session_open(&handle, &place, 1, patient), PAM_SUCCESS);
        assert_string_equal(pam_getenv(&handle, "XDG_RUNTIME_DIR"), "/run/user/mine");
        assert_string_equal(pam_getenv(&handle, "DBUS_SESSION_BUS_ADDRESS"), "");
        assert_null(handle.variables[2]);

        pam_fixture_end(&handle);
        remove_runtime(path, fd);
        daemon_fixture_stop(&daemon);
}

/* Not there, a link to the real one, a file; a bus that is a file, or a link to the socket. */
static void test_false_runtime(void **state) {
        char path[128], real[128], bus[256], real_bus[256];
        DaemonFixture daemon;
        PamRuntime runtime;
        int fd;

        daemon_fixture_start(&daemon, DAEMON_ANSWERS);
        pam_runtime_find(daemon.folder, getuid(), &runtime);
        assert_string_equal(runtime.directory, "");

        make_runtime(&daemon, path, sizeof(path), &fd);
        pam_runtime_find(daemon.folder, getuid(), &runtime);
        assert_string_equal(runtime.directory, path);
        assert_int_not_equal(strlen(runtime.bus_address), 0);

        (void) snprintf(bus, sizeof(bus), "%s/bus", path);
        (void) snprintf(real_bus, sizeof(real_bus), "%s/real", path);
        assert_int_equal(rename(bus, real_bus), 0);
        assert_int_equal(symlink(real_bus, bus), 0);
        pam_runtime_find(daemon.folder, getuid(), &runtime);
        assert_string_equal(runtime.directory, path);
        assert_string_equal(runtime.bus_address, "");
        assert_int_equal(unlink(bus), 0);
        assert_int_equal(mkdir(bus, 0700), 0);
        pam_runtime_find(daemon.folder, getuid(), &runtime);
        assert_string_equal(runtime.bus_address, "");
        assert_int_equal(rmdir(bus), 0);
        assert_int_equal(rename(real_bus, bus), 0);

        (void) snprintf(real, sizeof(real), "%s/real", daemon.folder);
        assert_int_equal(rename(path, real), 0);
        assert_int_equal(symlink(real, path), 0);
        pam_runtime_find(daemon.folder, getuid(), &runtime);
        assert_string_equal(runtime.directory, "");
        assert_int_equal(unlink(path), 0);
        assert_int_equal(rename(real, path), 0);

        if (getuid() == 0) {
                assert_int_equal(chown(bus, 12345, 0), 0);
                pam_runtime_find(daemon.folder, 0, &runtime);
                assert_string_equal(runtime.directory, path);
                assert_string_equal(runtime.bus_address, "");
                assert_int_equal(chown(path, 12345, 0), 0);
                pam_runtime_find(daemon.folder, 0, &runtime);
                assert_string_equal(runtime.directory, "");
        }
        remove_runtime(path, fd);
        daemon_fixture_stop(&daemon);
}

static void test_no_policy(void **state) {
        pam_handle_t handle = { .user = me(), .service = "su" };
        DaemonFixture daemon;
        PamPlace place;
        char path[128];
        int fd;

        daemon_fixture_start(&daemon, DAEMON_NO_POLICY);
        place = place_of(&daemon);
        make_runtime(&daemon, path, sizeof(path), &fd);
        assert_int_equal(pam_session_open(&handle, &place, 1, patient), PAM_SUCCESS);
        assert_call(&daemon, "OpenSession", "su");
        assert_null(handle.variables[0]);
        assert_null(handle.data);
        assert_string_equal(handle.said, "");
        /* nobody is told of the end: the next call is another beginning */
        assert_int_equal(pam_session_close(&handle, &place, 1, patient), PAM_SUCCESS);
        assert_int_equal(pam_session_open(&handle, &place, 1, patient), PAM_SUCCESS);
        assert_call(&daemon, "OpenSession", "su");

        pam_fixture_end(&handle);
        remove_runtime(path, fd);
        daemon_fixture_stop(&daemon);
}

static void test_users(void **state) {
        static const char *const names[] = { NULL, "", "no-such-user-here", "\n", "%s%n" };
        DaemonFixture daemon;
        PamPlace place;

        daemon_fixture_start(&daemon, DAEMON_ANSWERS);
        place = place_of(&daemon);
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                pam_handle_t handle = { .user = names[i], .service = NULL };

                assert_int_equal(pam_session_open(&handle, &place, 2, patient), PAM_SUCCESS);
                assert_null(handle.data);
                assert_said(&handle, "nobody is known");
                assert_int_equal(pam_session_close(&handle, &place, 2, patient), PAM_SUCCESS);
                pam_fixture_end(&handle);
        }
        daemon_fixture_stop(&daemon);
}

/* The daemon gets a name, whatever the program calls itself. */
static void test_services(void **state) {
        static const struct {
                const char *service;
                const char *expected;
        } cases[] = {
                { "sudo-i", "sudo-i" },
                { "my program\n\x1b[31m", "my_program___31m" },
                { "\xff\xfe", "__" },
                { "../../etc", ".._.._etc" },
                { "0123456789012345678901234567890123456789012345678901234567890123456789",
                  "0123456789012345678901234567890123456789012345678901234567890123" },
        };
        DaemonFixture daemon;
        PamPlace place;

        daemon_fixture_start(&daemon, DAEMON_ANSWERS);
        place = place_of(&daemon);
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                pam_handle_t handle = { .user = me(), .service = cases[i].service };

                assert_int_equal(pam_session_open(&handle, &place, 1, patient), PAM_SUCCESS);
                assert_call(&daemon, "OpenSession", cases[i].expected);
                pam_fixture_end(&handle);
        }
        daemon_fixture_stop(&daemon);
}

/* --- daemons that are none ----------------------------------------------------------------------------- */

static void test_no_daemon(void **state) {
        pam_handle_t handle = { .user = me(), .service = "sshd" };
        PamPlace place = { .daemon = { .path = "/nonexistent/private", .uid = 0 },
                           .runtime_root = "/nonexistent" };
        char long_path[300];

        assert_int_equal(pam_session_open(&handle, &place, 1, patient), PAM_SUCCESS);
        assert_int_equal(pam_session_close(&handle, &place, 1, patient), PAM_SUCCESS);
        assert_string_equal(handle.said, "");
        assert_int_equal(pam_session_open(&handle, &place, 2, patient), PAM_SUCCESS);
        assert_said(&handle, "7 the session begins without cgmoved: there is no daemon");
        assert_null(handle.data);

        memset(long_path, 'x', sizeof(long_path) - 1);
        long_path[sizeof(long_path) - 1] = '\0';
        place.daemon.path = long_path;
        assert_int_equal(pam_session_open(&handle, &place, 1, patient), PAM_SUCCESS);
        pam_fixture_end(&handle);
}

static void test_somebody_elses_socket(void **state) {
        pam_handle_t handle = { .user = me(), .service = "sshd" };
        DaemonFixture daemon;
        PamPlace place;

        daemon_fixture_start(&daemon, DAEMON_ANSWERS);
        place = place_of(&daemon);
        place.daemon.uid = getuid() + 1;
        assert_int_equal(pam_session_open(&handle, &place, 1, patient), PAM_SUCCESS);
        assert_said(&handle, "its socket is not root's");
        assert_null(handle.data);
        assert_null(handle.variables[0]);
        pam_fixture_end(&handle);
        daemon_fixture_stop(&daemon);
}

static void test_false_daemons(void **state) {
        for (FalseDaemon kind = 0; kind < N_FALSE_DAEMONS; kind++) {
                pam_handle_t handle = { .user = me(), .service = "sshd" };
                DaemonFixture daemon;
                PamPlace place;
                uint64_t begun;

                daemon_fixture_start(&daemon, kind);
                place = place_of(&daemon);
                begun = now_ms();
                errno = 4711;
                assert_int_equal(pam_session_open(&handle, &place, 2, words_for(kind)), PAM_SUCCESS);
                assert_int_equal(errno, 4711);
                assert_said(&handle, said_of[kind]);
                /* a daemon that hung at the beginning is not waited for once more at the end */
                assert_int_equal(pam_session_close(&handle, &place, 2, words_for(kind)), PAM_SUCCESS);
                assert_int_equal(errno, 4711);
                assert_true(now_ms() - begun < GENEROUS);
                if (kind != DAEMON_ANSWERS)
                        assert_null(handle.data);
                pam_fixture_end(&handle);
                daemon_fixture_stop(&daemon);
        }
}

/* It answers at the beginning, and lies or hangs at the end. */
static void test_false_at_the_end(void **state) {
        for (FalseDaemon kind = DAEMON_REFUSES; kind < N_FALSE_DAEMONS; kind++) {
                pam_handle_t handle = { .user = me(), .service = "sshd" };
                DaemonFixture good, bad;
                PamPlace place;

                daemon_fixture_start(&good, DAEMON_ANSWERS);
                daemon_fixture_start(&bad, kind);
                place = place_of(&good);
                assert_int_equal(pam_session_open(&handle, &place, 2, patient), PAM_SUCCESS);
                place = place_of(&bad);
                assert_int_equal(pam_session_close(&handle, &place, 2, words_for(kind)), PAM_SUCCESS);
                assert_said(&handle, said_of[kind]);
                assert_null(handle.data);
                pam_fixture_end(&handle);
                daemon_fixture_stop(&good);
                daemon_fixture_stop(&bad);
        }
}

static void test_quiet(void **state) {
        static const char *const quiet[] = { "quiet", "nonsense", "timeout=10ms" };
        pam_handle_t handle = { .user = me(), .service = "sshd" };
        DaemonFixture daemon;
        PamPlace place;

        daemon_fixture_start(&daemon, DAEMON_HANGS);
        place = place_of(&daemon);
        assert_int_equal(pam_session_open(&handle, &place, 3, quiet), PAM_SUCCESS);
        assert_string_equal(handle.said, "");
        assert_int_equal(pam_session_open(&handle, &place, 2, quiet + 1), PAM_SUCCESS);
        assert_said(&handle, "4 there is no option \"nonsense\"");
        assert_said(&handle, "4 the session begins without cgmoved: it did not answer within 10 ms");
        pam_fixture_end(&handle);
        daemon_fixture_stop(&daemon);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_session),       cmocka_unit_test(test_variables_stay),
                cmocka_unit_test(test_false_runtime), cmocka_unit_test(test_no_policy),
                cmocka_unit_test(test_users),         cmocka_unit_test(test_services),
                cmocka_unit_test(test_no_daemon),     cmocka_unit_test(test_somebody_elses_socket),
                cmocka_unit_test(test_false_daemons), cmocka_unit_test(test_false_at_the_end),
                cmocka_unit_test(test_quiet),
        };

        (void) me();
        return cmocka_run_group_tests_name("pam-session", tests, NULL, NULL);
}
