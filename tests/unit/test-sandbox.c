/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/magic.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include <cmocka.h>

#include "daemon/sandbox.h"
#include "lib/cleanup.h"

/* Cgroups of our own: the source is TOP/child, the destination TOP-sibling. */
typedef struct Fixture {
        char top[64], source[80], destination[80];
        int top_fd, source_fd, destination_fd;
        int program;
} Fixture;

static const char *find_root(void) {
        static const char *const roots[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
        struct statfs fs;

        for (size_t i = 0; i < ELEMENTSOF(roots); i++)
                if (statfs(roots[i], &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC)
                        return roots[i];
        return NULL;
}

/* "Everything is allowed", of a type and for a place. */
static int load(uint32_t type, uint32_t attach_type) {
        struct bpf_insn instructions[] = {
                { .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 1 },
                { .code = BPF_JMP | BPF_EXIT },
        };
        union bpf_attr attr = {
                .prog_type = type,
                .expected_attach_type = attach_type,
                .insns = (uint64_t) (uintptr_t) instructions,
                .insn_cnt = ELEMENTSOF(instructions),
                .license = (uint64_t) (uintptr_t) "GPL",
        };
        int fd = (int) syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));

        return fd < 0 ? -errno : fd;
}

static void attach(int cgroup_fd, int program, uint32_t attach_type) {
        union bpf_attr attr = {
                .target_fd = (uint32_t) cgroup_fd,
                .attach_bpf_fd = (uint32_t) program,
                .attach_type = attach_type,
                .attach_flags = BPF_F_ALLOW_MULTI,
        };

        assert_int_equal(syscall(SYS_bpf, BPF_PROG_ATTACH, &attr, sizeof(attr)), 0);
}

static int make(const char *path) {
        int fd;

        if (mkdir(path, 0755) < 0)
                return -errno;
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(fd >= 0);
        return fd;
}

static int setup(void **state) {
        const char *root = find_root();
        Fixture *f;

        *state = NULL;
        if (!root)
                return 0;
        f = calloc(1, sizeof(*f));
        assert_non_null(f);
        f->source_fd = f->destination_fd = -1;
        (void) snprintf(f->top, sizeof(f->top), "%s/cgmove-test-%d", root, (int) getpid());
        (void) snprintf(f->source, sizeof(f->source), "%s/child", f->top);
        (void) snprintf(f->destination, sizeof(f->destination), "%s-sibling", f->top);
        f->program = load(BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS);
        f->top_fd = make(f->top);
        if (f->top_fd >= 0) {
                f->source_fd = make(f->source);
                f->destination_fd = make(f->destination);
        }
        *state = f;
        return 0;
}

static int teardown(void **state) {
        Fixture *f = *state;

        if (!f)
                return 0;
        if (f->top_fd >= 0) {
                (void) rmdir(f->source);
                (void) rmdir(f->top);
                (void) rmdir(f->destination);
        }
        closep(&f->program);
        closep(&f->source_fd);
        closep(&f->destination_fd);
        closep(&f->top_fd);
        free(f);
        return 0;
}

/* Skips where the kernel refuses us what the test needs. */
static Fixture *fixture(void **state) {
        Fixture *f = *state;

        if (!f || f->top_fd == -EACCES || f->top_fd == -EPERM || f->top_fd == -EROFS ||
            f->program == -EPERM || f->program == -ENOSYS)
                skip();
        assert_true(f->top_fd >= 0);
        assert_true(f->program >= 0);
        assert_true(f->source_fd >= 0);
        assert_true(f->destination_fd >= 0);
        return f;
}

static void test_none(void **state) {
        Fixture *f = fixture(state);
        const char *what = "left alone";

        assert_int_equal(sandbox_compare(f->source_fd, f->destination_fd, &what), 0);
        assert_string_equal(what, "left alone");
}

static void test_lost(void **state) {
        Fixture *f = fixture(state);
        const char *what = NULL;

        attach(f->source_fd, f->program, BPF_CGROUP_INET_EGRESS);
        assert_int_equal(sandbox_compare(f->source_fd, f->destination_fd, &what), 1);
        assert_string_equal(what, "network access");
        assert_int_equal(sandbox_compare(f->destination_fd, f->source_fd, &what),
                         0); /* one more is no loss */
}

static void test_inherited(void **state) {
        Fixture *f = fixture(state);
        const char *what = NULL;

        attach(f->top_fd, f->program, BPF_CGROUP_INET_EGRESS);
        assert_int_equal(sandbox_compare(f->source_fd, f->destination_fd, &what), 1);
        assert_int_equal(sandbox_compare(f->source_fd, f->top_fd, &what), 0);
        attach(f->destination_fd, f->program, BPF_CGROUP_INET_EGRESS); /* the same program */
        assert_int_equal(sandbox_compare(f->source_fd, f->destination_fd, &what), 0);
}

static void test_other_program(void **state) {
        Fixture *f = fixture(state);
        _cleanup_close_ int other = load(BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS);
        const char *what = NULL;

        /* equal in what it does, but not the same: nothing is assumed */
        assert_true(other >= 0);
        attach(f->source_fd, f->program, BPF_CGROUP_INET_EGRESS);
        attach(f->destination_fd, other, BPF_CGROUP_INET_EGRESS);
        assert_int_equal(sandbox_compare(f->source_fd, f->destination_fd, &what), 1);

        attach(f->destination_fd, f->program, BPF_CGROUP_INET_EGRESS);
        assert_int_equal(sandbox_compare(f->source_fd, f->destination_fd, &what), 0);
        attach(f->source_fd, other, BPF_CGROUP_INET_EGRESS);
        assert_int_equal(sandbox_compare(f->source_fd, f->destination_fd, &what), 0);
}

static void test_device(void **state) {
        Fixture *f = fixture(state);
        _cleanup_close_ int program = load(BPF_PROG_TYPE_CGROUP_DEVICE, BPF_CGROUP_DEVICE);
        const char *what = NULL;

        assert_true(program >= 0);
        attach(f->source_fd, program, BPF_CGROUP_DEVICE);
        assert_int_equal(sandbox_compare(f->source_fd, f->destination_fd, &what), 1);
        assert_string_equal(what, "device access");
}

static void test_bind(void **state) {
        Fixture *f = fixture(state);
        _cleanup_close_ int program = load(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_BIND);
        const char *what = NULL;

        assert_true(program >= 0);
        attach(f->source_fd, program, BPF_CGROUP_INET4_BIND);
        assert_int_equal(sandbox_compare(f->source_fd, f->destination_fd, &what), 1);
        assert_string_equal(what, "binding of sockets");
}

/* A type that the installed header may not have. */
static void test_unix(void **state) {
        Fixture *f = fixture(state);
        _cleanup_close_ int program = load(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, 49 /* BPF_CGROUP_UNIX_CONNECT */);
        const char *what = NULL;

        if (program == -EINVAL) /* before Linux 6.7 */
                skip();
        assert_true(program >= 0);
        attach(f->source_fd, program, 49);
        assert_int_equal(sandbox_compare(f->source_fd, f->destination_fd, &what), 1);
        assert_string_equal(what, "local sockets");
}

static void test_no_cgroup(void **state) {
        Fixture *f = fixture(state);
        _cleanup_close_ int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        const char *what = NULL;

        assert_int_equal(sandbox_compare(fd, f->destination_fd, &what), -EBADF);
        assert_int_equal(sandbox_compare(-1, f->destination_fd, &what), -EBADF);
        attach(f->source_fd, f->program, BPF_CGROUP_INET_EGRESS);
        assert_int_equal(sandbox_compare(f->source_fd, fd, &what), -EBADF);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_none),   TEST(test_lost), TEST(test_inherited), TEST(test_other_program),
                TEST(test_device), TEST(test_bind), TEST(test_unix),      TEST(test_no_cgroup),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
