/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/connect.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "lib/cleanup.h"

static int check_peer(int fd) {
        struct ucred peer;
        socklen_t size = sizeof(peer);

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
                return -errno;
        return peer.uid == 0 ? 0 : -EPERM;
}

static int socket_above_stdio(int flags) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
        int moved;

        if (fd < 0)
                return -errno;
        if (fd > STDERR_FILENO)
                return fd;
        moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        if (moved < 0)
                moved = -errno;
        (void) close(fd);
        return moved;
}

static int connect_to(const char *path, int flags) {
        const struct timeval timeout = { .tv_sec = CONNECT_TIMEOUT };
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd = -1;
        int r;

        if (strlen(path) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        memcpy(address.sun_path, path, strlen(path) + 1);

        fd = socket_above_stdio(flags);
        if (fd < 0)
                return fd;
        /* bounds connect(2) as well: unix(7) waits there while the queue of the listener is full */
        if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0)
                return -errno;
        if (connect(fd, (const struct sockaddr *) &address, sizeof(address)) < 0)
                return -errno;
        r = check_peer(fd);
        if (r < 0)
                return r;
        return TAKE_FD(fd);
}

int connect_private(const char *path) {
        return connect_to(path, 0);
}

int connect_private_now(const char *path) {
        return connect_to(path, SOCK_NONBLOCK);
}

int connect_error_is_away(int error) {
        switch (error < 0 ? -error : error) {
        case ENOENT:
        case ECONNREFUSED:
        case ECONNRESET:
        case ECONNABORTED:
        case ENOTCONN:
        case EPIPE:
        case EAGAIN:
        case ESHUTDOWN:
                return 1;
        default:
                return 0;
        }
}
