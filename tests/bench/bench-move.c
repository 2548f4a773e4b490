/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a move with its job costs over an open connection, against a raw write to cgroup.procs, on the same
 * process one after the other:
 *
 *     bench-move ROUNDS KEEP NAME
 *
 * makes ROUNDS processes and times both on each; then, with KEEP > 0, makes KEEP more jobs and keeps them
 * until its standard input ends. It must run in a delegated unit of its user (systemd-run --user -p
 * Delegate=yes), where raw moves between subgroups are allowed. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "lib/protocol.h"
#include "tests/bench/samples.h"

static void die(const char *what, int error) {
        fprintf(stderr, "bench-move: %s: %s\n", what, strerror(error < 0 ? -error : error));
        exit(1);
}

/* The directory of our own cgroup. */
static int open_own_group(void) {
        char line[4096], path[4200] = "";
        FILE *file = fopen("/proc/self/cgroup", "re");
        int fd;

        while (file && fgets(line, sizeof(line), file))
                if (strncmp(line, "0::", 3) == 0) {
                        line[strcspn(line, "\n")] = '\0';
                        (void) snprintf(path, sizeof(path), "/sys/fs/cgroup%s", line + 3);
                }
        if (file)
                (void) fclose(file);
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                die(path, errno);
        return fd;
}

/* cgroup.procs of a subgroup, open for writing. */
static int make_group(int own, const char *name) {
        char path[64];
        int fd;

        if (mkdirat(own, name, 0755) < 0 && errno != EEXIST)
                die(name, errno);
        (void) snprintf(path, sizeof(path), "%s/cgroup.procs", name);
        fd = openat(own, path, O_WRONLY | O_CLOEXEC);
        if (fd < 0)
                die(path, errno);
        return fd;
}

static void attach(int procs_fd, pid_t pid) {
        char text[16];
        int n = snprintf(text, sizeof(text), "%d", (int) pid);

        if (write(procs_fd, text, (size_t) n) != n)
                die("cgroup.procs", errno);
}

static pid_t spawn(void) {
        pid_t pid = fork();

        if (pid < 0)
                die("fork", errno);
        if (pid == 0) {
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL); /* none outlives the measurement */
                for (;;)
                        (void) pause();
        }
        return pid;
}

static sd_bus *connect_daemon(void) {
        sd_bus *bus = NULL;
        int r;

        r = sd_bus_new(&bus);
        if (r >= 0)
                r = sd_bus_set_address(bus, "unix:path=" CGMOVE_PRIVATE_SOCKET);
        if (r >= 0)
                r = sd_bus_negotiate_fds(bus, 1);
        if (r >= 0)
                r = sd_bus_start(bus);
        if (r < 0)
                die("connect", r);
        return bus;
}

static void move(sd_bus *bus, pid_t pid) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message *reply = NULL;
        int pidfd, r;

        pidfd = (int) syscall(SYS_pidfd_open, pid, 0);
        if (pidfd < 0)
                die("pidfd_open", errno);
        r = sd_bus_call_method(bus, NULL, CGMOVE_PATH, CGMOVE_MANAGER_INTERFACE, "Move", &error, &reply, "aha{sv}", 1,
                               pidfd, 0);
        if (r < 0) {
                fprintf(stderr, "bench-move: %s\n", error.message);
                exit(1);
        }
        (void) sd_bus_message_unref(reply);
        (void) close(pidfd);
}

static void wait_for_end_of_input(void) {
        char c;

        while (read(STDIN_FILENO, &c, 1) > 0)
                ;
}

int main(int argc, char **argv) {
        Samples raw = {}, moved = {};
        char raw_name[64], moved_name[64];
        int own, here, source, rounds, keep;
        sd_bus *bus;

        if (argc != 4) {
                fprintf(stderr, "Usage: bench-move ROUNDS KEEP NAME\n");
                return 2;
        }
        rounds = atoi(argv[1]);
        keep = atoi(argv[2]);
        (void) snprintf(raw_name, sizeof(raw_name), "raw%s", argv[3]);
        (void) snprintf(moved_name, sizeof(moved_name), "move%s", argv[3]);
        raw.name = raw_name;
        moved.name = moved_name;

        own = open_own_group();
        here = make_group(own, "bench");
        source = make_group(own, "source");
        attach(here, getpid());
        bus = connect_daemon();

        for (int i = 0; i < rounds; i++) {
                pid_t pid = spawn();
                double start = now_usec(), middle;

                attach(source, pid);
                middle = now_usec();
                move(bus, pid);
                samples_add(&moved, now_usec() - middle);
                samples_add(&raw, middle - start);
                (void) kill(pid, SIGKILL);
                (void) waitpid(pid, NULL, 0);
        }
        samples_print(&raw);
        samples_print(&moved);
        (void) fflush(stdout);

        if (keep > 0) {
                for (int i = 0; i < keep; i++)
                        move(bus, spawn());
                printf("{\"name\":\"kept\",\"n\":%d}\n", keep);
                (void) fflush(stdout);
                wait_for_end_of_input();
        }
        (void) sd_bus_flush_close_unref(bus);
        return 0;
}
