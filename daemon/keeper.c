/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* cgmove-keeper: the one process of cgmove@UID.service. It makes the unit a place where jobs can live, and
 * does nothing else.
 *
 * systemd removes the cgroup of a delegated unit that has no process, and processes in a group that hands
 * controllers on are not allowed ("no internal processes", https://systemd.io/CGROUP_DELEGATION). So it
 * moves itself into the subgroup "keeper", says that it is ready (sd_notify(3), a protocol with a stable
 * interface), and waits for SIGTERM.
 *
 * One runs for each user with jobs, for as long as these do: no library but libc, no
 * descriptor, no right. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "lib/cleanup.h"

#define CGROUP_ROOT "/sys/fs/cgroup"
#define SUBGROUP "keeper"
#define PATH_LENGTH 512

/* The path behind "0::" in /proc/self/cgroup; lines of v1 hierarchies are skipped. */
static int read_own_group(char *ret, size_t size) {
        _cleanup_fclose_ FILE *file = fopen("/proc/self/cgroup", "re");
        char line[PATH_LENGTH];

        if (!file)
                return -errno;
        while (fgets(line, sizeof(line), file)) {
                size_t length = strcspn(line, "\n");

                if (strncmp(line, "0::/", 4) != 0)
                        continue;
                if (line[length] != '\n' || length - 3 >= size)
                        return -ENAMETOOLONG;
                line[length] = '\0';
                memcpy(ret, line + 3, length - 2);
                return 0;
        }
        return -ENODATA;
}

static int open_own_group(int *ret) {
        char group[PATH_LENGTH], path[PATH_LENGTH + sizeof(CGROUP_ROOT)];
        int r, fd;

        r = read_own_group(group, sizeof(group));
        if (r < 0)
                return r;
        /* not anywhere but in our unit: the path says it, and so the group is one that systemd has
         * delegated */
        if (!strstr(group, "/cgmove@"))
                return -EPERM;
        (void) snprintf(path, sizeof(path), "%s%s", CGROUP_ROOT, group);
        fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        *ret = fd;
        return 0;
}

static int enter_subgroup(void) {
        _cleanup_close_ int group_fd = -1, procs_fd = -1;
        int r;

        r = open_own_group(&group_fd);
        if (r < 0)
                return r;
        if (mkdirat(group_fd, SUBGROUP, 0755) < 0 && errno != EEXIST)
                return -errno;
        procs_fd = openat(group_fd, SUBGROUP "/cgroup.procs", O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
        if (procs_fd < 0)
                return -errno;
        return write(procs_fd, "0", 1) == 1 ? 0 : -errno;
}

static int notify_ready(void) {
        static const char message[] = "READY=1\nSTATUS=Keeping the place of this user's jobs.";
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        const char *path = getenv("NOTIFY_SOCKET");
        _cleanup_close_ int fd = -1;
        size_t length;

        if (!path)
                return 0;
        length = strlen(path);
        if ((path[0] != '/' && path[0] != '@') || length < 2 || length >= sizeof(address.sun_path))
                return -EAFNOSUPPORT;
        memcpy(address.sun_path, path, length);
        if (path[0] == '@')
                address.sun_path[0] =
                                '\0'; /* an abstract address is as long as it says, with no NUL behind it */

        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        length += offsetof(struct sockaddr_un, sun_path) + (path[0] == '/');
        if (sendto(fd, message, sizeof(message) - 1, MSG_NOSIGNAL, (struct sockaddr *) &address,
                   (socklen_t) length) < 0)
                return -errno;
        return 0;
}

static void wait_for_end(const sigset_t *signals) {
        int number;

        do {
                if (sigwait(signals, &number) != 0)
                        return;
        } while (number != SIGTERM);
}

int main(int argc, char *argv[]) {
        sigset_t signals;
        int r;

        /* first of all: a stop must find its way in at any moment, and nothing else end the jobs */
        (void) sigfillset(&signals);
        (void) sigprocmask(SIG_SETMASK, &signals, NULL);
        if (chdir("/") < 0)
                return EXIT_FAILURE;

        r = enter_subgroup();
        if (r < 0) {
                fprintf(stderr, "Cannot enter the group \"" SUBGROUP "\" of my unit: %s\n", strerror(-r));
                return EXIT_FAILURE;
        }
        r = notify_ready();
        if (r < 0) {
                fprintf(stderr, "Cannot report that I am ready: %s\n", strerror(-r));
                return EXIT_FAILURE;
        }
        (void) close_range(0, ~0U, 0);

        wait_for_end(&signals);
        return EXIT_SUCCESS;
}
