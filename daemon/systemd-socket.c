/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/systemd-socket.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "lib/proc.h"
#include "lib/source.h"

/* The socket lies in a folder of the user's, who may have put anything there: it must be the user's own
 * process, in the group of the manager, that answers. The exact path is asked for: below its own units a
 * user can make groups of any name. */
static int check_peer(const Kernel *kernel, uid_t uid, int fd) {
        _cleanup_free_ char *group = NULL;
        struct ucred peer;
        socklen_t size = sizeof(peer);
        char expected[128];
        bool deleted;
        int r;

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
                return -errno;
        if (peer.uid != (uid == UID_NONE ? 0 : uid))
                return -EPERM;
        if (uid == UID_NONE)
                return 0;

        r = proc_get_cgroup(kernel->proc_fd, peer.pid, &group, &deleted);
        if (r < 0)
                return r;
        (void) snprintf(expected, sizeof(expected), "/user.slice/user-%u.slice/user@%u.service/init.scope",
                        uid, uid);
        return deleted || strcmp(group, expected) != 0 ? -EPERM : 0;
}

int systemd_socket_open(const Kernel *kernel, uid_t uid, int *ret) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd = -1;
        int r;

        if (uid == UID_NONE)
                (void) snprintf(address.sun_path, sizeof(address.sun_path), "/run/systemd/private");
        else
                (void) snprintf(address.sun_path, sizeof(address.sun_path), "/run/user/%u/systemd/private",
                                uid);

        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        if (connect(fd, (struct sockaddr *) &address, sizeof(address)) < 0)
                return -errno;
        r = check_peer(kernel, uid, fd);
        if (r < 0)
                return r;
        *ret = TAKE_FD(fd);
        return 0;
}
