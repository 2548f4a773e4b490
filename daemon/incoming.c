/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/incoming.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon/foreign-fd.h"
#include "daemon/nudge.h"
#include "lib/cleanup.h"
#include "lib/pidfd.h"
#include "lib/values.h"

#define LINE_MAX_SEEN 256 /* what sd-bus asks for at once while it authenticates */

/* The connection that sd-bus works on. There is but one thread that receives, and nothing of ours is passed to recvmsg(): hence no
 * argument. */
static Incoming *incoming_now;

ssize_t recvmsg(int fd, struct msghdr *message, int flags);

void incoming_init(Incoming *incoming, int fd, uid_t uid, size_t size_max) {
        *incoming = (Incoming){ .fd = fd, .uid = uid, .size_max = size_max };
}

/* The kernel drops descriptors that there is no room for. What may wait for a message, as modules of libc do in the child that looks
 * names up, has to be left to wait. */
static ssize_t receive_nudged(int fd, struct msghdr *message, int flags) {
        ssize_t n;

        if (!(flags & MSG_DONTWAIT))
                return syscall(SYS_recvmsg, fd, message, flags);

        nudge_begin();
        n = syscall(SYS_recvmsg, fd, message, flags);
        nudge_end();
        return n;
}

static void drop_fds(Incoming *incoming) {
        while (incoming->n_fds > 0)
                (void) close(incoming->fds[--incoming->n_fds]);
}

void incoming_done(Incoming *incoming) {
        drop_fds(incoming);
}

void incoming_begin(Incoming *incoming, bool is_ready) {
        if (is_ready && !incoming->is_ready)
                incoming->n = 0; /* what came before were lines */
        incoming->is_ready = is_ready;
        incoming->outer = incoming_now;
        incoming_now = incoming;
}

void incoming_end(Incoming *incoming) {
        incoming_now = incoming->outer;
}

bool incoming_is_whole(const Incoming *incoming) {
        return incoming->whole_size > 0 && incoming->n == incoming->whole_size;
}

void incoming_next(Incoming *incoming) {
        incoming->n = incoming->head_size = incoming->whole_size = 0;
}

static ssize_t refuse(Incoming *incoming, int error) {
        incoming->error = error;
        drop_fds(incoming);
        return 0;
}

static int keep_fd(Incoming *incoming, int fd) {
        if (fd >= 0 && incoming->n_fds < ELEMENTSOF(incoming->fds)) {
                incoming->fds[incoming->n_fds++] = fd;
                return 0;
        }
        if (fd >= 0)
                (void) close(fd);
        return -EMFILE;
}

/* Takes the descriptors off a control message, into INCOMING. */
static int take_fds(Incoming *incoming, struct msghdr *message) {
        int foreign[FOREIGN_FDS_ONCE_MAX], r = 0;
        size_t n_foreign = 0;

        if (message->msg_flags & MSG_CTRUNC)
                r = message->msg_control ? -EMFILE : -EBUSY;
        for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
                size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
                int fd;

                if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
                        continue;
                for (size_t i = 0; i < n; i++) {
                        memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
                        if (!pidfd_is_genuine(fd)) {
                                foreign[n_foreign++] = fd;
                                fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
                        }
                        if (keep_fd(incoming, fd) < 0)
                                r = -EMFILE;
                }
        }
        foreign_fds_close(incoming->uid, foreign, n_foreign);
        return r;
}

/* Up to SIZE bytes, and the descriptors with them. Returns as recvmsg(2), or -1 with a negative *ret_error. */
static ssize_t receive(Incoming *incoming, void *buffer, size_t size, int flags, int *ret_error) {
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(int) * FOREIGN_FDS_ONCE_MAX)];
        } control;
        struct iovec iov = { .iov_base = buffer, .iov_len = size };
        struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
        ssize_t n;

        _Static_assert(CMSG_SPACE(sizeof(int) * FOREIGN_FDS_ONCE_MAX) == CMSG_LEN(sizeof(int) * FOREIGN_FDS_ONCE_MAX),
                       "the kernel fills padding, too");
        /* without room for them the kernel drops them, and says so */
        if (incoming->uid != UID_NONE && foreign_fds_may_come(incoming->uid)) {
                message.msg_control = &control;
                message.msg_controllen = sizeof(control);
        }
        *ret_error = 0;
        n = receive_nudged(incoming->fd, &message, flags | MSG_CMSG_CLOEXEC);
        if (n > 0)
                *ret_error = take_fds(incoming, &message);
        return n;
}

/* One line of the authentication at most, so that no byte of a message is taken for one of it. No descriptor comes with it. */
static ssize_t receive_line(Incoming *incoming, void *buffer, size_t size, int flags) {
        char seen[LINE_MAX_SEEN];
        const char *end;
        ssize_t n;
        int r;

        n = recv(incoming->fd, seen, size < sizeof(seen) ? size : sizeof(seen), MSG_PEEK | MSG_DONTWAIT);
        if (n <= 0)
                return n;
        end = memchr(seen, '\n', (size_t) n);
        n = receive(incoming, buffer, end ? (size_t) (end + 1 - seen) : (size_t) n, flags, &r);
        if (n > 0)
                incoming->n += (uint64_t) n;
        return n > 0 && (r < 0 || incoming->n_fds > 0) ? refuse(incoming, -EBADMSG) : n;
}

/* Looks at the N bytes that have come. */
static int note_bytes(Incoming *incoming, const uint8_t *bytes, size_t n) {
        size_t room = incoming->n < sizeof(incoming->head) ? sizeof(incoming->head) - (size_t) incoming->n : 0;

        memcpy(incoming->head + (sizeof(incoming->head) - room), bytes, n < room ? n : room);
        incoming->n += n;
        if (incoming->whole_size > 0 || incoming->n < CALL_HEAD_MIN)
                return 0;
        if (!call_head_get_sizes(incoming->head, &incoming->head_size, &incoming->whole_size))
                return -EBADMSG;
        if (incoming->whole_size > incoming->size_max)
                return -EMSGSIZE;
        return incoming->whole_size < incoming->n ? -EBADMSG : 0;
}

/* Hands the descriptors of a whole message over. */
static int pass_fds(Incoming *incoming, struct msghdr *message) {
        size_t size = sizeof(int) * incoming->n_fds;
        struct cmsghdr *header = message->msg_control;

        if (incoming->head_size > sizeof(incoming->head) ||
            !call_head_takes_fds(incoming->head, (size_t) incoming->head_size, incoming->n_fds))
                return -EBADMSG;
        if (!header || message->msg_controllen < CMSG_SPACE(size))
                return -EMFILE;
        *header = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(size) };
        memcpy(CMSG_DATA(header), incoming->fds, size);
        message->msg_controllen = CMSG_SPACE(size);
        incoming->n_fds = 0;
        return 0;
}

/* How many of the bytes that sd-bus asks for may be read: none of the next message. No message that says anything is shorter than 24
 * bytes, which is what it asks for first. */
static size_t bytes_allowed(const Incoming *incoming, size_t asked) {
        uint64_t left = incoming->whole_size > 0 ? incoming->whole_size - incoming->n : 24 - incoming->n;

        return asked < left ? asked : (size_t) left;
}

static ssize_t receive_message(Incoming *incoming, struct msghdr *message, int flags) {
        size_t n_asked = message->msg_iov[0].iov_len;
        ssize_t n;
        int r;

        /* sd-bus did not deliver the one before */
        if (incoming_is_whole(incoming))
                return refuse(incoming, -EBADMSG);
        n = receive(incoming, message->msg_iov[0].iov_base, bytes_allowed(incoming, n_asked), flags, &r);
        if (n > 0 && r >= 0)
                r = note_bytes(incoming, message->msg_iov[0].iov_base, (size_t) n);

        message->msg_flags = 0;
        if (r >= 0 && n > 0 && incoming->n_fds > 0 && incoming_is_whole(incoming))
                r = pass_fds(incoming, message);
        else
                message->msg_controllen = 0;
        return r < 0 ? refuse(incoming, r) : n;
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags) {
        Incoming *incoming = incoming_now;

        if (!incoming || fd != incoming->fd) {
                message->msg_controllen = 0;
                return receive_nudged(fd, message, flags);
        }
        if (message->msg_iovlen != 1) { /* which sd-bus does not do */
                errno = EOPNOTSUPP;
                return -1;
        }
        if (incoming->error < 0)
                return 0;
        if (incoming->hold) {
                errno = EAGAIN;
                return -1;
        }
        if (incoming->is_ready)
                return receive_message(incoming, message, flags);

        message->msg_controllen = 0;
        message->msg_flags = 0;
        return receive_line(incoming, message->msg_iov[0].iov_base, message->msg_iov[0].iov_len, flags);
}
