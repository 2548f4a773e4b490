/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/proc.h"
#include "lib/protocol.h"
#include "lib/source.h"
#include "lib/text.h"
#include "tools/move-self.h"

#define READY_TIMEOUT 15 /* seconds: for the daemon to take up the conversation, see tools/client.h */
#define ANSWER_TIMEOUT 45 /* from then on: a pool may have to be started first */
#define ANSWER_MAX 4096
#define HEADER_SIZE 16

/* D-Bus Specification, "Authentication Protocol": the uid is the kernel's word, so none is sent. */
static const char authentication[] = "\0AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n";
static const char agreement[] = "AGREE_UNIX_FD\r\n"; /* the last line of the answer to it */

/* "Message Format": little-endian method call, serial 1. */
const uint8_t move_self_call[] =
                "l\1\0\1"
                "\60\0\0\0" /* bytes of the body */
                "\1\0\0\0"  /* serial */
                "\125\0\0\0" /* bytes of the header fields */
                "\1\1o\0\14\0\0\0/org/cgmove1\0\0\0\0"
                "\3\1s\0\4\0\0\0Move\0\0\0\0"
                "\2\1s\0\23\0\0\0org.cgmove1.Manager\0\0\0\0\0"
                "\10\1g\0\7ah"
                "a{sv}\0\0\0\0"
                "\0\0\0\0"  /* ah: none */
                "\50\0\0\0" /* bytes of the options */
                "\4\0\0\0kind\0\1s\0\4\0\0\0exec\0\0\0\0"
                "\4\0\0\0self\0\1b\0\1\0\0"; /* and the NUL of the string */
const size_t move_self_call_size = sizeof(move_self_call);

static int connect_daemon(int *ret_fd) {
        struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = CGMOVE_PRIVATE_SOCKET };
        const struct timeval timeout = { .tv_sec = READY_TIMEOUT };
        struct ucred peer;
        socklen_t size = sizeof(peer);
        _cleanup_close_ int fd = -1;

        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0 ||
            setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0 ||
            connect(fd, (struct sockaddr *) &address, sizeof(address)) < 0 ||
            getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
                return -errno;
        if (peer.uid != 0)
                return -EPERM; /* whoever it is, it is not cgmoved */

        *ret_fd = TAKE_FD(fd);
        return 0;
}

/* Being frozen for a moment, as we are while we are moved, interrupts a receive that has a timeout
 * (signal(7)). */
static int receive_some(int fd, void *buffer, size_t size) {
        ssize_t n;

        do
                n = recv(fd, buffer, size, 0);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return -errno;
        return n > 0 ? (int) n : -ECONNRESET;
}

/* The call goes out with the authentication, in one go: nothing in it depends on the answer to that. */
static int send_call(int fd) {
        struct iovec data[] = {
                { .iov_base = (void *) authentication, .iov_len = sizeof(authentication) - 1 },
                { .iov_base = (void *) move_self_call, .iov_len = move_self_call_size },
        };
        struct msghdr message = { .msg_iov = data, .msg_iovlen = 2 };
        ssize_t size = (ssize_t) (data[0].iov_len + data[1].iov_len);

        return sendmsg(fd, &message, MSG_NOSIGNAL) == size ? 0 : -ECONNRESET;
}

static uint32_t get_u32(const uint8_t *p) {
        return (uint32_t) p[0] | (uint32_t) p[1] << 8 | (uint32_t) p[2] << 16 | (uint32_t) p[3] << 24;
}

/* The size of the whole message, as its header says it; 0 for one that is too large or not ours (sd-bus
 * answers in the byte order of the machine, which on a big-endian one is not that of the call: then `exec`
 * goes the long way). */
static size_t get_size(const uint8_t *answer) {
        uint32_t body = get_u32(answer + 4), fields = get_u32(answer + 12);

        if (answer[0] != 'l' || body > ANSWER_MAX || fields > ANSWER_MAX)
                return 0;
        return HEADER_SIZE + ((fields + 7) & ~7U) + body;
}

int move_self_parse(const uint8_t *answer, size_t size, char reason[static MOVE_SELF_REASON_MAX]) {
        uint32_t body, length;
        const uint8_t *text;

        if (size < HEADER_SIZE || get_size(answer) != size)
                return -EBADMSG;
        if (answer[1] == 2) /* METHOD_RETURN */
                return 0;
        if (answer[1] != 3) /* ERROR: its body is the sentence */
                return -EBADMSG;

        body = get_u32(answer + 4);
        text = answer + size - body;
        length = body >= 5 ? get_u32(text) : 0;
        if (length == 0 || length > body - 5 || text[4 + length] != '\0')
                return -EBADMSG;

        (void) text_copy_plain(reason, MOVE_SELF_REASON_MAX, (const char *) text + 4);
        return 1;
}

/* An answer that is lost, since the daemon was restarted just then, does not undo a move. */
static bool is_in_job(void) {
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int proc = -1;
        Source source;
        bool deleted;

        proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (proc < 0 || proc_get_cgroup(proc, getpid(), &path, &deleted) < 0)
                return false;

        source_from_cgroup_path(path, &source);
        return source.kind == SOURCE_JOB;
}

/* The agreement, and behind it the answer. Returns the size of the answer at *RET. */
static int receive_answer(int fd, uint8_t buffer[static ANSWER_MAX], const uint8_t **ret) {
        const struct timeval timeout = { .tv_sec = ANSWER_TIMEOUT };
        const uint8_t *answer = NULL;
        size_t used = 0, size = 0;
        int n;

        while (!answer || size < HEADER_SIZE || size < get_size(answer)) {
                n = used < ANSWER_MAX ? receive_some(fd, buffer + used, ANSWER_MAX - used) : -EBADMSG;
                if (n < 0)
                        return n;
                used += (size_t) n;

                if (!answer && memmem(buffer, used, agreement, sizeof(agreement) - 1))
                        (void) setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
                answer = memmem(buffer, used, agreement, sizeof(agreement) - 1);
                if (answer) {
                        answer += sizeof(agreement) - 1;
                        size = used - (size_t) (answer - buffer);
                }
        }

        *ret = answer;
        return (int) size;
}

int move_self_quickly(char reason[static MOVE_SELF_REASON_MAX]) {
        uint8_t buffer[ANSWER_MAX];
        const uint8_t *answer;
        _cleanup_close_ int fd = -1;
        int r;

        r = connect_daemon(&fd);
        if (r >= 0)
                r = send_call(fd);
        if (r < 0)
                return r;

        r = receive_answer(fd, buffer, &answer);
        if (r >= 0)
                r = move_self_parse(answer, (size_t) r, reason);
        return r < 0 && is_in_job() ? 0 : r;
}
