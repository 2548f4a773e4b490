/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <arpa/inet.h>
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
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <ftw.h>
#include <netinet/tcp.h>

#include "lib/cleanup.h"
#include "lib/proc.h"
#include "tools/net/cgroup-id.h"
#include "tools/net/port-holder.h"

/* --- a false /proc and a false tree of cgroups ---------------------------------------------------- */

typedef struct Fixture {
        char path[64];
        int fd;
} Fixture;

static int setup(void **state) {
        static Fixture fixture;

        (void) strcpy(fixture.path, "/tmp/cgmove-test-XXXXXX");
        if (!mkdtemp(fixture.path))
                return -1;
        fixture.fd = open(fixture.path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        *state = &fixture;
        return fixture.fd < 0 ? -1 : 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        return remove(path);
}

static int teardown(void **state) {
        Fixture *fixture = *state;

        (void) close(fixture->fd);
        return nftw(fixture->path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void make_file(int dir, pid_t pid, const char *name, const char *text) {
        _cleanup_close_ int fd = -1;
        char path[64];

        (void) snprintf(path, sizeof(path), "%d/%s", pid, name);
        fd = openat(dir, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

/* LINKS: what its descriptors 0, 1, ... are, NULL-terminated. */
static void make_process(int dir, pid_t pid, const char *comm, const char *cgroup,
                         const char *const *links) {
        char path[64], text[512];

        (void) snprintf(path, sizeof(path), "%d", pid);
        assert_int_equal(mkdirat(dir, path, 0700), 0);
        (void) snprintf(path, sizeof(path), "%d/fd", pid);
        assert_int_equal(mkdirat(dir, path, 0700), 0);
        for (unsigned i = 0; links[i]; i++) {
                (void) snprintf(path, sizeof(path), "%d/fd/%u", pid, i);
                assert_int_equal(symlinkat(links[i], dir, path), 0);
        }
        (void) snprintf(text, sizeof(text), "%s\n", comm);
        make_file(dir, pid, "comm", text);
        (void) snprintf(text, sizeof(text), "0::%s\n", cgroup);
        make_file(dir, pid, "cgroup", text);
        (void) snprintf(text, sizeof(text), "%d (x) S 1 2 3 0 -1 0 0 0 0 0 0 0 0 0 0 0 1 0 %d 0\n", pid,
                        pid * 10);
        make_file(dir, pid, "stat", text);
}

#define GATEWAY "/user.slice/user-1000.slice/user@1000.service/app.slice/gateway.service"

static const PortHolder *find(const PortHolderList *list, uint16_t port, pid_t pid) {
        for (size_t i = 0; i < list->n; i++)
                if (list->items[i].socket.port == port && list->items[i].pid == pid)
                        return &list->items[i];
        return NULL;
}

static void test_join(void **state) {
        static TcpSocket items[] = {
                { .family = AF_INET, .state = TCP_LISTEN, .port = 80, .inode = 11 },
                { .family = AF_INET6, .state = TCP_LISTEN, .port = 81, .inode = 12 },
                { .family = AF_INET, .state = TCP_LISTEN, .port = 82, .inode = 13 },
                { .family = AF_INET, .state = TCP_TIME_WAIT, .port = 83 },
                { .family = AF_INET, .state = TCP_LISTEN, .port = 84, .inode = 1 },
        };
        TcpSocketList sockets = { .items = items, .n = ELEMENTSOF(items) };
        Fixture *fixture = *state;
        PortHolderList list = { .items = NULL };
        const PortHolder *holder;

        make_process(fixture->fd, 7, "node", GATEWAY,
                     (const char *const[]){ "/dev/null", "socket:[11]", "socket:[12]", "socket:[11]",
                                            NULL });
        make_process(fixture->fd, 8, "left", GATEWAY, (const char *const[]){ "socket:[11]", NULL });
        make_process(fixture->fd, 9, "other", "/",
                     (const char *const[]){ "socket:[99]", "socket:[]", "socket:[13", "socket:[13]x",
                                            "pipe:[13]", "socket:[18446744073709551629]", "socket:[-13]",
                                            NULL });
        assert_int_equal(mkdirat(fixture->fd, "10", 0700), 0); /* gone, or not ours */

        assert_int_equal(port_holders_join(fixture->fd, -1, &sockets, &list), 0);
        assert_int_equal(list.n, 6);
        holder = find(&list, 80, 7);
        assert_non_null(holder);
        assert_string_equal(holder->comm, "node");
        assert_string_equal(holder->source, "user:gateway.service");
        assert_string_equal(holder->cgroup, GATEWAY);
        assert_int_equal(holder->starttime, 70);
        assert_int_equal(holder->socket.inode, 11);
        holder = find(&list, 80, 8);
        assert_non_null(holder);
        assert_string_equal(holder->comm, "left");
        assert_non_null(find(&list, 81, 7));
        assert_null(find(&list, 81, 8));
        for (uint16_t port = 82; port <= 84; port++) {
                holder = find(&list, port, 0);
                assert_non_null(holder);
                assert_true(holder->starttime == 0 && !holder->comm[0] && !holder->source[0]);
        }
        port_holder_list_done(&list);
}

/* What ends while it is looked at (its files are gone) is not told; the socket is. */
static void test_join_ended(void **state) {
        static TcpSocket items[] = { { .family = AF_INET, .state = TCP_LISTEN, .port = 80, .inode = 11 } };
        TcpSocketList sockets = { .items = items, .n = 1 };
        PortHolderList list = { .items = NULL };
        Fixture *fixture = *state;

        make_process(fixture->fd, 7, "node", GATEWAY, (const char *const[]){ "socket:[11]", NULL });
        assert_int_equal(unlinkat(fixture->fd, "7/comm", 0), 0);
        assert_int_equal(port_holders_join(fixture->fd, -1, &sockets, &list), 0);
        assert_int_equal(list.n, 1);
        assert_int_equal(list.items[0].pid, 0);
        port_holder_list_done(&list);
}

static void test_same_inode(void **state) {
        static TcpSocket items[] = {
                { .family = AF_INET, .state = TCP_LISTEN, .port = 80, .inode = 11 },
                { .family = AF_INET, .state = TCP_LISTEN, .port = 81, .inode = 11 },
        };
        TcpSocketList sockets = { .items = items, .n = 2 };
        PortHolderList list = { .items = NULL };
        Fixture *fixture = *state;

        make_process(fixture->fd, 7, "node", GATEWAY, (const char *const[]){ "socket:[11]", NULL });
        assert_int_equal(port_holders_join(fixture->fd, -1, &sockets, &list), 0);
        assert_int_equal(list.n, 2);
        assert_non_null(find(&list, 80, 7));
        assert_non_null(find(&list, 81, 7));
        port_holder_list_done(&list);
}

/* More of them than are told: refused, not cut. */
static void test_too_many(void **state) {
        TcpSocketList sockets = { .n = PORT_HOLDERS_MAX + 1 };
        PortHolderList list = { .items = NULL };
        Fixture *fixture = *state;

        sockets.items = calloc(sockets.n, sizeof(*sockets.items));
        assert_non_null(sockets.items);
        for (size_t i = 0; i < sockets.n; i++)
                sockets.items[i] = (TcpSocket) { .family = AF_INET, .state = TCP_LISTEN, .inode = 100 + i };
        assert_int_equal(port_holders_join(fixture->fd, -1, &sockets, &list), -E2BIG);
        assert_null(list.items);
        tcp_socket_list_done(&sockets);
}

/* What is nobody's any more can be many, and is told once for each port and state. */
static void test_time_wait(void **state) {
        TcpSocketList sockets = { .n = PORT_HOLDERS_MAX * 2 };
        PortHolderList list = { .items = NULL };
        Fixture *fixture = *state;

        sockets.items = calloc(sockets.n, sizeof(*sockets.items));
        assert_non_null(sockets.items);
        for (size_t i = 0; i < sockets.n; i++)
                sockets.items[i] = (TcpSocket) {
                        .family = AF_INET,
                        .state = i % 4 ? TCP_TIME_WAIT : TCP_LAST_ACK,
                        .port = i % 2 ? 80 : 65535,
                };
        assert_int_equal(port_holders_join(fixture->fd, -1, &sockets, &list), 0);
        assert_int_equal(list.n, 3);
        assert_non_null(find(&list, 80, 0));
        assert_non_null(find(&list, 65535, 0));
        port_holder_list_done(&list);
        tcp_socket_list_done(&sockets);
}

static uint64_t make_group(int dir, const char *path) {
        struct stat st;

        assert_int_equal(mkdirat(dir, path, 0700), 0);
        assert_int_equal(fstatat(dir, path, &st, 0), 0);
        return st.st_ino;
}

static void test_cgroups(void **state) {
        Fixture *fixture = *state;
        uint64_t slice = make_group(fixture->fd, "system.slice");
        uint64_t service = make_group(fixture->fd, "system.slice/x.service");
        TcpSocket items[] = {
                { .family = AF_INET, .state = TCP_LISTEN, .port = 80, .inode = 5, .cgroup = service },
                { .family = AF_INET, .state = TCP_LISTEN, .port = 81, .inode = 6, .cgroup = slice },
                { .family = AF_INET, .state = TCP_LISTEN, .port = 82, .inode = 7, .cgroup = service },
                { .family = AF_INET, .state = TCP_LISTEN, .port = 83, .inode = 8, .cgroup = 3 },
        };
        TcpSocketList sockets = { .items = items, .n = ELEMENTSOF(items) };
        PortHolderList list = { .items = NULL };

        assert_int_equal(port_holders_join(fixture->fd, fixture->fd, &sockets, &list), 0);
        assert_int_equal(list.n, 4);
        assert_string_equal(find(&list, 80, 0)->source, "system:x.service");
        assert_string_equal(find(&list, 80, 0)->cgroup, "/system.slice/x.service");
        assert_string_equal(find(&list, 81, 0)->cgroup, "/system.slice");
        assert_string_equal(find(&list, 81, 0)->source, "other");
        assert_string_equal(find(&list, 82, 0)->source, "system:x.service");
        assert_string_equal(find(&list, 83, 0)->source, "");
        port_holder_list_done(&list);
}

/* A path longer than is kept, and a link that leads elsewhere. */
static void test_cgroups_deep(void **state) {
        Fixture *fixture = *state;
        char path[CGROUP_ID_PATH_MAX * 2] = "a";
        CgroupId groups[2];

        groups[0].id = make_group(fixture->fd, "a");
        while (strlen(path) < CGROUP_ID_PATH_MAX) {
                (void) strcat(path, "/abcdefghijklmnopqrstuvwxyz");
                groups[1].id = make_group(fixture->fd, path);
        }
        assert_int_equal(symlinkat("a", fixture->fd, "b"), 0);
        assert_int_equal(cgroup_ids_find(fixture->fd, groups, 2), 0);
        assert_string_equal(groups[0].path, "/a");
        assert_string_equal(groups[1].path, "");
}

/* --- words ---------------------------------------------------------------------------------------- */

static void test_text(void **state) {
        static const struct {
                PortHolder holder;
                const char *text;
        } cases[] = {
                { { .socket = { .state = TCP_LISTEN, .inode = 1, .uid = 4000000001 },
                    .pid = 17,
                    .comm = "node",
                    .source = "user:gateway.service" },
                  "PID 17 (node) of user 4000000001 in user:gateway.service" },
                { { .socket = { .state = TCP_LISTEN, .inode = 1 }, .source = "system:x.service" },
                  "user root in system:x.service" },
                { { .socket = { .state = TCP_LISTEN, .inode = 1 }, .source = "other", .cgroup = "/" },
                  "user root" },
                { { .socket = { .state = TCP_LISTEN, .inode = 1 }, .source = "other", .cgroup = "/a\x1b" },
                  "user root in /a\\x1b" },
                { { .socket = { .state = TCP_TIME_WAIT } }, "a connection in TIME_WAIT" },
                { { .socket = { .state = TCP_FIN_WAIT2 } }, "a connection in FIN_WAIT2" },
                { { .socket = { .state = TCP_CLOSE_WAIT, .inode = 1 },
                    .pid = 17,
                    .comm = "a\x1b[2J\n\xe2\x80\xae" },
                  "a connection in CLOSE_WAIT of PID 17 (a\\x1b[2J\\n\\u{202e}) of user root" },
                { { .socket = { .state = 200 } }, "a connection in an unknown state" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char text[1024], small[8];

                port_holder_text(&cases[i].holder, text, sizeof(text));
                assert_string_equal(text, cases[i].text);
                port_holder_text(&cases[i].holder, small, sizeof(small));
                assert_int_equal(strlen(small), sizeof(small) - 1);
        }
}

/* --- the real thing ------------------------------------------------------------------------------- */

static uint16_t make_listener(int *ret) {
        struct sockaddr_in address = { .sin_family = AF_INET };
        socklen_t size = sizeof(address);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        assert_int_equal(bind(fd, (struct sockaddr *) &address, size), 0);
        assert_int_equal(listen(fd, 1), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *) &address, &size), 0);
        *ret = fd;
        return ntohs(address.sin_port);
}

/* A child that inherited the listener: the same socket twice, told apart by process. */
static void test_inherited(void **state) {
        _cleanup_close_ int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC), fd = -1, dup_fd = -1;
        uint16_t port = make_listener(&fd);
        PortHolderList list = { .items = NULL };
        const PortHolder *holder;
        int ready[2];
        ProcStat stat;
        pid_t child;
        char c;

        assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
        dup_fd = dup(fd); /* does not count twice */
        child = fork();
        assert_true(child >= 0);
        if (child == 0) {
                (void) prctl(PR_SET_NAME, "a\x1b[31m\nb");
                (void) !write(ready[1], "x", 1);
                (void) pause();
                _exit(0);
        }
        assert_int_equal(read(ready[0], &c, 1), 1);
        if (port_holders_get(proc, TCP_STATE(TCP_LISTEN), port, &list) < 0)
                skip(); /* a kernel without socket diagnosis */
        assert_int_equal(list.n, 2);
        assert_non_null(find(&list, port, getpid()));
        holder = find(&list, port, child);
        assert_non_null(holder);
        assert_string_equal(holder->comm, "a\x1b[31m\nb");
        assert_int_equal(proc_get_stat(proc, child, &stat), 0);
        assert_true(holder->starttime == stat.starttime);
        port_holder_list_done(&list);

        assert_int_equal(port_holders_get_of(proc, TCP_STATE(TCP_LISTEN), port, getuid() + 1, &list), 0);
        assert_int_equal(list.n, 0);
        assert_int_equal(port_holders_get_of(proc, TCP_STATE(TCP_LISTEN), port, UID_NONE, &list), 0);
        assert_int_equal(list.n, 2);
        port_holder_list_done(&list);
        assert_int_equal(port_holders_find(proc, TCP_STATE(TCP_LISTEN), port, &list), 0);
        assert_int_equal(list.n, 2);
        port_holder_list_done(&list);
        assert_int_equal(port_holders_get_or_of(proc, TCP_STATE(TCP_LISTEN), getuid() + 1, 0, &list), 0);
        assert_non_null(find(&list, port, child)); /* they are not too many */
        port_holder_list_done(&list);

        (void) close(TAKE_FD(fd));
        (void) close(TAKE_FD(dup_fd));
        assert_int_equal(port_holders_get(proc, TCP_STATE(TCP_LISTEN), port, &list), 0);
        assert_int_equal(list.n, 1);
        assert_int_equal(list.items[0].pid, child);
        port_holder_list_done(&list);

        (void) kill(child, SIGKILL);
        assert_int_equal(waitpid(child, NULL, 0), child);
        assert_int_equal(port_holders_get_of(proc, TCP_STATE(TCP_LISTEN), port, getuid(), &list), 0);
        assert_int_equal(list.n, 0);
        port_holder_list_done(&list);
        assert_int_equal(port_holders_find(proc, TCP_STATE(TCP_LISTEN), port, &list), 0);
        assert_int_equal(list.n, 0);
        (void) close(ready[0]);
        (void) close(ready[1]);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_join, setup, teardown),
                cmocka_unit_test_setup_teardown(test_join_ended, setup, teardown),
                cmocka_unit_test_setup_teardown(test_same_inode, setup, teardown),
                cmocka_unit_test_setup_teardown(test_too_many, setup, teardown),
                cmocka_unit_test_setup_teardown(test_time_wait, setup, teardown),
                cmocka_unit_test_setup_teardown(test_cgroups, setup, teardown),
                cmocka_unit_test_setup_teardown(test_cgroups_deep, setup, teardown),
                cmocka_unit_test(test_text),
                cmocka_unit_test(test_inherited),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
