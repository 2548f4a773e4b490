/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/unit-fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/cgroup.h"
#include "lib/cleanup.h"
#include "lib/pidfd.h"
#include "lib/proc.h"

#define FIXED_FIRST 20000 /* below the range of every host that has not been told otherwise */
#define FIXED_TRIES 1000
#define PATIENCE 30000 /* milliseconds */

/* --- the unit --------------------------------------------------------------------------------------------- */

/* The group's path as /proc tells it. */
static int find_group(UnitFixture *fixture) {
        _cleanup_free_ char *path = NULL;
        pid_t pid = cgroup_fixture_spawn(fixture->cgroup->fd);
        bool deleted;
        int r;

        r = proc_get_cgroup(fixture->proc_fd, pid, &path, &deleted);
        cgroup_fixture_reap(pid);
        if (r < 0 || strlen(path) >= sizeof(fixture->unit.control_group))
                return -1;
        (void) strcpy(fixture->unit.control_group, path);
        return 0;
}

int unit_fixture_setup(void **state) {
        void *cgroup = NULL;
        UnitFixture *fixture;

        if (cgroup_fixture_setup(&cgroup) < 0)
                return -1;
        if (!cgroup)
                return 0;
        fixture = calloc(1, sizeof(*fixture));
        if (!fixture)
                return -1;
        fixture->cgroup = cgroup;
        fixture->proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
        (void) strcpy(fixture->unit.id, "gateway.service");
        (void) strcpy(fixture->unit.load_state, "loaded");
        (void) strcpy(fixture->unit.active_state, "active");
        *state = fixture;
        return find_group(fixture);
}

int unit_fixture_teardown(void **state) {
        UnitFixture *fixture = *state;
        void *cgroup = fixture ? fixture->cgroup : NULL;

        if (!fixture)
                return 0;
        (void) close(fixture->proc_fd);
        free(fixture);
        return cgroup_fixture_teardown(&cgroup);
}

UnitFixture *unit_fixture_need(void **state) {
        if (!*state)
                skip();
        return *state;
}

/* --- processes -------------------------------------------------------------------------------------------- */

static void report(int ready, Child child) {
        if (write(ready, &child, sizeof(child)) != sizeof(child))
                _exit(1);
        for (;;)
                (void) pause();
}

static void run_grandchild(int flags, int ready) {
        Child child = { .pid = getppid(), .child = getpid() };

        if (flags & CHILD_FORKS_LISTENER)
                (void) listener_open_fixed(0, &child.port);
        report(ready, child);
}

static void run_child(const UnitFixture *fixture, uid_t uid, int flags, int ready) {
        if (!(flags & CHILD_OUTSIDE) && cgroup_attach(fixture->cgroup->fd, getpid()) < 0)
                _exit(1);
        (void) signal(SIGTERM, flags & CHILD_IGNORES_TERM ? SIG_IGN : SIG_DFL);
        if (setresuid(uid, uid, uid) < 0)
                _exit(1);
        if (!(flags & (CHILD_FORKS | CHILD_FORKS_LISTENER)))
                report(ready, (Child){ .pid = getpid() });
        if (fork() == 0)
                run_grandchild(flags, ready);
        for (;;)
                (void) pause();
}

Child child_start(const UnitFixture *fixture, uid_t uid, int flags) {
        ProcStat stat;
        Child child;
        int ready[2];
        pid_t pid;

        assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
                run_child(fixture, uid, flags, ready[1]);
        (void) close(ready[1]);
        assert_int_equal(read(ready[0], &child, sizeof(child)), sizeof(child));
        (void) close(ready[0]);
        assert_int_equal(child.pid, pid);
        assert_int_equal(proc_get_stat(fixture->proc_fd, pid, &stat), 0);
        child.starttime = stat.starttime;
        return child;
}

void child_kill(pid_t pid) {
        _cleanup_close_ int fd = pidfd_open_process(pid);
        struct pollfd end = { .fd = fd, .events = POLLIN };

        assert_true(fd >= 0);
        (void) kill(pid, SIGKILL);
        assert_int_equal(poll(&end, 1, PATIENCE), 1);
        (void) waitpid(pid, NULL, 0); /* fails if it is no child of the test itself */
}

bool child_is_alive(pid_t pid) {
        return waitpid(pid, NULL, WNOHANG) == 0;
}

uint64_t ticks_next(void) {
        const long per_second = sysconf(_SC_CLK_TCK);
        struct timespec now;

        (void) usleep((useconds_t) (2000000 / per_second));
        (void) clock_gettime(CLOCK_BOOTTIME, &now);
        return (uint64_t) now.tv_sec * (uint64_t) per_second +
               (uint64_t) now.tv_nsec / (uint64_t) (1000000000 / per_second);
}

/* --- sockets ---------------------------------------------------------------------------------------------- */

static int bind_port(int fd, uint16_t port, int flags) {
        struct sockaddr_in v4 = { .sin_family = AF_INET,
                                  .sin_port = htons(port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
                                   .sin6_port = htons(port),
                                   .sin6_addr = in6addr_any };

        return flags & LISTEN_V6 ? bind(fd, (struct sockaddr *) &v6, sizeof(v6))
                                 : bind(fd, (struct sockaddr *) &v4, sizeof(v4));
}

int listener_open(uint16_t port, int flags, uint16_t *ret_port) {
        int fd = socket(flags & LISTEN_V6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int v6only = !!(flags & LISTEN_V6ONLY), reuse = !!(flags & LISTEN_REUSEPORT);
        struct sockaddr_in6 address;
        socklen_t size = sizeof(address);

        if (fd < 0)
                return -1;
        if ((flags & LISTEN_V6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof(v6only)) < 0) ||
            (reuse && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &reuse, sizeof(reuse)) < 0) ||
            bind_port(fd, port, flags) < 0 || listen(fd, 4) < 0 ||
            getsockname(fd, (struct sockaddr *) &address, &size) < 0) {
                (void) close(fd);
                return -1;
        }
        *ret_port = ntohs(address.sin6_port); /* of IPv4 at the same place */
        return fd;
}

int listener_open_fixed(int flags, uint16_t *ret_port) {
        static uint16_t n;
        int fd = -1;

        for (int i = 0; i < FIXED_TRIES && fd < 0; i++)
                fd = listener_open((uint16_t) (FIXED_FIRST + (getpid() + n++) % 10000), flags, ret_port);
        assert_true(fd >= 0);
        return fd;
}
