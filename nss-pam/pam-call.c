/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nss-pam/pam-call.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "lib/cleanup.h"

#define RETRY_CONNECT 10 /* milliseconds: a full queue of connections cannot be waited for, see connect(2) */

static uint64_t now_ms(void) {
        struct timespec ts;

        (void) clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t) ts.tv_sec * 1000 + (uint64_t) ts.tv_nsec / 1000000;
}

/* Waits for EVENTS on FD (-1: just waits), LONGEST milliseconds at most, and not beyond DEADLINE. Being
 * interrupted counts as an event: whoever waits looks again. */
static int wait_until(int fd, short events, uint64_t deadline, int longest) {
        struct pollfd p = { .fd = fd, .events = events };
        uint64_t now = now_ms();
        int timeout;

        if (now >= deadline)
                return -ETIMEDOUT;
        timeout = (int) (deadline - now);
        if (longest >= 0 && longest < timeout)
                timeout = longest;
        if (poll(&p, 1, timeout) < 0 && errno != EINTR)
                return -errno;
        return 0;
}

/* Not 0, 1 or 2, should the program have closed these: another thread may write to them. */
static int make_socket(int *ret) {
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        int moved;

        if (fd < 0)
                return -errno;
        if (fd > STDERR_FILENO) {
                *ret = TAKE_FD(fd);
                return 0;
        }
        moved = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        if (moved < 0)
                return -errno;
        *ret = moved;
        return 0;
}

static int check_peer(int fd, uid_t expected) {
        struct ucred peer;
        socklen_t size = sizeof(peer);

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
                return -errno;
        return size == sizeof(peer) && peer.uid == expected ? 0 : -EPERM;
}

static int connect_daemon(const PamDaemon *daemon, uint64_t deadline, int *ret) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd = -1;
        int r;

        if (strlen(daemon->path) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        memcpy(address.sun_path, daemon->path, strlen(daemon->path) + 1);

        r = make_socket(&fd);
        if (r < 0)
                return r;
        while (connect(fd, (const struct sockaddr *) &address, sizeof(address)) < 0) {
                if (errno != EAGAIN && errno != EINTR)
                        return -errno;
                r = wait_until(-1, 0, deadline, RETRY_CONNECT);
                if (r < 0)
                        return r;
        }
        r = check_peer(fd, daemon->uid);
        if (r < 0)
                return r;

        *ret = TAKE_FD(fd);
        return 0;
}

static int send_all(int fd, const void *data, size_t size, uint64_t deadline) {
        const uint8_t *bytes = data;
        int r;

        while (size > 0) {
                ssize_t n = send(fd, bytes, size, MSG_NOSIGNAL);

                if (n >= 0) {
                        bytes += n;
                        size -= (size_t) n;
                } else if (errno == EAGAIN || errno == EINTR) {
                        r = wait_until(fd, POLLOUT, deadline, -1);
                        if (r < 0)
                                return r;
                } else
                        return errno == EPIPE ? -ECONNRESET : -errno;
        }
        return 0;
}

static int receive_some(int fd, uint8_t *buffer, size_t size, uint64_t deadline) {
        int r;

        for (;;) {
                ssize_t n = recv(fd, buffer, size, 0);

                if (n > 0)
                        return (int) n;
                if (n == 0)
                        return -ECONNRESET;
                if (errno != EAGAIN && errno != EINTR)
                        return -errno;
                r = wait_until(fd, POLLIN, deadline, -1);
                if (r < 0)
                        return r;
        }
}

/* The answer to the authentication, and behind it the one to the call. One that trickles in has no more time
 * than any other. */
static int receive_answer(int fd, uint64_t deadline, uint8_t buffer[static PEER_ANSWER_MAX],
                          PeerAnswer *ret) {
        const uint8_t *answer = NULL;
        size_t used = 0, size = 0;
        int n;

        while (!answer || size < PEER_HEADER_SIZE || size < peer_get_size(answer)) {
                if (used == PEER_ANSWER_MAX)
                        return -EBADMSG;
                if (now_ms() >= deadline)
                        return -ETIMEDOUT;
                n = receive_some(fd, buffer + used, PEER_ANSWER_MAX - used, deadline);
                if (n < 0)
                        return n;
                used += (size_t) n;
                answer = peer_find_answer(buffer, used, &size);
        }
        return peer_parse(answer, size, ret);
}

int pam_call(const PamDaemon *daemon, const uint8_t *call, size_t size, unsigned timeout,
             uint8_t buffer[static PEER_ANSWER_MAX], PeerAnswer *ret) {
        uint64_t deadline = now_ms() + timeout;
        _cleanup_close_ int fd = -1;
        int r;

        r = connect_daemon(daemon, deadline, &fd);
        if (r >= 0)
                r = send_all(fd, peer_authentication, peer_authentication_size, deadline);
        if (r >= 0)
                r = send_all(fd, call, size, deadline);
        if (r >= 0)
                r = receive_answer(fd, deadline, buffer, ret);
        return r;
}
