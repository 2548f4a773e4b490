/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/cgroup.h"
#include "lib/cleanup.h"
#include "tests/unit/cgroup-fixture.h"

/* "... MOUNTPOINT OPTIONS ... - cgroup2 ..." of proc_pid_mountinfo(5). */
static int find_mount(char *ret, size_t size) {
        _cleanup_fclose_ FILE *file = fopen("/proc/self/mountinfo", "re");
        char line[4096], point[256];

        while (file && fgets(line, sizeof(line), file))
                if (strstr(line, " - cgroup2 ") && sscanf(line, "%*s %*s %*s %*s %255s", point) == 1) {
                        (void) snprintf(ret, size, "%s", point);
                        return 0;
                }
        return -1;
}

int cgroup_fixture_setup(void **state) {
        CgroupFixture *fixture = calloc(1, sizeof(*fixture));

        if (!fixture)
                return -1;
        *state = NULL;
        (void) snprintf(fixture->path, sizeof(fixture->path), "/cgmove-test-%d", (int) getpid());
        if (geteuid() != 0 || find_mount(fixture->mount, sizeof(fixture->mount)) < 0) {
                free(fixture);
                return 0;
        }

        fixture->root_fd = open(fixture->mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fixture->root_fd < 0 || cgroup_create(fixture->root_fd, fixture->path + 1, &fixture->fd) < 0) {
                closep(&fixture->root_fd);
                free(fixture);
                return 0;
        }
        *state = fixture;
        return 0;
}

int cgroup_fixture_teardown(void **state) {
        CgroupFixture *fixture = *state;
        int r = -1;

        if (!fixture)
                return 0;
        (void) cgroup_kill(fixture->fd);
        for (unsigned i = 0; i < 200 && r < 0; i++) {
                while (waitpid(-1, NULL, WNOHANG) > 0)
                        ;
                r = cgroup_remove(fixture->root_fd, fixture->path + 1);
                if (r < 0)
                        (void) usleep(10000);
        }
        closep(&fixture->fd);
        closep(&fixture->root_fd);
        free(fixture);
        return r;
}

pid_t cgroup_fixture_spawn(int fd) {
        pid_t pid = fork();

        if (pid == 0)
                for (;;)
                        (void) pause();
        if (pid > 0 && cgroup_attach(fd, pid) < 0) {
                cgroup_fixture_reap(pid);
                return -1;
        }
        return pid;
}

void cgroup_fixture_reap(pid_t pid) {
        (void) kill(pid, SIGKILL);
        (void) waitpid(pid, NULL, 0);
}
