/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
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
#include "tools/logfile.h"

#define NOT_THERE "cgmove-test-not-there"

static char folder[64];

static int set_up(void **state) {
        strcpy(folder, "/tmp/cgmove-logfile-XXXXXX");
        assert_non_null(mkdtemp(folder));
        (void) unsetenv("XDG_STATE_HOME");
        return 0;
}

static int tear_down(void **state) {
        char command[96];

        (void) snprintf(command, sizeof(command), "rm -rf %s", folder);
        return system(command);
}

/* --- where the folder is ------------------------------------------------------------------------------ */

static const char *find_folder(const char *variable, const char *value) {
        static char path[PATH_MAX];

        assert_int_equal(setenv(variable, value, 1), 0);
        assert_int_equal(logfile_folder(path, sizeof(path)), 0);
        (void) unsetenv(variable);
        return path;
}

static const char *below(const char *home) {
        static char path[PATH_MAX];

        (void) snprintf(path, sizeof(path), "%s/.local/state/cgmove", home);
        return path;
}

static const char *home_of_database(void) {
        const struct passwd *user = getpwuid(geteuid());

        return user && user->pw_dir[0] == '/' ? user->pw_dir : NULL;
}

static void test_folder_of_a_user(void **state) {
        char small[8];

        if (geteuid() == 0)
                skip();
        assert_string_equal(find_folder("HOME", folder), below(folder));
        assert_string_equal(find_folder("XDG_STATE_HOME", "/x"), "/x/cgmove");
        assert_int_equal(setenv("HOME", folder, 1), 0);
        assert_int_equal(logfile_folder(small, sizeof(small)), -ENAMETOOLONG);
        if (home_of_database()) {
                assert_string_equal(find_folder("HOME", "relative"), below(home_of_database()));
                assert_string_equal(find_folder("XDG_STATE_HOME", "relative"), below(home_of_database()));
        }
}

/* Root with variables that lead through what others can change. */
static void test_folder_of_root(void **state) {
        char path[128], link[128];
        const char *home = home_of_database();

        if (geteuid() != 0 || !home)
                skip();
        assert_string_equal(find_folder("HOME", "/" NOT_THERE), below("/" NOT_THERE));
        assert_string_equal(find_folder("HOME", "/usr/" NOT_THERE "/"), below("/usr/" NOT_THERE "/"));
        assert_string_equal(find_folder("XDG_STATE_HOME", "/usr//bin"), "/usr//bin/cgmove");
        /* /tmp is everybody's */
        assert_string_equal(find_folder("HOME", folder), below(home));
        assert_string_equal(find_folder("XDG_STATE_HOME", folder), below(home));
        (void) snprintf(path, sizeof(path), "/usr/../%s/" NOT_THERE, folder);
        assert_string_equal(find_folder("HOME", path), below(home));
        (void) snprintf(path, sizeof(path), "/" NOT_THERE "/..%s", folder);
        assert_string_equal(find_folder("HOME", path), below(home));
        (void) snprintf(link, sizeof(link), "%s/link", folder);
        assert_int_equal(symlink("/usr", link), 0);
        assert_string_equal(find_folder("HOME", link), below(home));
        assert_string_equal(find_folder("XDG_STATE_HOME", "/proc/self/cwd"), below(home));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_folder_of_a_user, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_folder_of_root, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
