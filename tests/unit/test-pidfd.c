/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "lib/cleanup.h"
#include "lib/pidfd.h"

static pid_t child_new(void) {
        pid_t pid = fork();

        if (pid == 0) {
                (void) pause();
                _exit(0);
        }

        assert_true(pid > 0);
        return pid;
}

static int fdinfo_open(void) {
        int fd = open("/proc/self/fdinfo", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        assert_true(fd >= 0);
        return fd;
}

static void test_life(void **state) {
        _cleanup_close_ int fdinfo = fdinfo_open(), fd = -1;
        pid_t pid = child_new(), found = 0;
        int status;

        fd = pidfd_open_process(pid);
        assert_true(fd >= 0);
        assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        assert_true(pidfd_is_alive(fd));
        assert_int_equal(pidfd_get_pid(fdinfo, fd, &found), 0);
        assert_int_equal(found, pid);
        assert_int_equal(pidfd_kill(fd, 0), 0);
        assert_int_equal(pidfd_kill(fd, 12345), -EINVAL);
        assert_true(pidfd_is_genuine(fd));

        assert_int_equal(pidfd_kill(fd, SIGKILL), 0);
        assert_int_equal(waitid(P_PID, (id_t) pid, &(siginfo_t){ 0 }, WEXITED | WNOWAIT), 0);
        assert_false(pidfd_is_alive(fd)); /* a zombie */
        assert_int_equal(waitpid(pid, &status, 0), pid);

        assert_false(pidfd_is_alive(fd));
        found = -5;
        assert_int_equal(pidfd_get_pid(fdinfo, fd, &found), -ESRCH);
        assert_int_equal(found, -5);
        assert_int_equal(pidfd_kill(fd, SIGTERM), -ESRCH);
        assert_true(pidfd_is_genuine(fd)); /* of one that has ended */
        assert_int_equal(pidfd_open_process(pid), -ESRCH);
}

/* The number of a child that has ended may be a stranger's, here a child of a child. */
static void test_child(void **state) {
        pid_t child = child_new(), grandchild, middle;
        int fds[2], fd;

        (void) signal(SIGCHLD, SIG_IGN); /* as in the daemon */
        fd = pidfd_open_child(child);
        (void) signal(SIGCHLD, SIG_DFL);
        assert_true(fd >= 0);
        assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        assert_int_equal(pidfd_kill(fd, SIGKILL), 0);
        (void) close(fd);
        assert_int_equal(waitid(P_PID, (id_t) child, &(siginfo_t){ 0 }, WEXITED | WNOWAIT), 0);
        fd = pidfd_open_child(child);
        assert_true(fd >= 0); /* a zombie is one still, and stays one */
        (void) close(fd);
        assert_int_equal(waitpid(child, NULL, 0), child);
        assert_int_equal(pidfd_open_child(child), -ESRCH);

        assert_int_equal(pipe(fds), 0);
        middle = fork();
        if (middle == 0) {
                grandchild = child_new();
                _exit(write(fds[1], &grandchild, sizeof(grandchild)) < 0);
        }
        assert_int_equal(read(fds[0], &grandchild, sizeof(grandchild)), sizeof(grandchild));
        assert_int_equal(waitpid(middle, NULL, 0), middle);
        assert_int_equal(kill(grandchild, 0), 0);
        assert_int_equal(pidfd_open_child(grandchild), -ESRCH);
        assert_int_equal(kill(grandchild, SIGKILL), 0);
        (void) close(fds[0]);
        (void) close(fds[1]);
}

static void test_no_process(void **state) {
        static const pid_t pids[] = { 0, -1, INT32_MIN };

        for (size_t i = 0; i < ELEMENTSOF(pids); i++)
                assert_int_equal(pidfd_open_process(pids[i]), -EINVAL);
        assert_int_equal(pidfd_open_process(INT32_MAX), -ESRCH);
}

static void test_no_pidfd(void **state) {
        _cleanup_close_ int fdinfo = fdinfo_open(), null = open("/dev/null", O_RDONLY | O_CLOEXEC);
        pid_t pid = -5;

        assert_int_equal(pidfd_get_pid(fdinfo, null, &pid), -EBADF);
        assert_int_equal(pidfd_get_pid(fdinfo, -1, &pid), -EBADF);
        assert_int_equal(pidfd_get_pid(fdinfo, 1000000, &pid), -EBADF);
        assert_int_equal(pid, -5);
        assert_false(pidfd_is_alive(-1));
        assert_false(pidfd_is_alive(1000000));
        assert_int_equal(pidfd_kill(null, 0), -EBADF);
        assert_int_equal(pidfd_kill(-1, 0), -EBADF);
        assert_false(pidfd_is_genuine(null)); /* whatever its fdinfo looks like */
        assert_false(pidfd_is_genuine(-1));
}

typedef struct Thread {
        int pipe[2];
        pid_t tid;
        pthread_barrier_t barrier;
} Thread;

static void *thread_main(void *userdata) {
        Thread *thread = userdata;
        char c;

        thread->tid = (pid_t) syscall(SYS_gettid);
        (void) pthread_barrier_wait(&thread->barrier);
        (void) !read(thread->pipe[0], &c, 1);
        return NULL;
}

static void test_thread_is_no_process(void **state) {
        Thread thread = { 0 };
        pthread_t id;

        assert_int_equal(pipe(thread.pipe), 0);
        assert_int_equal(pthread_barrier_init(&thread.barrier, NULL, 2), 0);
        assert_int_equal(pthread_create(&id, NULL, thread_main, &thread), 0);
        (void) pthread_barrier_wait(&thread.barrier);

        assert_int_equal(pidfd_open_process(thread.tid), -EINVAL);

        (void) close(thread.pipe[1]);
        assert_int_equal(pthread_join(id, NULL), 0);
        (void) close(thread.pipe[0]);
        (void) pthread_barrier_destroy(&thread.barrier);
}

/* A false fdinfo: what the kernel could write there, and what it could not. */
static void test_fdinfo_text(void **state) {
        static const struct {
                const char *text;
                int r;
                pid_t pid;
        } cases[] = {
                { "pos:\t0\nflags:\t02000002\nmnt_id:\t15\nino:\t1\nPid:\t123\nNSpid:\t123\n", 0, 123 },
                { "Pid:\t123\n", 0, 123 },
                { "pos:\t0\nPid:\t-1\nNSpid:\t-1\n", -ESRCH, 0 },
                { "pos:\t0\nPid:\t0\nNSpid:\t0\n", -ESRCH, 0 },
                { "pos:\t0\nNSpid:\t123\n", -EBADF, 0 },
                { "pos:\t0\nxPid:\t123\n", -EBADF, 0 },
                { "pos:\t0\nPid:\t\n", -EBADF, 0 },
                { "pos:\t0\nPid:\t12x\n", -EBADF, 0 },
                { "pos:\t0\nPid:\t-2\n", -EBADF, 0 },
                { "pos:\t0\nPid:\t4294967297\n", -EBADF, 0 },
                { "", -EBADF, 0 },
        };
        char folder[] = "/tmp/test-pidfd-XXXXXX";
        _cleanup_close_ int dir = -1;

        assert_non_null(mkdtemp(folder));
        dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(dir >= 0);

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                int fd = openat(dir, "7", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
                pid_t pid = -5;

                assert_true(dprintf(fd, "%s", cases[i].text) >= 0);
                (void) close(fd);
                assert_int_equal(pidfd_get_pid(dir, 7, &pid), cases[i].r);
                assert_int_equal(pid, cases[i].r < 0 ? -5 : cases[i].pid);
        }

        assert_int_equal(unlinkat(dir, "7", 0), 0);
        assert_int_equal(rmdir(folder), 0);
}

static void on_signal(int sig) {
}

/* Neither the bound nor the end is taken for what a signal is. */
static void test_wait(void **state) {
        const struct sigaction action = { .sa_handler = on_signal };
        const struct itimerval often = { .it_interval.tv_usec = 2000, .it_value.tv_usec = 2000 };
        const struct itimerval never = { .it_value.tv_usec = 0 };
        _cleanup_close_ int fd = -1;
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0)
                for (;;)
                        (void) pause();
        fd = pidfd_open_process(pid);
        assert_true(fd >= 0);
        assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
        assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
        assert_false(pidfd_wait(fd, 0));
        assert_false(pidfd_wait(fd, 50000));
        assert_int_equal(pidfd_kill(fd, SIGKILL), 0);
        assert_true(pidfd_wait(fd, UINT64_MAX));
        assert_true(pidfd_wait(fd, 0));
        assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_life),        cmocka_unit_test(test_no_process),
                cmocka_unit_test(test_no_pidfd),    cmocka_unit_test(test_thread_is_no_process),
                cmocka_unit_test(test_fdinfo_text), cmocka_unit_test(test_wait),
                cmocka_unit_test(test_child),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
