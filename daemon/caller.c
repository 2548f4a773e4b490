/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/caller.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* Linux 6.5; not in the headers of glibc 2.36 */
#endif

#define GROUPS_USUAL 32
#define GROUPS_MAX 65536 /* NGROUPS_MAX of the kernel */

static int get_groups(int fd, gid_t primary, Caller *caller) {
        gid_t usual[GROUPS_USUAL];
        socklen_t size = sizeof(usual);
        gid_t *gids;

        /* most have few; the kernel says how much room the others need */
        if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, usual, &size) < 0 && errno != ERANGE)
                return -errno;
        if (size > GROUPS_MAX * sizeof(gid_t))
                return -E2BIG;

        gids = malloc(size + sizeof(gid_t));
        if (!gids)
                return -ENOMEM;

        gids[0] = primary;
        if (size <= sizeof(usual))
                memcpy(gids + 1, usual, size);
        else if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, gids + 1, &size) < 0) {
                free(gids);
                return -errno;
        }

        caller->gids = gids;
        caller->n_gids = 1 + size / sizeof(gid_t);
        return 0;
}

int caller_from_socket(int fd, Caller *ret) {
        Caller caller = CALLER_INIT;
        struct ucred credentials;
        socklen_t size = sizeof(credentials);
        int r;

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
                return -errno;
        if (size != sizeof(credentials) || credentials.uid == UID_NONE)
                return -EPERM;

        r = get_groups(fd, credentials.gid, &caller);
        if (r < 0)
                return r;

        caller.uid = credentials.uid;
        caller.pid = credentials.pid;
        size = sizeof(caller.pidfd);
        if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &caller.pidfd, &size) < 0)
                caller.pidfd = -1;

        *ret = caller;
        return 0;
}

void caller_done(Caller *caller) {
        closep(&caller->pidfd);
        free(caller->gids);
        *caller = (Caller) CALLER_INIT;
}
