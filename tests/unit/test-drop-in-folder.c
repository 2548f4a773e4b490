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
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/cleanup.h"
#include "tools/adopt/drop-in.h"
#include "tools/adopt/folder.h"

#define TEXT DROP_IN_MARKER "\n[Service]\n"

static char home[64], folder[256];
static Failure failure;

static int set_up(void **state) {
        strcpy(home, "/tmp/cgmove-folder-XXXXXX");
        assert_non_null(mkdtemp(home));
        return drop_in_folder_path("x.service", NULL, home, folder, sizeof(folder));
}

static int tear_down(void **state) {
        char command[96];

        (void) snprintf(command, sizeof(command), "rm -rf %s", home);
        return system(command);
}

static const char *file_path(void) {
        static char path[300];

        (void) snprintf(path, sizeof(path), "%s/" DROP_IN_NAME, folder);
        return path;
}

static void put(const char *text) {
        FILE *f = fopen(file_path(), "we");

        assert_non_null(f);
        assert_true(fputs(text, f) >= 0);
        assert_int_equal(fclose(f), 0);
}

static int open_it(bool create) {
        int fd = -2;

        assert_int_equal(drop_in_folder_open(folder, create, &fd, &failure), 0);
        return fd;
}

static void test_path(void **state) {
        char path[64];

        assert_int_equal(drop_in_folder_path("x.service", NULL, NULL, path, sizeof(path)), 0);
        assert_string_equal(path, "/etc/systemd/system/x.service.d");
        assert_int_equal(drop_in_folder_path("x.service", NULL, "/home/a", path, sizeof(path)), 0);
        assert_string_equal(path, "/home/a/.config/systemd/user/x.service.d");
        assert_int_equal(drop_in_folder_path("x.service", "/c", "/home/a", path, sizeof(path)), 0);
        assert_string_equal(path, "/c/systemd/user/x.service.d");
        assert_int_equal(drop_in_folder_path("x.service", "relative", "/h", path, sizeof(path)), 0);
        assert_string_equal(path, "/h/.config/systemd/user/x.service.d");
        assert_int_equal(drop_in_folder_path("x.service", NULL, "", path, sizeof(path)), -EINVAL);
        assert_int_equal(drop_in_folder_path("x.service", NULL, "/home/a", path, 20), -ENAMETOOLONG);
}

static void test_write_and_remove(void **state) {
        _cleanup_close_ int fd = -1;
        DropInState found;
        struct stat st;

        assert_int_equal(open_it(false), -1);
        assert_int_equal(drop_in_look(-1, folder, TEXT, &found, &failure), 0);
        assert_int_equal(found, DROP_IN_ABSENT);

        fd = open_it(true);
        assert_true(fd >= 0);
        assert_int_equal(drop_in_look(fd, folder, TEXT, &found, &failure), 0);
        assert_int_equal(found, DROP_IN_ABSENT);
        assert_int_equal(drop_in_write(fd, folder, TEXT, &failure), 0);
        assert_int_equal(drop_in_look(fd, folder, TEXT, &found, &failure), 0);
        assert_int_equal(found, DROP_IN_SAME);
        assert_int_equal(stat(file_path(), &st), 0);
        assert_int_equal(st.st_mode & 07777, 0644);

        assert_int_equal(drop_in_write(fd, folder, TEXT "# more\n", &failure), 0);
        assert_int_equal(drop_in_look(fd, folder, TEXT, &found, &failure), 0);
        assert_int_equal(found, DROP_IN_OTHER_TEXT);

        assert_int_equal(drop_in_remove(fd, folder, &failure), 0);
        assert_int_equal(access(folder, F_OK), -1);
}

static void test_folder_with_other_files_stays(void **state) {
        _cleanup_close_ int fd = open_it(true), other = -1;

        other = openat(fd, "10-other.conf", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        assert_true(other >= 0);
        assert_int_equal(drop_in_write(fd, folder, TEXT, &failure), 0);
        assert_int_equal(drop_in_remove(fd, folder, &failure), 0);
        assert_int_equal(access(folder, F_OK), 0);
        assert_int_equal(faccessat(fd, "10-other.conf", F_OK, 0), 0);
}

static void test_refuses_foreign_file(void **state) {
        _cleanup_close_ int fd = open_it(true);
        DropInState found;

        put("[Service]\nNice=1\n");
        assert_int_not_equal(drop_in_look(fd, folder, TEXT, &found, &failure), 0);
        assert_string_equal(failure.code, "Foreign");
}

static void test_refuses_link_and_folder_as_file(void **state) {
        _cleanup_close_ int fd = open_it(true);
        DropInState found;

        put(TEXT);
        assert_int_equal(renameat(fd, DROP_IN_NAME, fd, "target"), 0);
        assert_int_equal(symlinkat("target", fd, DROP_IN_NAME), 0);
        assert_int_not_equal(drop_in_look(fd, folder, TEXT, &found, &failure), 0);
        assert_int_equal(unlinkat(fd, DROP_IN_NAME, 0), 0);
        assert_int_equal(mkdirat(fd, DROP_IN_NAME, 0755), 0);
        assert_int_not_equal(drop_in_look(fd, folder, TEXT, &found, &failure), 0);
        assert_int_equal(unlinkat(fd, DROP_IN_NAME, AT_REMOVEDIR), 0);
        assert_int_equal(mkfifoat(fd, DROP_IN_NAME, 0644), 0);
        assert_int_not_equal(drop_in_look(fd, folder, TEXT, &found, &failure), 0);
}

static void test_refuses_folder_that_is_none(void **state) {
        _cleanup_close_ int fd = -1;

        close(open_it(true));
        assert_int_equal(rmdir(folder), 0);
        fd = open(folder, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        assert_true(fd >= 0);
        assert_int_not_equal(drop_in_folder_open(folder, true, &fd, &failure), 0);
}

/* A user's link can have root write elsewhere; his own one is his business. */
static void test_root_follows_no_link(void **state) {
        char config[128], target[128];
        int fd = -1, r;

        (void) snprintf(config, sizeof(config), "%s/.config", home);
        (void) snprintf(target, sizeof(target), "%s/elsewhere", home);
        assert_int_equal(mkdir(target, 0755), 0);
        assert_int_equal(symlink("elsewhere", config), 0);
        r = drop_in_folder_open(folder, true, &fd, &failure);
        if (geteuid() == 0)
                assert_int_not_equal(r, 0);
        else
                assert_int_equal(r, 0);
        if (fd >= 0)
                (void) close(fd);
}

static void test_refuses_folder_of_someone_else(void **state) {
        char config[128];
        int fd = -1;

        if (geteuid() != 0)
                skip();
        (void) snprintf(config, sizeof(config), "%s/.config", home);
        assert_int_equal(mkdir(config, 0755), 0);
        assert_int_equal(chown(config, 12345, 12345), 0);
        assert_int_not_equal(drop_in_folder_open(folder, true, &fd, &failure), 0);
        assert_non_null(strstr(failure.message, "another user"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_path, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_write_and_remove, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_folder_with_other_files_stays, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_refuses_foreign_file, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_refuses_link_and_folder_as_file, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_refuses_folder_that_is_none, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_root_follows_no_link, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_refuses_folder_of_someone_else, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
