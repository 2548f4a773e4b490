/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/fuzz/raw-bus.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/cleanup.h"

#define FDS_MAX 16
#define TRIES 100 /* calls of sd_bus_process() that do nothing more */

static sd_bus *open_end(int fd, bool server) {
        sd_bus *bus;

        assert(sd_bus_new(&bus) >= 0);
        assert(sd_bus_set_fd(bus, fd, fd) >= 0);
        assert(sd_bus_negotiate_fds(bus, 1) >= 0);
        if (server)
                assert(sd_bus_set_server(bus, 1,
                                         SD_ID128_MAKE(1, 2, 3, 4, 5, 6, 7, 8, 9, a, b, c, d, e, f, 0)) >=
                       0);
        assert(sd_bus_start(bus) >= 0);
        return bus;
}

void raw_bus_open(RawBus *ret) {
        int fds[2];

        assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
        ret->bus = open_end(fds[0], true);
        ret->other = open_end(fds[1], false);
        ret->fd = fds[1];
        for (unsigned i = 0;
             i < TRIES && (sd_bus_is_ready(ret->bus) <= 0 || sd_bus_is_ready(ret->other) <= 0); i++) {
                assert(sd_bus_process(ret->other, NULL) >= 0);
                assert(sd_bus_process(ret->bus, NULL) >= 0);
        }
        assert(sd_bus_is_ready(ret->bus) > 0 && sd_bus_is_ready(ret->other) > 0);
}

void raw_bus_close(RawBus *raw) {
        (void) sd_bus_close_unref(raw->other);
        (void) sd_bus_close_unref(raw->bus);
        *raw = (RawBus){ .fd = -1 };
}

static void send_bytes(int fd, const void *bytes, size_t size, unsigned n_fds) {
        _Alignas(struct cmsghdr) char control[CMSG_SPACE(FDS_MAX * sizeof(int))] = "";
        struct iovec iov = { .iov_base = (void *) bytes, .iov_len = size };
        struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
        int fds[FDS_MAX];

        assert(n_fds <= FDS_MAX);
        for (unsigned i = 0; i < n_fds; i++)
                fds[i] = fd;
        if (n_fds > 0) {
                struct cmsghdr *header = (struct cmsghdr *) control;

                message.msg_control = control;
                message.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
                header->cmsg_level = SOL_SOCKET;
                header->cmsg_type = SCM_RIGHTS;
                header->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
                memcpy(CMSG_DATA(header), fds, n_fds * sizeof(int));
        }
        assert(sendmsg(fd, &message, MSG_NOSIGNAL) == (ssize_t) size);
}

int raw_bus_pass(RawBus *raw, const void *bytes, size_t size, unsigned n_fds, sd_bus_message **ret) {
        sd_bus_message *message = NULL;

        send_bytes(raw->fd, bytes, size, n_fds);
        for (unsigned i = 0; i < TRIES; i++) {
                int r;

                r = sd_bus_process(raw->bus, &message);
                if (r < 0)
                        return r;
                if (message) {
                        *ret = message;
                        return 0;
                }
                if (sd_bus_is_open(raw->bus) <= 0)
                        return -ECONNRESET;
        }
        return -EAGAIN; /* it waits for more */
}
