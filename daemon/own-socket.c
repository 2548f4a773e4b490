/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/own-socket.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/cleanup.h"

#define BACKLOG 512 /* as in cgmoved.socket */

static int address_set(struct sockaddr_un *address, const char *dir, const char *name, const char *suffix) {
        int n;

        *address = (struct sockaddr_un) { .sun_family = AF_UNIX };
        n = snprintf(address->sun_path, sizeof(address->sun_path), "%s/%s%s", dir, name, suffix);
        return n < 0 || (size_t) n >= sizeof(address->sun_path) ? -ENAMETOOLONG : 0;
}

/* Whatever the umask is of whoever started this. */
static int make_folder(const char *dir) {
        mode_t mask = umask(0022);
        int r = mkdir(dir, 0755) < 0 && errno != EEXIST ? -errno : 0;

        (void) umask(mask);
        return r;
}

/* A full queue (EAGAIN) is somebody's as well. */
static bool is_served(const struct sockaddr_un *address) {
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        return fd < 0 || connect(fd, (const struct sockaddr *) address, sizeof(*address)) >= 0 ||
               (errno != ENOENT && errno != ECONNREFUSED);
}

int own_socket_open(const char *dir, const char *name, int *ret_fd) {
        _cleanup_close_ int fd = -1;
        struct sockaddr_un address, made;
        int r;

        r = address_set(&address, dir, name, "");
        if (r >= 0)
                r = address_set(&made, dir, name, ".new");
        if (r < 0)
                return r;
        r = make_folder(dir);
        if (r < 0)
                return r;
        if (is_served(&address))
                return -EADDRINUSE;

        /* under its name when it can be used: nobody meets one that refuses */
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 || (unlink(made.sun_path) < 0 && errno != ENOENT) ||
            bind(fd, (const struct sockaddr *) &made, sizeof(made)) < 0 || chmod(made.sun_path, 0666) < 0 ||
            listen(fd, BACKLOG) < 0 || rename(made.sun_path, address.sun_path) < 0)
                return -errno;

        *ret_fd = TAKE_FD(fd);
        return 0;
}
