/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whose word is taken on main processes, where no manager answers. With managers it is for tests/machine. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cmocka.h>

#include "daemon/cgroup.h"
#include "daemon/daemon.h"
#include "daemon/main-process.h"
#include "daemon/tree.h"
#include "lib/pidfd.h"
#include "tests/unit/tree-fixture.h"

#define INIT_SCOPE TREE_MANAGER "/init.scope"
#define RUNTIME_DIR "/run/user/1000/systemd"

static pid_t parent_pid;
static unsigned n_reads; /* of its group */

int __real_proc_get_cgroup(int proc_fd, pid_t pid, char **ret_path, bool *ret_deleted);
int __wrap_proc_get_cgroup(int proc_fd, pid_t pid, char **ret_path, bool *ret_deleted);

int __wrap_proc_get_cgroup(int proc_fd, pid_t pid, char **ret_path, bool *ret_deleted) {
        n_reads += pid == parent_pid;
        return __real_proc_get_cgroup(proc_fd, pid, ret_path, ret_deleted);
}

/* One question about one process. */
typedef struct Question {
        const TreeFixture *fixture;
        Daemon daemon;
        Targets targets;
        MainProcessQuery *query;
        bool done;
        int error;
        char message[80];
} Question;

static void on_done(int error, const char *message, void *userdata) {
        Question *question = userdata;

        question->done = true;
        question->error = error;
        (void) snprintf(question->message, sizeof(question->message), "%s", message ? message : "");
}

static Knowledge ask(Question *question, const TreeFixture *fixture, pid_t pid, TreeKind kind) {
        Knowledge knowledge;

        *question = (Question){
                .fixture = fixture,
                .daemon = { .event = fixture->event, .kernel = fixture->kernel, .settings.tree = kind },
                .targets.max = 1,
        };
        assert_int_equal(targets_add(&fixture->kernel, &question->targets, pidfd_open_process(pid)), 0);
        assert_int_equal(main_process_query_new(&question->daemon, &question->targets, on_done, question,
                                                &question->query),
                         0);
        tree_fixture_loop(fixture, &question->done);
        knowledge = question->targets.items[0].unit_process;
        main_process_query_free(question->query);
        targets_done(&question->targets);
        return knowledge;
}

/* The question before there is anything to ask, as of a process whose descendants are to be moved with it. */
static void ask_nothing(Question *question, const TreeFixture *fixture) {
        *question = (Question){
                .fixture = fixture,
                .daemon = { .event = fixture->event, .kernel = fixture->kernel },
                .targets.max = 1,
        };
        assert_int_equal(main_process_query_new(&question->daemon, &question->targets, on_done, question,
                                                &question->query),
                         0);
        assert_true(question->done);
        question->done = false;
}

static void question_done(Question *question) {
        main_process_query_free(question->query);
        targets_done(&question->targets);
}

/* The child of PARENT in the group PATH. */
static pid_t fork_into(const TreeFixture *fixture, const Process *parent, const char *path) {
        _cleanup_close_ int fd = tree_fixture_group(fixture, path);
        pid_t pid = process_fork(parent);

        assert_int_equal(cgroup_attach(fd, pid), 0);
        return pid;
}

static Process start_in(const TreeFixture *fixture, const char *path) {
        _cleanup_close_ int fd = tree_fixture_group(fixture, path);

        return process_start(fd, TREE_OWNER);
}

/* That a socket is not there proves nothing: it is the user's to remove. */
static void test_fails_closed(void **state) {
        const TreeFixture *fixture = tree_fixture_need(state);
        Process manager = start_in(fixture, INIT_SCOPE);
        pid_t target = fork_into(fixture, &manager, TREE_SOURCE);
        Question question;

        assert_int_equal(ask(&question, fixture, target, TREE_DIRECT), UNKNOWN);
        assert_true(question.error < 0);
        process_end(&manager);
}

/* What is refused for another reason is no reason to ask. */
static void test_passed_over(void **state) {
        const TreeFixture *fixture = tree_fixture_need(state);
        Process manager = start_in(fixture, INIT_SCOPE);
        pid_t target = fork_into(fixture, &manager, TREE_SOURCE);
        Question question;

        ask_nothing(&question, fixture);
        assert_int_equal(targets_add(&fixture->kernel, &question.targets, pidfd_open_process(target)), 0);
        question.targets.items[0].passed_over = true;
        main_process_query_resume(question.query);
        assert_true(question.done);
        assert_int_equal(question.error, 0);
        assert_int_equal(question.targets.items[0].unit_process, UNKNOWN);
        question_done(&question);
        process_end(&manager);
}

static void test_lets_go_of_a_manager_that_is_gone(void **state) {
        const TreeFixture *fixture = tree_fixture_need(state);
        Process manager = start_in(fixture, TREE_MANAGER); /* on its way out */
        pid_t target = fork_into(fixture, &manager, TREE_SOURCE);
        _cleanup_close_ int fd = -1;
        Question question;

        assert_int_equal(ask(&question, fixture, target, TREE_SYSTEMD), NO);
        assert_int_equal(question.error, 0);

        fd = tree_fixture_group(fixture, INIT_SCOPE); /* and empty */
        assert_int_equal(ask(&question, fixture, target, TREE_SYSTEMD), NO);
        assert_int_equal(question.error, 0);
        process_end(&manager);
}

/* The manager of somebody else says nothing about it. */
static void test_another_users_manager(void **state) {
        const TreeFixture *fixture = tree_fixture_need(state);
        Process manager = start_in(fixture, TREE_MANAGER);
        Process other = start_in(fixture, "/user.slice/user-1001.slice/user@1001.service/init.scope");
        pid_t target = fork_into(fixture, &manager, TREE_SOURCE);
        Question question;

        assert_int_equal(ask(&question, fixture, target, TREE_SYSTEMD), NO);
        assert_int_equal(question.error, 0);
        process_end(&manager);
        process_end(&other);
}

static void test_nobody_is_asked(void **state) {
        const TreeFixture *fixture = tree_fixture_need(state);
        Process manager = start_in(fixture, INIT_SCOPE), parent = start_in(fixture, TREE_SOURCE);
        pid_t target = fork_into(fixture, &parent, TREE_SOURCE);
        pid_t of_session = fork_into(fixture, &manager, "/user.slice/user-1000.slice/session-1.scope");
        Question question;

        /* the child of one who is no manager, and one in no unit of a manager, whoever its parent is */
        n_reads = 0;
        parent_pid = parent.pid;
        assert_int_equal(ask(&question, fixture, target, TREE_SYSTEMD), UNKNOWN);
        assert_int_equal(question.error, 0);
        assert_int_equal(n_reads, 1);
        parent_pid = manager.pid;
        assert_int_equal(ask(&question, fixture, of_session, TREE_SYSTEMD), UNKNOWN);
        assert_int_equal(question.error, 0);
        assert_int_equal(n_reads, 1);
        process_end(&manager);
        process_end(&parent);
}

static void test_system_unit_without_systemd(void **state) {
        const TreeFixture *fixture = tree_fixture_need(state);
        Process target = start_in(fixture, TREE_SYSTEM_UNIT);
        Question question;

        assert_int_equal(ask(&question, fixture, target.pid, TREE_DIRECT), NO);
        assert_int_equal(question.error, 0);
        assert_int_equal(ask(&question, fixture, target.pid, TREE_SYSTEMD), UNKNOWN);
        assert_true(question.error < 0);
        process_end(&target);
}

static void listen_at_the_socket(void) {
        struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = RUNTIME_DIR "/new" };
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);

        if (fd < 0 || bind(fd, (struct sockaddr *) &address, sizeof(address)) < 0 || listen(fd, 5) < 0 ||
            rename(RUNTIME_DIR "/new", RUNTIME_DIR "/private") < 0)
                _exit(1);
        for (;;)
                (void) pause();
}

static bool wait_for_socket(void) {
        for (int i = 0; i < 3000; i++) {
                if (access(RUNTIME_DIR "/private", F_OK) == 0)
                        return true;
                (void) usleep(10000);
        }
        return false;
}

static void make_runtime_dir(void) {
        assert_int_equal(mount("tmpfs", "/run", "tmpfs", 0, NULL), 0); /* of this namespace */
        assert_int_equal(mkdir("/run/user", 0755), 0);
        assert_int_equal(mkdir("/run/user/1000", 0755), 0);
        assert_int_equal(mkdir(RUNTIME_DIR, 0777), 0);
        assert_int_equal(chown(RUNTIME_DIR, TREE_OWNER, (gid_t) -1), 0);
}

/* An answer of anybody who is not in the manager's own group is none, though he be the user. */
static void test_false_manager(void **state) {
        const TreeFixture *fixture = tree_fixture_need(state);
        Process manager = start_in(fixture, INIT_SCOPE), liar;
        pid_t target = fork_into(fixture, &manager, TREE_SOURCE);
        Question question;

        make_runtime_dir();
        liar = process_start_body(fixture->source_fd, TREE_OWNER, listen_at_the_socket);
        assert_true(wait_for_socket());

        assert_int_equal(ask(&question, fixture, target, TREE_SYSTEMD), UNKNOWN);
        assert_int_equal(question.error, -EPERM);
        process_end(&liar);
        assert_int_equal(umount2("/run", MNT_DETACH), 0);
        process_end(&manager);
}

/* A file system that answers nothing: whoever asks it for anything waits. -1 where there are none. */
static int mount_hanging(const char *path) {
        char options[128];
        int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

        if (fd < 0)
                return -1;
        (void) snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=%d,group_id=%d,allow_other", fd, TREE_OWNER,
                        TREE_OWNER);
        if (mount("hanging", path, "fuse", MS_NOSUID | MS_NODEV, options) < 0) {
                (void) close(fd);
                return -1;
        }
        return fd;
}

static void assert_not_asked(const TreeFixture *fixture, pid_t target, const char *mounted) {
        Question question;

        assert_int_equal(ask(&question, fixture, target, TREE_SYSTEMD), UNKNOWN);
        assert_int_equal(question.error, -EPERM);
        assert_int_equal(umount2(mounted, MNT_DETACH), 0);
}

/* What a user has mounted in his runtime directory, or upon it, is not asked for anything. */
static void test_foreign_mount(void **state) {
        static const char *const places[] = { "/run/user/1000", RUNTIME_DIR };
        const TreeFixture *fixture = tree_fixture_need(state);
        Process manager = start_in(fixture, INIT_SCOPE);
        pid_t target = fork_into(fixture, &manager, TREE_SOURCE);
        Question question;
        int fd;

        assert_int_equal(mount("tmpfs", "/run", "tmpfs", 0, NULL), 0); /* of this namespace */
        assert_int_equal(mkdir("/run/user", 0755), 0);
        assert_int_equal(mkdir("/run/user/1000", 0755), 0);
        assert_int_equal(mount("tmpfs", "/run/user/1000", "tmpfs", 0, NULL), 0); /* as logind does */
        assert_int_equal(mkdir(RUNTIME_DIR, 0777), 0);
        assert_int_equal(ask(&question, fixture, target, TREE_SYSTEMD), UNKNOWN);
        assert_int_equal(question.error, -ENOENT); /* it got to where the socket would be */

        assert_int_equal(mount("tmpfs", RUNTIME_DIR, "tmpfs", 0, NULL), 0);
        assert_not_asked(fixture, target, RUNTIME_DIR);
        assert_int_equal(mount("proc", "/run/user/1000", "proc", 0, NULL), 0);
        assert_not_asked(fixture, target, "/run/user/1000");
        for (size_t i = 0; i < ELEMENTSOF(places); i++) {
                fd = mount_hanging(places[i]);
                if (fd >= 0)
                        assert_not_asked(fixture, target, places[i]);
                closep(&fd);
        }

        assert_int_equal(rmdir(RUNTIME_DIR), 0);
        assert_int_equal(symlink("/run/user", RUNTIME_DIR), 0);
        assert_int_equal(ask(&question, fixture, target, TREE_SYSTEMD), UNKNOWN);
        assert_int_equal(question.error, -ENOTDIR);
        assert_int_equal(umount2("/run", MNT_DETACH), 0);
        process_end(&manager);
}

/* Who is frozen while a manager is asked does not wait as long as the manager has otherwise. */
static void test_silent_manager(void **state) {
        const TreeFixture *fixture = tree_fixture_need(state);
        Process manager = start_in(fixture, INIT_SCOPE), silent;
        pid_t target = fork_into(fixture, &manager, TREE_SOURCE);
        _cleanup_close_ int fd = tree_fixture_group(fixture, INIT_SCOPE);
        Question question;

        make_runtime_dir();
        silent = process_start_body(fd, TREE_OWNER, listen_at_the_socket);
        assert_true(wait_for_socket());

        ask_nothing(&question, fixture);
        assert_int_equal(targets_add(&fixture->kernel, &question.targets, pidfd_open_process(target)), 0);
        main_process_query_resume(question.query);
        assert_false(question.done);
        tree_fixture_loop(fixture, &question.done);
        assert_int_equal(question.error, -ETIMEDOUT);
        assert_string_equal(question.message, "the managers did not answer in time"); /* not the call's own words */
        question_done(&question);
        process_end(&silent);
        process_end(&manager);
        assert_int_equal(umount2("/run", MNT_DETACH), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, tree_fixture_setup, tree_fixture_teardown)

static int run_all(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_fails_closed),
                TEST(test_lets_go_of_a_manager_that_is_gone),
                TEST(test_another_users_manager),
                TEST(test_nobody_is_asked),
                TEST(test_system_unit_without_systemd),
                TEST(test_false_manager),
                TEST(test_foreign_mount),
                TEST(test_silent_manager),
                TEST(test_passed_over),
        };

        return cmocka_run_group_tests_name("main-process", tests, NULL, NULL);
}

int main(void) {
        return tree_fixture_run(run_all);
}
