/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The PAM module in a program: what it says to the daemon and puts into the environment; how long it waits for a daemon that lies or
 * hangs; and that it leaves no trace. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <locale.h>
#include <pthread.h>
#include <pwd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/cleanup.h"
#include "nss-pam/pam-runtime.h"
#include "tests/unit/pam-fixture.h"

#define TIMEOUT 150    /* milliseconds */
#define GENEROUS 20000 /* for a machine that does other things */

extern char **environ;

static const char *const hasty[] = { "debug", "timeout=150ms" };
static const char *const patient[] = { "timeout=10s", "debug" };

static char my_name[64];

static const char *me(void) {
        return my_name;
}

static PamPlace place_of(const DaemonFixture *f) {
        return (PamPlace){ .daemon = { .path = f->path, .uid = getuid() }, .runtime_root = f->folder };
}

static uint64_t now_ms(void) {
        struct timespec ts;

        (void) clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t) ts.tv_sec * 1000 + (uint64_t) ts.tv_nsec / 1000000;
}

static void assert_said(const pam_handle_t *handle, const char *text) {
        if (!strstr(handle->said, text))
                fail_msg("\"%s\" is not in \"%s\"", text, handle->said);
}

static void assert_call(DaemonFixture *f, const char *member, const char *service) {
        char line[256], expected[256];

        daemon_fixture_read(f, line, sizeof(line));
        (void) snprintf(expected, sizeof(expected), "%s %u %s ", member, getuid(), service);
        if (strncmp(line, expected, strlen(expected)) != 0)
                fail_msg("\"%s\" is not \"%s\"", line, expected);
}

/* --- what it does ------------------------------------------------------------------------------------------------------ */

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

/* --- daemons that are none --------------------------------------------------------------------------------------------- */

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

static const char *const said_of[N_FALSE_DAEMONS] = {
        [DAEMON_ANSWERS] = "is known to cgmoved",
        [DAEMON_NO_POLICY] = "no policy is for user",
        [DAEMON_REFUSES] = "cgmoved refuses: Only root may.",
        [DAEMON_HANGS] = "it did not answer within 150 ms",
        [DAEMON_NEVER_TAKES] = "it did not answer within 150 ms",
        [DAEMON_HALF] = "it did not answer within 150 ms",
        [DAEMON_TRICKLES] = "it did not answer within 150 ms",
        [DAEMON_FLOODS] = "what it says is no answer",
        [DAEMON_HANGS_UP] = "it has hung up",
        [DAEMON_GARBAGE] = "what it says is no answer",
        [DAEMON_LARGE] = "what it says is no answer",
};

/* Who does not answer at all is not to be waited for for long here; who answers may be slow, on a machine that does other things. */
static const char *const *words_for(FalseDaemon kind) {
        return strstr(said_of[kind], "150 ms") ? hasty : patient;
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

/* --- no trace ---------------------------------------------------------------------------------------------------------- */

/* What a program has that a library could change: one text for all of it. */
static void note_process(char *text, size_t size) {
        struct itimerval timer;
        struct sigaction action;
        sigset_t mask;
        size_t n, n_fds = 0, n_tasks = 0, n_environment = 0;
        mode_t old = umask(0);
        DIR *dir;

        (void) umask(old);
        (void) sigprocmask(SIG_SETMASK, NULL, &mask);
        (void) getitimer(ITIMER_REAL, &timer);
        dir = opendir("/proc/self/fd");
        while (readdir(dir))
                n_fds++;
        (void) closedir(dir);
        dir = opendir("/proc/self/task");
        while (readdir(dir))
                n_tasks++;
        (void) closedir(dir);
        for (char **variable = environ; *variable; variable++)
                n_environment += strlen(*variable) + 1;
        n = (size_t) snprintf(text, size,
                              "fds %zu tasks %zu umask %o locale %s timer %ld alarm %u environment %zu\n",
                              n_fds, n_tasks, old, setlocale(LC_ALL, NULL), (long) timer.it_value.tv_sec,
                              alarm(0), n_environment);
        for (int sig = 1; sig < NSIG && n < size; sig++)
                if (sigaction(sig, NULL, &action) == 0)
                        n += (size_t) snprintf(text + n, size - n, "%d:%d:%p:%x ", sig,
                                               sigismember(&mask, sig), (void *) action.sa_sigaction,
                                               (unsigned) action.sa_flags);
}

static volatile sig_atomic_t n_signals;

static void on_signal(int sig) {
        n_signals++;
}

static void test_no_trace(void **state) {
        char before[8192], after[8192];

        for (FalseDaemon kind = 0; kind < N_FALSE_DAEMONS; kind++) {
                pam_handle_t handle = { .user = me(), .service = "sshd" };
                DaemonFixture daemon;
                PamPlace place;

                daemon_fixture_start(&daemon, kind);
                place = place_of(&daemon);
                (void) getgrouplist(me(), getgid(), NULL, &(int){ 0 }); /* what libc keeps open of its own */
                note_process(before, sizeof(before));
                for (int i = 0; i < 3; i++) {
                        (void) pam_session_open(&handle, &place, 2, words_for(kind));
                        (void) pam_session_close(&handle, &place, 2, words_for(kind));
                }
                note_process(after, sizeof(after));
                assert_string_equal(before, after);
                pam_fixture_end(&handle);
                daemon_fixture_stop(&daemon);
        }
}

/* Descriptors 0 to 2 are closed, as a set-uid program may find them: the socket is none of them. (In a child: it has no way to say
 * more than its status.) */
static void test_closed_standard_descriptors(void **state) {
        pam_handle_t handle = { .user = me(), .service = "sshd" };
        DaemonFixture daemon;
        PamPlace place;
        int status;
        pid_t pid;

        daemon_fixture_start(&daemon, DAEMON_ANSWERS);
        place = place_of(&daemon);
        pid = fork();
        if (pid == 0) {
                (void) close(0);
                (void) close(1);
                (void) close(2);
                (void) pam_session_open(&handle, &place, 1, patient);
                _exit(!handle.data || fcntl(0, F_GETFD) >= 0 || fcntl(1, F_GETFD) >= 0 ||
                      fcntl(2, F_GETFD) >= 0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        daemon_fixture_stop(&daemon);
}

/* Signals that come while it waits are the program's, and make it wait no longer than it should. */
static void test_interrupted(void **state) {
        struct sigaction action = { .sa_handler = on_signal }, old;
        struct itimerval often = { .it_interval.tv_usec = 5000, .it_value.tv_usec = 5000 }, never = {};
        pam_handle_t handle = { .user = me(), .service = "sshd" };
        DaemonFixture daemon;
        PamPlace place;
        uint64_t begun;

        daemon_fixture_start(&daemon, DAEMON_HANGS);
        place = place_of(&daemon);
        assert_int_equal(sigaction(SIGALRM, &action, &old), 0);
        begun = now_ms();
        assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
        assert_int_equal(pam_session_open(&handle, &place, 2, hasty), PAM_SUCCESS);
        assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
        assert_int_equal(sigaction(SIGALRM, &old, NULL), 0);
        assert_true(n_signals > 0);
        assert_true(now_ms() - begun >= TIMEOUT);
        assert_true(now_ms() - begun < GENEROUS);
        assert_said(&handle, "it did not answer within 150 ms");
        pam_fixture_end(&handle);
        daemon_fixture_stop(&daemon);
}

/* --- threads and children ---------------------------------------------------------------------------------------------- */

#define N_THREADS 8
#define N_ROUNDS 10

static void *run_sessions(void *argument) {
        const PamPlace *place = argument;

        for (int i = 0; i < N_ROUNDS; i++) {
                pam_handle_t handle = { .user = me(), .service = "sshd" };

                (void) pam_session_open(&handle, place, 1, patient);
                (void) pam_session_close(&handle, place, 1, patient);
                pam_fixture_end(&handle);
        }
        return NULL;
}

static void test_threads(void **state) {
        static const FalseDaemon kinds[] = { DAEMON_ANSWERS, DAEMON_HANGS_UP, DAEMON_GARBAGE };

        for (size_t k = 0; k < ELEMENTSOF(kinds); k++) {
                pthread_t threads[N_THREADS];
                DaemonFixture daemon;
                PamPlace place;

                daemon_fixture_start(&daemon, kinds[k]);
                place = place_of(&daemon);
                for (int i = 0; i < N_THREADS; i++)
                        assert_int_equal(pthread_create(&threads[i], NULL, run_sessions, &place), 0);
                for (int i = 0; i < N_THREADS; i++)
                        assert_int_equal(pthread_join(threads[i], NULL), 0);
                daemon_fixture_stop(&daemon);
        }
}

/* A session that begins in one process and ends in another one, as those of systemd's PAMName= do. */
static void test_fork(void **state) {
        pam_handle_t handle = { .user = me(), .service = "systemd-user" };
        DaemonFixture daemon;
        PamPlace place;
        int status;
        pid_t pid;

        daemon_fixture_start(&daemon, DAEMON_ANSWERS);
        place = place_of(&daemon);
        assert_int_equal(pam_session_open(&handle, &place, 1, patient), PAM_SUCCESS);
        assert_call(&daemon, "OpenSession", "systemd-user");
        pid = fork();
        if (pid == 0)
                _exit(pam_session_close(&handle, &place, 1, patient) != PAM_SUCCESS || handle.data);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        assert_call(&daemon, "CloseSession", "systemd-user");

        pam_fixture_end(&handle);
        daemon_fixture_stop(&daemon);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_session),
                cmocka_unit_test(test_variables_stay),
                cmocka_unit_test(test_false_runtime),
                cmocka_unit_test(test_no_policy),
                cmocka_unit_test(test_users),
                cmocka_unit_test(test_services),
                cmocka_unit_test(test_no_daemon),
                cmocka_unit_test(test_somebody_elses_socket),
                cmocka_unit_test(test_false_daemons),
                cmocka_unit_test(test_false_at_the_end),
                cmocka_unit_test(test_quiet),
                cmocka_unit_test(test_no_trace),
                cmocka_unit_test(test_closed_standard_descriptors),
                cmocka_unit_test(test_interrupted),
                cmocka_unit_test(test_threads),
                cmocka_unit_test(test_fork),
        };

        (void) snprintf(my_name, sizeof(my_name), "%s", getpwuid(getuid())->pw_name);
        return cmocka_run_group_tests_name("pam-session", tests, NULL, NULL);
}
