/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "lib/cleanup.h"
#include "tools/caplog.h"

#define MAX UINT64_C(8192)
#define MARK_SIZE 62 /* of the line in the middle */

static int make_file(void) {
        int fd = memfd_create("log", MFD_CLOEXEC);

        assert_true(fd >= 0);
        return fd;
}

static char *read_file(int fd, size_t *ret_size) {
        struct stat st;
        char *text;

        assert_int_equal(fstat(fd, &st), 0);
        text = calloc(1, (size_t) st.st_size + 1);
        assert_non_null(text);
        assert_int_equal(pread(fd, text, (size_t) st.st_size, 0), st.st_size);
        *ret_size = (size_t) st.st_size;
        return text;
}

/* N lines of ten bytes, "000000042\n". */
static void write_lines(CapLog *log, unsigned from, unsigned to) {
        char line[16];

        for (unsigned i = from; i < to; i++) {
                (void) snprintf(line, sizeof(line), "%09u\n", i);
                caplog_write(log, line, 10);
        }
}

static void test_small(void **state) {
        _cleanup_close_ int fd = make_file();
        _cleanup_free_ char *text = NULL;
        size_t size;
        CapLog log;

        caplog_init(&log, fd, MAX);
        caplog_write(&log, "hello\n", 6);
        caplog_write(&log, "world\n", 6);
        caplog_finish(&log);
        text = read_file(fd, &size);
        assert_string_equal(text, "hello\nworld\n");
}

/* Checks that the file is a beginning, the line, and an end, and that the numbers add up. */
static void check_capped(int fd, unsigned lines) {
        _cleanup_free_ char *text = NULL;
        char *mark, *end, last[16];
        uint64_t left_out;
        size_t size;

        text = read_file(fd, &size);
        assert_true(size <= MAX);
        assert_memory_equal(text, "000000000\n000000001\n", 20);
        mark = strstr(text, "\n[cgmove: ");
        assert_non_null(mark);
        assert_int_equal(mark - text, MAX / 2);
        assert_int_equal(sscanf(mark, "\n[cgmove: %" SCNu64, &left_out), 1);
        end = mark + MARK_SIZE;
        assert_int_equal(end[-1], '\n');
        (void) snprintf(last, sizeof(last), "%09u\n", lines - 1);
        assert_string_equal(text + size - 10, last);
        assert_int_equal(size - MARK_SIZE + left_out, lines * 10);
        assert_true((size_t) (text + size - end) >= MAX / 4 - 10); /* the end is kept */
        assert_int_equal((size_t) (text + size - end) % 10, 0);    /* from the start of a line */
        for (char *p = end; p + 20 <= text + size; p += 10)
                assert_int_equal(atoi(p) + 1, atoi(p + 10));
}

static void test_capped(void **state) {
        _cleanup_close_ int fd = make_file();
        CapLog log;

        caplog_init(&log, fd, MAX);
        write_lines(&log, 0, 5000);
        caplog_finish(&log);
        check_capped(fd, 5000);
        write_lines(&log, 5000, 9000);
        check_capped(fd, 9000);
}

static void test_never_larger(void **state) {
        _cleanup_close_ int fd = make_file();
        struct stat st;
        CapLog log;

        caplog_init(&log, fd, 1); /* taken as the least */
        for (unsigned i = 0; i < 2000; i++) {
                write_lines(&log, i, i + 1);
                assert_int_equal(fstat(fd, &st), 0);
                assert_true(st.st_size <= CAPLOG_MAX_MIN);
        }
}

static void test_one_large_write(void **state) {
        _cleanup_close_ int fd = make_file();
        _cleanup_free_ char *data = malloc(MAX * 10), *text = NULL;
        size_t size;
        CapLog log;

        assert_non_null(data);
        memset(data, 'x', MAX * 10); /* one line that never ends */
        caplog_init(&log, fd, MAX);
        caplog_write(&log, data, MAX * 10);
        text = read_file(fd, &size);
        assert_true(size <= MAX);
        assert_int_equal(size - MARK_SIZE + log.left_out, MAX * 10);
}

static void test_no_limit(void **state) {
        _cleanup_close_ int fd = make_file();
        struct stat st;
        CapLog log;

        caplog_init(&log, fd, UINT64_MAX);
        write_lines(&log, 0, 3000);
        assert_int_equal(fstat(fd, &st), 0);
        assert_int_equal(st.st_size, 30000);
}

/* A file size limit stands for a full disk: part of a write succeeds, the next one fails. */
static void test_full(void **state) {
        struct rlimit old, limit;
        _cleanup_close_ int fd = -1;
        _cleanup_free_ char *text = NULL;
        char path[] = "/tmp/cgmove-caplog-XXXXXX";
        size_t size;
        CapLog log;

        fd = mkstemp(path);
        assert_true(fd >= 0);
        (void) unlink(path);
        (void) signal(SIGXFSZ, SIG_IGN);
        assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
        limit = (struct rlimit){ .rlim_cur = 1005, .rlim_max = old.rlim_max };
        caplog_init(&log, fd, MAX);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        write_lines(&log, 0, 200);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
        assert_int_equal(log.lost, 2000 - 1005);
        write_lines(&log, 200, 202);
        text = read_file(fd, &size);
        assert_non_null(strstr(text, "00000\n[cgmove: 995 bytes of output lost here: File too "
                                     "large]\n000000200\n000000201\n"));
        assert_int_equal(log.lost, 0);
}

static void test_follow(void **state) {
        _cleanup_close_ int fd = make_file();
        CapLogReader reader = { .fd = fd, .max = MAX };
        uint64_t left_out, total_left_out = 0, total = 0;
        unsigned next = 0;
        char buffer[1000];
        CapLog log;
        ssize_t n;

        caplog_init(&log, fd, MAX);
        /* writes more than is read, so that some of it is left out before the reader comes to it */
        for (unsigned round = 0; round < 100; round++) {
                write_lines(&log, round * 300, (round + 1) * 300);
                for (unsigned i = 0; i < round % 5; i++) {
                        n = caplog_read(&reader, buffer, sizeof(buffer) - 1, &left_out);
                        assert_true(n >= 0);
                        total_left_out += left_out;
                        if (n == 0)
                                break;
                        buffer[n] = '\0';
                        if (left_out > 0)
                                next = (unsigned) (reader.position - (uint64_t) n) / 10;
                        total += (uint64_t) n;
                        if ((reader.position - (uint64_t) n) % 10 == 0)
                                assert_int_equal(atoi(buffer), (int) next);
                        next = (unsigned) (reader.position / 10);
                }
        }
        while ((n = caplog_read(&reader, buffer, sizeof(buffer), &left_out)) > 0) {
                total += (uint64_t) n;
                total_left_out += left_out;
        }
        assert_true(total_left_out > 0);
        assert_int_equal(total + total_left_out, 300000);
        assert_int_equal(reader.position, 300000);
}

static void test_follow_exact(void **state) {
        _cleanup_close_ int fd = make_file();
        CapLogReader reader = { .fd = fd, .max = MAX };
        uint64_t left_out;
        char buffer[64];
        CapLog log;

        caplog_init(&log, fd, MAX);
        assert_int_equal(caplog_read(&reader, buffer, sizeof(buffer), &left_out), 0);
        for (unsigned i = 0; i < 3000; i++) { /* a reader that keeps up sees everything */
                write_lines(&log, i, i + 1);
                assert_int_equal(caplog_read(&reader, buffer, sizeof(buffer), &left_out), 10);
                assert_int_equal(left_out, 0);
                assert_int_equal(atoi(buffer), (int) i);
        }
}

/* Another open file of FD's, with locks of its own. */
static int open_again(int fd) {
        char path[64];
        int again;

        (void) snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        again = open(path, O_RDWR | O_CLOEXEC);
        assert_true(again >= 0);
        return again;
}

static void test_follow_locked(void **state) {
        _cleanup_close_ int fd = make_file(), other = open_again(fd);
        CapLogReader reader = { .fd = fd, .max = MAX };
        uint64_t left_out;
        unsigned looks = 0;
        char buffer[64];
        CapLog log;

        caplog_init(&log, other, MAX);
        write_lines(&log, 0, 2);
        assert_int_equal(flock(other, LOCK_EX | LOCK_NB), 0);
        assert_int_equal(caplog_read(&reader, buffer, 10, &left_out), 0);
        assert_true(reader.is_busy);
        assert_int_equal(flock(other, LOCK_UN), 0);
        assert_int_equal(caplog_read(&reader, buffer, 10, &left_out), 10);
        assert_false(reader.is_busy);

        assert_int_equal(flock(other, LOCK_EX | LOCK_NB), 0); /* and keeps it */
        while (caplog_read(&reader, buffer, 10, &left_out) == 0 && looks < 1000)
                looks++;
        assert_in_range(looks, 10, 100);
        assert_memory_equal(buffer, "000000001\n", 10);
        assert_false(reader.is_busy);
        assert_int_equal(caplog_read(&reader, buffer, 10, &left_out), 0);
        assert_false(reader.is_busy); /* there is no more */
}

/* --- a reader that looks between any two steps of the writer ------------------------------------------- */

typedef struct Between {
        CapLogReader reader; /* max 0: nobody looks */
        uint64_t next;       /* byte of the output */
        unsigned busy, left_out;
} Between;

static Between between;

static void look_between(void) {
        uint64_t left_out;
        char buffer[512], expected[16];
        ssize_t n;

        if (between.reader.max == 0)
                return;
        n = caplog_read(&between.reader, buffer, sizeof(buffer), &left_out);
        assert_true(n >= 0);
        between.busy += between.reader.is_busy;
        between.left_out += left_out > 0;
        between.next += left_out;
        for (ssize_t i = 0; i < n; i++, between.next++) {
                (void) snprintf(expected, sizeof(expected), "%09u\n", (unsigned) (between.next / 10));
                assert_int_equal(buffer[i], expected[between.next % 10]);
        }
        assert_int_equal(between.next, between.reader.position);
}

ssize_t __wrap_pwrite(int fd, const void *data, size_t size, off_t at);
ssize_t __real_pwrite(int fd, const void *data, size_t size, off_t at);
int __wrap_ftruncate(int fd, off_t size);
int __real_ftruncate(int fd, off_t size);

ssize_t __wrap_pwrite(int fd, const void *data, size_t size, off_t at) {
        ssize_t n;

        look_between();
        n = __real_pwrite(fd, data, size, at);
        look_between();
        return n;
}

int __wrap_ftruncate(int fd, off_t size) {
        int r;

        look_between();
        r = __real_ftruncate(fd, size);
        look_between();
        return r;
}

static void follow_between(bool writer_has_lock) {
        _cleanup_close_ int fd = make_file(), holder = open_again(fd), reader_fd = open_again(fd);
        CapLog log;

        caplog_init(&log, fd, MAX);
        if (!writer_has_lock)
                assert_int_equal(flock(holder, LOCK_SH | LOCK_NB), 0);
        between = (Between){ .reader = { .fd = reader_fd, .max = MAX } };
        write_lines(&log, 0, 5000);
        for (unsigned i = 0; i < 100; i++)
                look_between();
        between.reader.max = 0;
        assert_int_equal(between.next, 50000);
        assert_true(between.busy > 0);

        /* one that comes too late for most of it */
        between = (Between){ .reader = { .fd = reader_fd, .max = MAX } };
        write_lines(&log, 5000, 6000);
        for (unsigned i = 0; i < 100; i++)
                look_between();
        between.reader.max = 0;
        assert_int_equal(between.next, 60000);
        assert_true(between.left_out > 0);
}

static void test_follow_between(void **state) {
        if (sizeof(off_t) > sizeof(long))
                skip(); /* the functions have other names there: pwrite64 */
        follow_between(true);
        follow_between(false);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_small),        cmocka_unit_test(test_capped),
                cmocka_unit_test(test_never_larger), cmocka_unit_test(test_one_large_write),
                cmocka_unit_test(test_no_limit),     cmocka_unit_test(test_full),
                cmocka_unit_test(test_follow),       cmocka_unit_test(test_follow_exact),
                cmocka_unit_test(test_follow_locked), cmocka_unit_test(test_follow_between),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
