/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/security/reuse-client.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "lib/protocol.h"
#include "tests/security/reuse-spawn.h"

static Answer call_move(sd_bus *bus, const pid_t *pids, int n, atomic_int *sent) {
        sd_bus_message *call = NULL;
        sd_bus_error error = SD_BUS_ERROR_NULL;
        Answer answer = ANSWER_MOVED;

        if (sd_bus_message_new_method_call(bus, &call, NULL, CGMOVE_PATH, CGMOVE_MANAGER_INTERFACE, "Move") <
                            0 ||
            sd_bus_message_open_container(call, 'a', "h") < 0)
                die("message");
        for (int i = 0; i < n; i++) {
                int fd = (int) syscall(SYS_pidfd_open, pids[i], 0);

                if (fd < 0 || sd_bus_message_append(call, "h", fd) < 0)
                        die("pidfd_open");
                (void) close(fd);
        }
        if (sd_bus_message_close_container(call) < 0 || sd_bus_message_append(call, "a{sv}", 0) < 0)
                die("message");

        atomic_store(sent, 1);
        if (sd_bus_call(bus, call, 0, &error, NULL) < 0) {
                answer = sd_bus_error_has_name(&error, CGMOVE_ERROR_NO_SUCH_PROCESS) ? ANSWER_GONE
                                                                                     : ANSWER_REFUSED;
                if (answer == ANSWER_REFUSED && getenv("PID_REUSE_DEBUG"))
                        fprintf(stderr, "%s: %s\n", error.name, error.message);
        }
        sd_bus_error_free(&error);
        (void) sd_bus_message_unref(call);
        return answer;
}

static void run_client(int fd, atomic_int *sent) {
        pid_t pids[CLIENT_TARGETS_MAX];
        sd_bus *bus = NULL;
        ssize_t n;

        if (syscall(SYS_setresgid, CLIENT_UID, CLIENT_UID, CLIENT_UID) < 0 ||
            setresuid(CLIENT_UID, CLIENT_UID, CLIENT_UID) < 0)
                die("setresuid");
        if (sd_bus_new(&bus) < 0 || sd_bus_set_address(bus, "unix:path=" CGMOVE_PRIVATE_SOCKET) < 0 ||
            sd_bus_negotiate_fds(bus, 1) < 0 || sd_bus_start(bus) < 0)
                die("connect");

        while ((n = recv(fd, pids, sizeof(pids), 0)) > 0) {
                Answer answer = call_move(bus, pids, (int) ((size_t) n / sizeof(pid_t)), sent);

                if (send(fd, &answer, sizeof(answer), 0) < 0)
                        break;
        }
        sd_bus_unref(bus);
        exit(0);
}

int client_begin(atomic_int **ret_sent) {
        atomic_int *sent;
        int fds[2];
        pid_t pid;

        sent = mmap(NULL, sizeof(*sent), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (sent == MAP_FAILED || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
                die("client");
        pid = fork();
        if (pid < 0)
                die("fork");
        if (pid == 0) {
                (void) close(fds[0]);
                run_client(fds[1], sent);
        }
        (void) close(fds[1]);
        *ret_sent = sent;
        return fds[0];
}
