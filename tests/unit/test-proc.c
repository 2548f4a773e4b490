/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "lib/cleanup.h"
#include "lib/proc.h"

#define TAIL " 1 2 3 0 -1 4194304 5 6 7 8 9 10 -11 -12 20 0 4 0 777 1000 18446744073709551615\n"
#define KERNEL_TAIL " 2 0 0 0 -1 69238880 0 0 0 0 0 0 0 0 20 0 1 0 16 0\n"

static void test_stat(void **state) {
        static const struct {
                const char *text;
                int r;
                ProcStat stat;
        } cases[] = {
                { "7 (sh) S" TAIL, 0, { 1, 2, 3, 'S', false, 777, 4 } },
                { "7 (a) b (c)) S" TAIL, 0, { 1, 2, 3, 'S', false, 777, 4 } },
                { "7 (a\nb) Z" TAIL, 0, { 1, 2, 3, 'Z', false, 777, 4 } },
                { "7 () R" TAIL, 0, { 1, 2, 3, 'R', false, 777, 4 } },
                { "7 (kworker/0:0) I" KERNEL_TAIL, 0, { 2, 0, 0, 'I', true, 16, 1 } },
                /* a name that would be the rest of the line */
                { "7 (x) S 9 9 9 0 -1 0 0 0 0 0 0 0 0 0 0 0 1 0 9) S" TAIL,
                  0,
                  { 1, 2, 3, 'S', false, 777, 4 } },
                { "", -EBADMSG, { 0 } },
                { "7 (sh", -EBADMSG, { 0 } },
                { "7 (sh)", -EBADMSG, { 0 } },
                { "7 (sh) ", -EBADMSG, { 0 } },
                { "7 (sh) S", -EBADMSG, { 0 } },
                { "7 (sh) 5" TAIL, -EBADMSG, { 0 } },
                { "7 (sh) S 1 2 3 0 -1 4194304 5 6 7 8 9 10 -11 -12 20 0 4 0", -EBADMSG, { 0 } },
                { "7 (sh) S -1 2 3 0 -1 4194304 5 6 7 8 9 10 -11 -12 20 0 4 0 777\n", -EBADMSG, { 0 } },
                { "7 (sh) S 1 2 3 0 -1 -4194304 5 6 7 8 9 10 -11 -12 20 0 4 0 777\n", -EBADMSG, { 0 } },
                { "7 (sh) S 1 2 3 0 -1 4194304 5 6 7 8 9 10 -11 -12 20 0 4 0 -777\n", -EBADMSG, { 0 } },
                { "7 (sh) S 2147483648 2 3 0 -1 4194304 5 6 7 8 9 10 -11 -12 20 0 4 0 777\n",
                  -EBADMSG,
                  { 0 } },
                { "7 (sh) S 1 2 3 0 -1 4194304 5 6 7 8 9 10 -11 -12 20 0 4 0 777x\n", -EBADMSG, { 0 } },
                { "7 (sh) S 1 2 3 x -1 4194304 5 6 7 8 9 10 -11 -12 20 0 4 0 777\n", -EBADMSG, { 0 } },
                { "7 (sh) S 1 2 3 0 -1 99999999999999999999 5 6 7 8 9 10 -11 -12 20 0 4 0 777\n",
                  -EBADMSG,
                  { 0 } },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                ProcStat stat = { 0 };
                const ProcStat *e = &cases[i].stat;

                if (proc_stat_parse(cases[i].text, &stat) != cases[i].r || stat.ppid != e->ppid ||
                    stat.pgrp != e->pgrp || stat.session != e->session || stat.state != e->state ||
                    stat.kernel_thread != e->kernel_thread || stat.starttime != e->starttime ||
                    stat.n_threads != e->n_threads)
                        fail_msg("case %zu: \"%s\"", i, cases[i].text);
        }
}

static void test_status(void **state) {
        static const struct {
                const char *text;
                int r;
                ProcStatus status;
        } cases[] = {
                { "Name:\tsh\nUmask:\t0022\nState:\tS "
                  "(sleeping)\nTgid:\t7\nNgid:\t0\nPid:\t8\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\n"
                  "FDSize:\t256\n",
                  0,
                  { 7, { 1, 2, 3, 4 }, { 5, 6, 7, 8 } } },
                { "Tgid:\t7\nUid:\t0\t0\t0\t0\nGid:\t4294967295\t0\t0\t0\n",
                  0,
                  { 7, { 0 }, { UINT32_MAX, 0, 0, 0 } } },
                /* the kernel writes a newline in a name as "\n" */
                { "Name:\t\\nUid:\t9\t9\t9\t9\nTgid:\t7\nUid:\t1\t1\t1\t1\nGid:\t1\t1\t1\t1\n",
                  0,
                  { 7, { 1, 1, 1, 1 }, { 1, 1, 1, 1 } } },
                { "", -EBADMSG, { 0 } },
                { "Tgid:\t7\n", -EBADMSG, { 0 } },
                { "Uid:\t1\t1\t1\t1\nGid:\t1\t1\t1\t1\n", -EBADMSG, { 0 } },
                { "Tgid:\t7\nUid:\t1\t1\t1\nGid:\t1\t1\t1\t1\n", -EBADMSG, { 0 } },
                { "Tgid:\t7\nUid:\t1\t1\t1\t1\t1\nGid:\t1\t1\t1\t1\n", -EBADMSG, { 0 } },
                { "Tgid:\t7\nUid:\t1\t1\t1\t4294967296\nGid:\t1\t1\t1\t1\n", -EBADMSG, { 0 } },
                { "Tgid:\t7\nUid:\t1\t1\t1\t-1\nGid:\t1\t1\t1\t1\n", -EBADMSG, { 0 } },
                { "Tgid:\t-7\nUid:\t1\t1\t1\t1\nGid:\t1\t1\t1\t1\n", -EBADMSG, { 0 } },
                { "Tgid:\t7\nUid:\t1\t1\t1\t1\nGid:\t1\t1\t1\t1", -EBADMSG, { 0 } }, /* cut */
                { "Tgid:\t7\nxUid:\t1\t1\t1\t1\nGid:\t1\t1\t1\t1\n", -EBADMSG, { 0 } },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                ProcStatus status = { 0 };

                assert_int_equal(proc_status_parse(cases[i].text, &status), cases[i].r);
                assert_memory_equal(&status, &cases[i].status, sizeof(status));
        }
}

/* --- a false /proc
 * ----------------------------------------------------------------------------------------------- */

static void file_write(int dir, const char *path, const char *text, size_t size) {
        int fd = openat(dir, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, size), size);
        (void) close(fd);
}

#define WRITE(dir, path, literal) file_write(dir, path, literal, sizeof(literal) - 1)

static int false_proc_new(void **state) {
        static const char *const folders[] = { "7", "8", "12a", "0", "-3", "self", "99999999999" };
        char *folder = strdup("/tmp/test-proc-XXXXXX");
        int dir;

        if (!folder || !mkdtemp(folder))
                return -1;
        dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        for (size_t i = 0; i < ELEMENTSOF(folders); i++)
                assert_int_equal(mkdirat(dir, folders[i], 0700), 0);

        WRITE(dir, "7/stat", "7 (sh) S" TAIL);
        WRITE(dir, "7/status", "Tgid:\t7\nUid:\t1\t1\t1\t1\nGid:\t1\t1\t1\t1\nSigPnd:\t0000000000000100\nShdPnd:\t0000000000004000\n");
        
        WRITE(dir, "7/cgroup", "1:cpu:/x\n0::/a (deleted)\n");
        WRITE(dir, "7/cmdline", "a\0b c\0\0d\0");
        WRITE(dir, "7/comm", "a)\nb\n");
        WRITE(dir, "8/stat", "7 (s\0h) S" TAIL);
        WRITE(dir, "8/cgroup", "1:cpu:/x\n");
        WRITE(dir, "8/cmdline", "");
        WRITE(dir, "8/comm", "");
        (void) close(dir);
        *state = folder;
        return 0;
}

static int false_proc_free(void **state) {
        _cleanup_free_ char *command = NULL;
        int r;

        r = asprintf(&command, "rm -r %s", (char *) *state) < 0 ? -1 : system(command);
        free(*state);
        return r;
}

static int proc_open(void **state) {
        int fd = open(*state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        assert_true(fd >= 0);
        return fd;
}

static void test_files(void **state) {
        _cleanup_free_ char *cgroup = NULL, *cmdline = NULL, *cut = NULL, *empty = NULL, *comm = NULL;
        _cleanup_close_ int proc = proc_open(state);
        ProcStatus status;
        ProcStat stat;
        uint64_t signals;
        bool deleted = false;

        assert_int_equal(proc_get_pending_signals(proc, 7, &signals), 0);
        assert_int_equal(signals, UINT64_C(1) << (9 - 1) | UINT64_C(1) << (SIGTERM - 1));
        assert_int_equal(proc_get_pending_signals(proc, 8, &signals), -ESRCH);
        assert_int_equal(proc_get_pending_signals(proc, 9, &signals), -ESRCH);
        assert_int_equal(proc_get_stat(proc, 7, &stat), 0);
        assert_int_equal(stat.starttime, 777);
        assert_int_equal(proc_get_status(proc, 7, &status), 0);
        assert_int_equal(status.tgid, 7);
        assert_int_equal(proc_get_cgroup(proc, 7, &cgroup, &deleted), 0);
        assert_string_equal(cgroup, "/a");
        assert_true(deleted);
        assert_int_equal(proc_get_cmdline(proc, 7, 100, &cmdline), 0);
        assert_string_equal(cmdline, "a b c  d");
        assert_int_equal(proc_get_cmdline(proc, 7, 3, &cut), 0);
        assert_string_equal(cut, "a b");
        assert_int_equal(proc_get_cmdline(proc, 8, 100, &empty), 0);
        assert_string_equal(empty, "");
        assert_int_equal(proc_get_comm(proc, 7, &comm), 0);
        assert_string_equal(comm, "a)\nb");
}

static void test_bad_files(void **state) {
        _cleanup_close_ int proc = proc_open(state);
        ProcStatus status;
        ProcStat stat;
        char *text = NULL;
        bool deleted;

        assert_int_equal(proc_get_stat(proc, 8, &stat), -EBADMSG);
        assert_int_equal(proc_get_status(proc, 8, &status), -ESRCH);
        assert_int_equal(proc_get_cgroup(proc, 8, &text, &deleted), -ENODATA);
        assert_int_equal(proc_get_comm(proc, 8, &text), -EBADMSG);
        assert_int_equal(proc_get_stat(proc, 9, &stat), -ESRCH);
        assert_int_equal(proc_get_cmdline(proc, 9, 10, &text), -ESRCH);
        assert_int_equal(proc_get_stat(proc, 0, &stat), -ESRCH);
        assert_int_equal(proc_get_stat(proc, -3, &stat), -ESRCH);
        assert_null(text);
}

/* Nothing is read without end: a file of a length no kernel writes is refused. */
static void test_endless(void **state) {
        _cleanup_close_ int proc = proc_open(state);
        size_t size = 512 * 1024;
        _cleanup_free_ char *text = malloc(size);
        ProcStat stat;
        char *path = NULL;
        bool deleted;

        assert_non_null(text);
        memset(text, 'x', size);
        file_write(proc, "8/stat", text, size);
        memcpy(text, "0::/", 4);
        file_write(proc, "8/cgroup", text, size);
        assert_int_equal(proc_get_stat(proc, 8, &stat), -EBADMSG);
        assert_int_equal(proc_get_cgroup(proc, 8, &path, &deleted), -EBADMSG);
        assert_null(path);
}

static int add_pid(pid_t pid, void *userdata) {
        pid_t *sum = userdata;

        *sum += pid;
        return 0;
}

static int stop_at_once(pid_t pid, void *userdata) {
        (*(unsigned *) userdata)++;
        return -ECANCELED;
}

static void test_each(void **state) {
        _cleanup_close_ int proc = proc_open(state);
        unsigned n = 0;
        pid_t sum = 0;

        assert_int_equal(proc_each(proc, add_pid, &sum), 0);
        assert_int_equal(sum, 15);
        assert_int_equal(proc_each(proc, stop_at_once, &n), -ECANCELED);
        assert_int_equal(n, 1);
        assert_int_equal(proc_each(-1, add_pid, &sum), -EBADF);
}

static int find_self(pid_t pid, void *userdata) {
        return pid == getpid();
}

static void test_real_proc(void **state) {
        _cleanup_close_ int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        _cleanup_free_ char *comm = NULL;
        ProcStatus status;
        ProcStat stat;

        assert_int_equal(proc_get_stat(proc, getpid(), &stat), 0);
        assert_int_equal(stat.ppid, getppid());
        assert_int_equal(stat.session, getsid(0));
        assert_false(stat.kernel_thread);
        assert_int_equal(proc_get_status(proc, getpid(), &status), 0);
        assert_int_equal(status.uid[1], geteuid());
        assert_int_equal(proc_get_comm(proc, getpid(), &comm), 0);
        assert_int_equal(proc_each(proc, find_self, NULL), 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_stat),
                cmocka_unit_test(test_status),
                cmocka_unit_test(test_real_proc),
                cmocka_unit_test_setup_teardown(test_files, false_proc_new, false_proc_free),
                cmocka_unit_test_setup_teardown(test_bad_files, false_proc_new, false_proc_free),
                cmocka_unit_test_setup_teardown(test_endless, false_proc_new, false_proc_free),
                cmocka_unit_test_setup_teardown(test_each, false_proc_new, false_proc_free),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
