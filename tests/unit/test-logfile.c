/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/cleanup.h"
#include "tools/logfile.h"
#include "tools/status.h"

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

/* --- what is read as a log ---------------------------------------------------------------------------- */

static const char *path_of(const char *name) {
        static char path[128];

        (void) snprintf(path, sizeof(path), "%s/%s", folder, name);
        return path;
}

static void make_log(const char *name) {
        FILE *f = fopen(path_of(name), "we");

        assert_non_null(f);
        assert_true(fputs("text", f) >= 0);
        assert_int_equal(fclose(f), 0);
}

static int open_log(const char *path, uid_t uid) {
        Failure failure;
        char text[8];
        int fd = -1, r;

        r = logfile_open_read(path, uid, &fd, &failure);
        if (r != 0) {
                assert_int_equal(fd, -1);
                assert_int_equal(failure.status, r);
                return r;
        }
        assert_int_equal(read(fd, text, sizeof(text)), 4);
        assert_int_equal(close(fd), 0);
        return 0;
}

static void test_open(void **state) {
        make_log("log");
        assert_int_equal(symlink("log", path_of("link")), 0);
        assert_int_equal(symlink(".", path_of("folder")), 0);
        assert_int_equal(symlink("circle", path_of("circle")), 0);
        assert_int_equal(mkfifo(path_of("fifo"), 0600), 0);

        assert_int_equal(open_log(path_of("log"), geteuid()), 0);
        assert_int_equal(open_log(path_of("folder/log"), geteuid()), 0); /* a home may be one */
        assert_int_equal(open_log(path_of("log"), geteuid() + 1), STATUS_FAILED);
        assert_int_equal(open_log(path_of("link"), geteuid()), STATUS_FAILED);
        assert_int_equal(open_log(path_of("circle/log"), geteuid()), STATUS_FAILED);
        assert_int_equal(open_log(path_of("fifo"), geteuid()), STATUS_FAILED);
        assert_int_equal(open_log(path_of("gone"), geteuid()), STATUS_FAILED);
        assert_int_equal(open_log(folder, geteuid()), STATUS_FAILED);
}

/* The same file, by what leads into another process's file systems. */
static void test_open_through_a_process(void **state) {
        char path[256];
        int fd;

        make_log("log");
        fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
        assert_true(fd >= 0);
        (void) snprintf(path, sizeof(path), "/proc/self/fd/%d/log", fd);
        assert_int_equal(access(path, R_OK), 0);
        assert_int_equal(open_log(path, geteuid()), STATUS_FAILED);
        (void) snprintf(path, sizeof(path), "/proc/%d/root%s/log", (int) getpid(), folder);
        assert_int_equal(access(path, R_OK), 0);
        assert_int_equal(open_log(path, geteuid()), STATUS_FAILED);
        (void) snprintf(path, sizeof(path), "/proc/self/root%s/log", folder);
        assert_int_equal(symlink(path, path_of("link")), 0);
        assert_int_equal(open_log(path_of("link"), geteuid()), STATUS_FAILED);
        (void) close(fd);
}

/* Who is asked to give up a lease, and does not. */
static void test_open_with_a_lease(void **state) {
        int ready[2];
        pid_t child;
        char c = 0;

        make_log("log");
        assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
        child = fork();
        assert_true(child >= 0);
        if (child == 0) {
                int fd = open(path_of("log"), O_RDWR | O_CLOEXEC);

                (void) signal(SIGIO, SIG_IGN);
                c = fd >= 0 && fcntl(fd, F_SETLEASE, F_WRLCK) == 0 ? 'y' : 'n';
                (void) !write(ready[1], &c, 1);
                (void) pause();
                _exit(0);
        }
        assert_int_equal(read(ready[0], &c, 1), 1);
        (void) close(ready[0]);
        (void) close(ready[1]);
        (void) alarm(10);
        if (c == 'y')
                assert_int_equal(open_log(path_of("log"), geteuid()), STATUS_FAILED);
        (void) alarm(0);
        (void) kill(child, SIGKILL);
        assert_int_equal(waitpid(child, NULL, 0), child);
        if (c != 'y')
                skip(); /* a file system without leases */
        assert_int_equal(open_log(path_of("log"), geteuid()), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_folder_of_a_user, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_folder_of_root, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_open, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_open_through_a_process, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_open_with_a_lease, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
