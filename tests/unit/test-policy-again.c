/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A policy that could not be loaded for want of descriptors is in force as soon as there are some, without being asked for again. The whole
 * daemon, in a group of a real tree; only its patience is shorter (the linker's --wrap). */

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/daemon.h"
#include "lib/values.h"
#include "tests/unit/cgroup-fixture.h"
#include "tests/unit/tree-fixture.h"

#define ROOMS 12                         /* with so many descriptors a load succeeds */
#define AGAIN_AFTER (10 * USEC_PER_SEC)  /* the daemon tries again, */
#define SHORT (20 * USEC_PER_SEC / 1000) /* here after this; a child that looks names up has its time */

typedef struct Fixture {
        void *cgroup;
        char folder[32];
        Daemon *daemon;
} Fixture;

int __real_sd_event_source_set_time_relative(sd_event_source *source, uint64_t usec);
int __wrap_sd_event_source_set_time_relative(sd_event_source *source, uint64_t usec);

int __wrap_sd_event_source_set_time_relative(sd_event_source *source, uint64_t usec) {
        return __real_sd_event_source_set_time_relative(source, usec == AGAIN_AFTER ? SHORT : usec);
}

/* The child that looks names up cannot be made. */
static unsigned n_pipes_fail;

int __real_pipe2(int fds[2], int flags);
int __wrap_pipe2(int fds[2], int flags);

int __wrap_pipe2(int fds[2], int flags) {
        if (n_pipes_fail == 0)
                return __real_pipe2(fds, flags);
        n_pipes_fail--;
        errno = EMFILE;
        return -1;
}

static void write_file(const Fixture *fixture, const char *name, const char *text) {
        char path[64];
        FILE *file;

        (void) snprintf(path, sizeof(path), "%s/%s", fixture->folder, name);
        file = fopen(path, "we");
        assert_non_null(file);
        assert_true(fputs(text, file) >= 0);
        assert_int_equal(fclose(file), 0);
}

/* N sections, whose user is a name that has to be looked up, or a number. */
static void write_policy(const Fixture *fixture, size_t n, bool by_name) {
        char text[1024] = "";

        for (size_t i = 0, at = 0; i < n; i++)
                at += (size_t) snprintf(text + at, sizeof(text) - at,
                                        "policy \"p%zu\" { users = {\"%s\"} from = {\"session\"} }\n", i,
                                        by_name ? "root" : "0");
        write_file(fixture, "policy.d/a.conf", text);
}

static int listen_on(const Fixture *fixture) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", fixture->folder);
        assert_int_equal(bind(fd, (struct sockaddr *) &address, sizeof(address)), 0);
        assert_int_equal(listen(fd, 1), 0);
        return fd;
}

/* Runs the loop until N sections are in force. */
static void await_sections(const Fixture *fixture, size_t n) {
        for (int i = 0; i < 3000 && fixture->daemon->policy->n_sections != n; i++)
                assert_true(sd_event_run(fixture->daemon->event, 10000) >= 0);
        assert_int_equal(fixture->daemon->policy->n_sections, n);
        assert_null(fixture->daemon->policy_problem);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        return remove(path);
}

static int setup(void **state) {
        static Fixture fixture;

        *state = NULL;
        if (cgroup_fixture_setup(&fixture.cgroup) < 0)
                return -1;
        if (!fixture.cgroup)
                return 0;
        strcpy(fixture.folder, "/tmp/cgmove-test-XXXXXX");
        if (!mkdtemp(fixture.folder))
                return -1;
        *state = &fixture;
        return 0;
}

static int teardown(void **state) {
        Fixture *fixture = *state;

        if (!fixture)
                return 0;
        tree_fixture_leave_fds(SIZE_MAX);
        fixture->daemon = daemon_free(fixture->daemon);
        (void) nftw(fixture->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
        return cgroup_fixture_teardown(&fixture->cgroup);
}

static Fixture *start(void **state) {
        Fixture *fixture = *state;
        const CgroupFixture *cgroup;
        char text[512], path[64];
        DaemonPaths paths;

        if (!fixture)
                skip();
        cgroup = fixture->cgroup;
        paths = (DaemonPaths){ .conf_dir = fixture->folder,
                               .state_dir = fixture->folder,
                               .run_dir = fixture->folder };
        (void) snprintf(path, sizeof(path), "%s/policy.d", fixture->folder);
        assert_int_equal(mkdir(path, 0755), 0);
        (void) snprintf(text, sizeof(text), "tree = \"direct\"\ntree-root = \"%s%s\"\n", cgroup->mount,
                        cgroup->path);
        write_file(fixture, "cgmove.conf", text);
        write_policy(fixture, 1, true);
        assert_int_equal(daemon_new(&paths, listen_on(fixture), &fixture->daemon), 0);
        policy_loader_start(fixture->daemon->loader, fixture->daemon->policy);
        await_sections(fixture, 1);
        return fixture;
}

/* A reload with ROOM descriptors to be had; returns whether it was one. */
static bool reload_with(const Fixture *fixture, size_t room) {
        Daemon *daemon = fixture->daemon;
        size_t before = daemon->policy->n_sections;

        tree_fixture_leave_fds(room);
        assert_int_equal(kill(getpid(), SIGHUP), 0);
        for (int i = 0; i < 3000 && !daemon->policy_problem && daemon->policy->n_sections == before; i++)
                assert_true(sd_event_run(daemon->event, 10000) >= 0);
        if (!daemon->policy_problem)
                return true;
        assert_int_equal(daemon->policy->n_sections, before); /* stays in force */
        assert_false(daemon_is_loading_policy(daemon));

        return false;
}

static void wait_a_while(const Fixture *fixture) {
        for (int i = 0; i < 8; i++)
                assert_true(sd_event_run(fixture->daemon->event, SHORT / 4) >= 0);
}

static void check_rooms(void **state, bool by_name) {
        Fixture *fixture = start(state);
        unsigned n_failed = 0;

        for (size_t room = 0; room <= ROOMS; room++) {
                write_policy(fixture, 2 + room % 2, by_name);
                if (!reload_with(fixture, room)) {
                        n_failed++;
                        /* once more in vain, unless the child before has given its descriptors back late */
                        wait_a_while(fixture);
                        assert_true(!fixture->daemon->policy_problem ==
                                    (fixture->daemon->policy->n_sections == 2 + room % 2));
                }
                tree_fixture_leave_fds(SIZE_MAX);
                await_sections(fixture, 2 + room % 2); /* nobody has asked again */
        }
        assert_true(n_failed > 0 && n_failed <= ROOMS);
}

/* Wherever in reading the files it is that there is none. */
static void test_files(void **state) {
        check_rooms(state, false);
}

static void test_names(void **state) {
        Fixture *fixture;

        check_rooms(state, true);

        fixture = *state;
        write_policy(fixture, 4, true);
        n_pipes_fail = 2;
        assert_false(reload_with(fixture, SIZE_MAX));
        await_sections(fixture, 4);
        assert_int_equal(n_pipes_fail, 0);
}

/* What is wrong in the files themselves is not tried again: they have to be changed. */
static void test_bad_files(void **state) {
        Fixture *fixture = start(state);

        write_file(fixture, "policy.d/a.conf", "policy \"x {");
        assert_false(reload_with(fixture, SIZE_MAX));
        assert_false(fixture->daemon->reload_files); /* names in force may be looked up again */
        write_policy(fixture, 2, false);
        wait_a_while(fixture);
        assert_int_equal(fixture->daemon->policy->n_sections, 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_files, setup, teardown),
                cmocka_unit_test_setup_teardown(test_names, setup, teardown),
                cmocka_unit_test_setup_teardown(test_bad_files, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
