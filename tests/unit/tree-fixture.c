/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/magic.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "daemon/cgroup.h"
#include "lib/proc.h"
#include "lib/values.h"
#include "tests/unit/cgroup-fixture.h"
#include "tests/unit/tree-fixture.h"

#define ROOT "/sys/fs/cgroup"
#define OWN_GROUP "cgmove-test"
#define PATIENCE 30000 /* milliseconds after which a test hangs: far more than anything takes */
#define SILENCE 100
#define TESTS_MAX 300 /* seconds after which a whole program is ended, so that its group is cleared */

/* --- the namespaces ------------------------------------------------------------------------------------ */

/* From here on FIXTURE's group is "/". Where that cannot be had the tests see it by the path of their own
 * group. */
static void enter(const CgroupFixture *fixture) {
        _cleanup_close_ int own_fd = -1;

        if (cgroup_attach(fixture->fd, getpid()) < 0 || unshare(CLONE_NEWCGROUP | CLONE_NEWNS) < 0 ||
            mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("cgroup2", ROOT, "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
                return;

        if (cgroup_create(fixture->fd, OWN_GROUP, &own_fd) >= 0)
                (void) cgroup_attach(own_fd, getpid());
}

int tree_fixture_run(int (*tests)(void)) {
        void *state = NULL;
        int status;
        pid_t pid;

        if (cgroup_fixture_setup(&state) < 0)
                return EXIT_FAILURE;
        if (!state)
                return tests(); /* which skips */

        (void) fflush(NULL);
        pid = fork();
        if (pid == 0) {
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                (void) alarm(TESTS_MAX);
                (void) prctl(PR_SET_CHILD_SUBREAPER, 1);
                enter(state);
                exit(tests());
        }

        if (pid < 0 || waitpid(pid, &status, 0) != pid)
                status = 1;
        if (cgroup_fixture_teardown(&state) < 0)
                return EXIT_FAILURE;
        return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}

static bool is_entered(const Kernel *kernel) {
        _cleanup_free_ char *path = NULL;
        struct statfs fs;
        bool deleted;

        return statfs(ROOT, &fs) >= 0 && fs.f_type == CGROUP2_SUPER_MAGIC &&
               proc_get_cgroup(kernel->proc_fd, getpid(), &path, &deleted) >= 0 &&
               strcmp(path, "/" OWN_GROUP) == 0;
}

/* --- the tree ------------------------------------------------------------------------------------------ */

int tree_fixture_group(const TreeFixture *fixture, const char *path) {
        char part[512];
        int fd = -1;

        for (const char *end = path; *end;) {
                end = strchrnul(end + 1, '/');
                (void) snprintf(part, sizeof(part), "%.*s", (int) (end - path) - 1, path + 1);
                if (mkdirat(fixture->kernel.cgroup_fd, part, 0755) < 0)
                        assert_int_equal(errno, EEXIST);
        }
        assert_int_equal(cgroup_open(fixture->kernel.cgroup_fd, path, &fd), 0);
        return fd;
}

const char *tree_fixture_where(const TreeFixture *fixture, pid_t pid) {
        static char where[512];
        _cleanup_free_ char *path = NULL;
        bool deleted;

        where[0] = '\0';
        if (proc_get_cgroup(fixture->kernel.proc_fd, pid, &path, &deleted) >= 0 && !deleted)
                (void) snprintf(where, sizeof(where), "%s", path);
        return where;
}

bool tree_fixture_populated(const TreeFixture *fixture, const char *path) {
        _cleanup_close_ int fd = -1;
        CgroupEvents events;

        return cgroup_open(fixture->kernel.cgroup_fd, path, &fd) >= 0 &&
               cgroup_get_events(fd, "cgroup.events", &events) >= 0 && events.populated;
}

bool tree_fixture_exists(const TreeFixture *fixture, const char *path) {
        _cleanup_close_ int fd = -1;

        return cgroup_open(fixture->kernel.cgroup_fd, path, &fd) >= 0;
}

static void on_ready(int error, const char *message, Pool *pool, void *userdata) {
        TreeFixture *fixture = userdata;

        if (error == 0) {
                fixture->pool = pool;
                pool_hold(pool);
        }
}

static int start_pool(TreeFixture *fixture) {
        PoolWait *wait = NULL;
        int r;

        settings_init(&fixture->settings);
        fixture->settings.tree = TREE_DIRECT;
        fixture->settings.pool_idle = LIMIT_NONE;
        r = sd_event_new(&fixture->event);
        if (r >= 0)
                r = pool_set_new(fixture->event, &fixture->settings, fixture->kernel.cgroup_fd, NULL,
                                 &fixture->pools);
        if (r >= 0)
                r = pool_set_ensure(fixture->pools, TREE_OWNER, on_ready, fixture, &wait);
        for (int i = 0; i < 10 && r >= 0 && !fixture->pool; i++)
                r = sd_event_run(fixture->event, USEC_PER_SEC);
        pool_wait_free(wait);
        return fixture->pool ? 0 : -1;
}

int tree_fixture_setup(void **state) {
        TreeFixture *fixture = calloc(1, sizeof(*fixture));

        *state = NULL;
        if (!fixture || kernel_open(ROOT, &fixture->kernel) < 0 || !is_entered(&fixture->kernel)) {
                if (fixture)
                        kernel_done(&fixture->kernel);
                free(fixture);
                return 0;
        }

        *state = fixture;
        fixture->source_fd = tree_fixture_group(fixture, TREE_SOURCE);
        strcpy(fixture->folder, "/tmp/cgmove-test-XXXXXX");
        if (!mkdtemp(fixture->folder))
                return -1;
        return start_pool(fixture);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        return remove(path);
}

/* Everything that a test may have left, also one that has failed half-way. */
static int clear_tree(const TreeFixture *fixture) {
        static const char *const top[] = { "user.slice", "system.slice" };

        for (int waited = 0; waited < PATIENCE; waited += 10) {
                int r = 0;

                for (size_t i = 0; i < ELEMENTSOF(top); i++) {
                        _cleanup_close_ int fd = openat(fixture->kernel.cgroup_fd, top[i],
                                                        O_RDONLY | O_DIRECTORY | O_CLOEXEC);

                        if (fd >= 0)
                                (void) cgroup_kill(fd);
                        while (waitpid(-1, NULL, WNOHANG) > 0)
                                ;
                        if (cgroup_remove(fixture->kernel.cgroup_fd, top[i]) < 0)
                                r = -1;
                }
                if (r >= 0)
                        return 0;
                (void) usleep(10000);
        }
        return -1;
}

int tree_fixture_teardown(void **state) {
        TreeFixture *fixture = *state;
        int r;

        if (!fixture)
                return 0;

        if (fixture->pool)
                pool_release(fixture->pool);
        (void) pool_set_free(fixture->pools);
        (void) sd_event_unref(fixture->event);
        closep(&fixture->source_fd);
        r = clear_tree(fixture);
        if (nftw(fixture->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS) < 0)
                r = -1;
        kernel_done(&fixture->kernel);
        free(fixture);
        return r;
}

TreeFixture *tree_fixture_need(void **state) {
        if (!*state)
                skip();
        return *state;
}

void tree_fixture_loop(const TreeFixture *fixture, const bool *done) {
        for (int waited = 0; waited < PATIENCE && !*done; waited += 10)
                assert_true(sd_event_run(fixture->event, 10000) >= 0);
        assert_true(*done);
}

JobRecord *tree_fixture_record(uint64_t id) {
        JobRecord *record = NULL;
        JobRecord template = {
                .id = id,
                .uid = TREE_OWNER,
                .kind = JOB_MOVE,
                .limits = { LIMIT_NONE, LIMIT_NONE, 0, LIMIT_NONE },
                .name = "test",
                .source = "user:gateway.service",
                .section = "all",
                .command = "sleep 1",
                .log = "",
        };

        assert_true(sd_id128_randomize(&template.invocation_id) >= 0);
        template.created = 1;
        assert_int_equal(job_record_new(&template, &record), 0);
        return record;
}

/* --- processes ----------------------------------------------------------------------------------------- */

typedef struct Order {
        enum { ANSWER, FORK, BECOME } what;
        uid_t uid;
} Order;

static void wait_for_end(void) {
        for (;;)
                (void) pause();
}

static int32_t obey(const Order *order) {
        pid_t pid;

        switch (order->what) {
        case FORK:
                pid = fork();
                if (pid == 0)
                        wait_for_end();
                return (int32_t) pid;
        case BECOME:
                return setresuid(order->uid, order->uid, order->uid) < 0 ? -errno : 0;
        case ANSWER:
                break;
        }
        return 0;
}

static void serve(int fd) {
        Order order;

        while (read(fd, &order, sizeof(order)) == sizeof(order)) {
                int32_t answer = obey(&order);

                if (write(fd, &answer, sizeof(answer)) != sizeof(answer))
                        break;
        }
        _exit(0);
}

static bool wait_for_answer(const Process *process, int32_t *ret) {
        struct pollfd fd = { .fd = process->fd, .events = POLLIN };

        return poll(&fd, 1, PATIENCE) == 1 && read(process->fd, ret, sizeof(*ret)) == sizeof(*ret);
}

static int32_t tell(const Process *process, Order order) {
        int32_t answer;

        if (send(process->fd, &order, sizeof(order), MSG_NOSIGNAL) != sizeof(order) ||
            !wait_for_answer(process, &answer))
                return -EIO;
        return answer;
}

Process process_start_body(int fd, uid_t uid, void (*body)(void)) {
        Process process;
        int32_t ready = 0;
        int sockets[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
        process.fd = sockets[0];
        process.pid = fork();
        assert_true(process.pid >= 0);
        if (process.pid == 0) {
                (void) close(sockets[0]);
                if ((body && setsid() < 0) || cgroup_attach(fd, getpid()) < 0 ||
                    setresuid(uid, uid, uid) < 0 ||
                    write(sockets[1], &ready, sizeof(ready)) != sizeof(ready))
                        _exit(1);
                if (body)
                        body();
                serve(sockets[1]);
        }

        (void) close(sockets[1]);
        assert_true(wait_for_answer(&process, &ready));
        return process;
}

Process process_start(int fd, uid_t uid) {
        return process_start_body(fd, uid, NULL);
}

static void *live_on(void *argument) {
        wait_for_end();
        return NULL;
}

void process_lose_leader(void) {
        pthread_t thread;

        if (pthread_create(&thread, NULL, live_on, NULL) != 0)
                _exit(1);
        (void) syscall(SYS_exit, 0); /* not of the process */
}

void process_may_lose_leader(void) {
        pthread_t thread;
        sigset_t signals;
        int sig;

        (void) sigemptyset(&signals);
        (void) sigaddset(&signals, SIGUSR1);
        (void) sigprocmask(SIG_BLOCK, &signals, NULL);
        if (pthread_create(&thread, NULL, live_on, NULL) != 0 || sigwait(&signals, &sig) != 0)
                _exit(1);
        (void) syscall(SYS_exit, 0);
}

void process_end_leader(const TreeFixture *fixture, pid_t pid) {
        ProcStat stat = {};

        for (int waited = 0; waited < PATIENCE && stat.n_threads < 2; waited += 10) {
                assert_int_equal(proc_get_stat(fixture->kernel.proc_fd, pid, &stat), 0);
                (void) usleep(10000);
        }
        assert_int_equal(kill(pid, SIGUSR1), 0);
        process_await_leader_end(fixture, pid);
}

void process_await_leader_end(const TreeFixture *fixture, pid_t pid) {
        ProcStat stat = {};

        for (int waited = 0; waited < PATIENCE && stat.state != 'Z'; waited += 10) {
                assert_int_equal(proc_get_stat(fixture->kernel.proc_fd, pid, &stat), 0);
                (void) usleep(10000);
        }
        assert_int_equal(stat.state, 'Z');
        assert_int_equal(stat.n_threads, 2);
}

void process_end(Process *process) {
        (void) kill(process->pid, SIGKILL);
        (void) waitpid(process->pid, NULL, 0);
        (void) close(process->fd);
        process->fd = -1;
}

bool process_answers(const Process *process) {
        return tell(process, (Order){ .what = ANSWER }) == 0;
}

bool process_is_silent(const Process *process) {
        struct pollfd fd = { .fd = process->fd, .events = POLLIN };
        Order order = { .what = ANSWER };

        return send(process->fd, &order, sizeof(order), MSG_NOSIGNAL) == sizeof(order) &&
               poll(&fd, 1, SILENCE) == 0;
}

bool process_becomes(const Process *process, uid_t uid) {
        return tell(process, (Order){ .what = BECOME, .uid = uid }) == 0;
}

pid_t process_fork(const Process *process) {
        int32_t pid = tell(process, (Order){ .what = FORK });

        assert_true(pid > 0);
        return (pid_t) pid;
}

void tree_fixture_leave_fds(size_t room) {
        static struct rlimit before;
        struct rlimit limit;
        int lowest;

        if (before.rlim_cur == 0)
                assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
        limit = before;
        if (room != SIZE_MAX) {
                lowest = dup(STDERR_FILENO);
                assert_true(lowest >= 0);
                (void) close(lowest);
                limit.rlim_cur = (rlim_t) lowest + room;
        }
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}
