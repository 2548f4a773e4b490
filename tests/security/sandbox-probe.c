/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* sandbox-probe WHAT: tries what a sandbox forbids, and ends with 0 if it may, 1 if not (EPERM), 2 otherwise.
 *
 *   network      a packet to the loopback address
 *   bind         a socket with a port of its own
 *   /dev/...     opened for writing */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int probe_network(void) {
        struct sockaddr_in to = { .sin_family = AF_INET,
                                  .sin_port = htons(9),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int fd;

        fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        return fd < 0 ? -1 : (int) sendto(fd, "x", 1, 0, (struct sockaddr *) &to, sizeof(to));
}

static int probe_bind(void) {
        struct sockaddr_in to = { .sin_family = AF_INET,
                                  .sin_port = htons(18800),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int fd;

        fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        return fd < 0 ? -1 : bind(fd, (struct sockaddr *) &to, sizeof(to));
}

int main(int argc, char **argv) {
        int r;

        if (argc != 2)
                return 2;
        if (strcmp(argv[1], "network") == 0)
                r = probe_network();
        else if (strcmp(argv[1], "bind") == 0)
                r = probe_bind();
        else
                r = open(argv[1], O_WRONLY | O_CLOEXEC);
        if (r >= 0)
                return 0;

        r = errno;
        (void) fprintf(stderr, "%s: %s\n", argv[1], strerror(r));
        return r == EPERM ? 1 : 2;
}
