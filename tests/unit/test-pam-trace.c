/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The PAM module in its program: it leaves no trace there, and works in threads, in children, between signals,
 * and without standard descriptors. */

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <locale.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/cleanup.h"
#include "tests/unit/pam-fixture.h"

#define TIMEOUT 150 /* milliseconds */

extern char **environ;

/* --- no trace ------------------------------------------------------------------------------------------ */

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

/* Descriptors 0 to 2 are closed, as a set-uid program may find them: the socket is none of them. (In a
 * child: it has no way to say more than its status.) */
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

/* --- threads and children ------------------------------------------------------------------------------ */

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
                cmocka_unit_test(test_no_trace),    cmocka_unit_test(test_closed_standard_descriptors),
                cmocka_unit_test(test_interrupted), cmocka_unit_test(test_threads),
                cmocka_unit_test(test_fork),
        };

        (void) me();
        return cmocka_run_group_tests_name("pam-trace", tests, NULL, NULL);
}
