/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tools/adopt/real.h"

static char folder[64];
static struct stat self;
static const char *const no_fallback[] = { NULL };

static void make(const char *name, const char *program, mode_t mode) {
        char path[256];
        int fd;

        (void) snprintf(path, sizeof(path), "%s/%s", folder, name);
        (void) mkdir(path, 0755);
        if (!program)
                return;
        (void) snprintf(path, sizeof(path), "%s/%s/%s", folder, name, program);
        fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, mode);
        assert_true(fd >= 0);
        (void) close(fd);
}

static int set_up(void **state) {
        char path[256];

        strcpy(folder, "/tmp/cgmove-real-XXXXXX");
        assert_non_null(mkdtemp(folder));
        make("shims", "systemctl", 0755);
        make("real", "systemctl", 0755);
        make("other", "systemctl", 0755);
        make("plain", "systemctl", 0644);
        make("empty", NULL, 0);
        make("odd", NULL, 0);
        (void) snprintf(path, sizeof(path), "%s/odd/systemctl", folder);
        assert_int_equal(mkdir(path, 0755), 0);
        make("link", NULL, 0);
        (void) snprintf(path, sizeof(path), "%s/link/systemctl", folder);
        assert_int_equal(symlink("../shims/systemctl", path), 0);
        (void) snprintf(path, sizeof(path), "%s/shims/systemctl", folder);
        assert_int_equal(stat(path, &self), 0);
        assert_int_equal(chdir(folder), 0);
        return 0;
}

static int tear_down(void **state) {
        char command[96];

        assert_int_equal(chdir("/"), 0);
        (void) snprintf(command, sizeof(command), "rm -rf %s", folder);
        return system(command);
}

/* SEARCH in folders below ours, as relative paths. */
static const char *find(const char *search) {
        static RealProgram program;

        return real_program_find("systemctl", search, &self, no_fallback, &program) < 0 ? NULL
                                                                                        : program.path;
}

static void test_next(void **state) {
        assert_string_equal(find("shims:real"), "real/systemctl");
        assert_string_equal(find("shims:empty:real:other"), "real/systemctl");
        assert_string_equal(find("shims:plain:odd:real"), "real/systemctl");
        assert_string_equal(find("shims:nowhere::real"), "real/systemctl");
}

/* By device and inode, not by name. */
static void test_not_itself(void **state) {
        assert_null(find("shims"));
        assert_null(find("shims:link"));
        assert_string_equal(find("shims:link:shims:real"), "real/systemctl");
}

static void test_behind_itself(void **state) {
        assert_string_equal(find("other:shims:real"), "real/systemctl");
        assert_null(find("other:shims"));
        assert_string_equal(find("other:real"), "other/systemctl"); /* called by its path */
}

/* Two shims that are both in PATH twice: each goes forward only. */
static void test_behind_its_last_place(void **state) {
        assert_string_equal(find("shims:other:shims:real"), "real/systemctl");
        assert_string_equal(find("shims:other:link:other:real"), "other/systemctl");
        assert_null(find("shims:other:shims"));
}

static void test_working_folder(void **state) {
        assert_int_equal(chdir("real"), 0);
        assert_string_equal(find("nowhere:"), "./systemctl");
        assert_string_equal(find(":nowhere"), "./systemctl");
        assert_string_equal(find(""), "./systemctl");
        assert_int_equal(chdir(".."), 0);
        assert_null(find(""));
}

static void test_fallback(void **state) {
        const char *const fallbacks[] = { "nowhere/systemctl", "link/systemctl", "plain/systemctl",
                                          "real/systemctl", NULL };
        RealProgram program;

        assert_int_equal(real_program_find("systemctl", NULL, &self, fallbacks, &program), 0);
        assert_string_equal(program.path, "real/systemctl");
        assert_int_equal(real_program_find("systemctl", "shims", &self, fallbacks, &program), 0);
        assert_int_equal(real_program_find("systemctl", "shims:other", &self, fallbacks, &program), 0);
        assert_string_equal(program.path, "other/systemctl");
        assert_int_equal(real_program_find("systemctl", NULL, &self, no_fallback, &program), -ENOENT);
}

static void test_too_long(void **state) {
        static char search[9000];

        memset(search, 'x', sizeof(search) - 8);
        strcpy(search + sizeof(search) - 8, ":real");
        assert_string_equal(find(search), "real/systemctl");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_next),          cmocka_unit_test(test_not_itself),
                cmocka_unit_test(test_behind_itself), cmocka_unit_test(test_working_folder),
                cmocka_unit_test(test_fallback),      cmocka_unit_test(test_too_long),
                cmocka_unit_test(test_behind_its_last_place),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
