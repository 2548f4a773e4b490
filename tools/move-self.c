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
#include "lib/peer-wire.h"
#include "lib/proc.h"
#include "lib/protocol.h"
#include "lib/source.h"
#include "lib/text.h"
#include "tools/move-self.h"

#define READY_TIMEOUT 15 /* seconds: for the daemon to take up the conversation, see tools/client.h */
#define ANSWER_TIMEOUT 45 /* from then on: a pool may have to be started first */

/* A little-endian method call, serial 1, up to the command's length. */
static const uint8_t call_begin[] =
                "l\1\0\1"
                "\0\0\0\0" /* bytes of the body */
                "\1\0\0\0"  /* serial */
                "\125\0\0\0" /* bytes of the header fields */
                "\1\1o\0\14\0\0\0/org/cgmove1\0\0\0\0"
                "\3\1s\0\4\0\0\0Move\0\0\0\0"
                "\2\1s\0\23\0\0\0org.cgmove1.Manager\0\0\0\0\0"
                "\10\1g\0\7ah"
                "a{sv}\0\0\0\0"
                "\0\0\0\0"  /* ah: none */
                "\0\0\0\0"  /* bytes of the options */
                "\4\0\0\0kind\0\1s\0\4\0\0\0exec\0\0\0\0"
                "\4\0\0\0self\0\1b\0\1\0\0\0"
                "\7\0\0\0command\0\1s"; /* and the NUL of the string */

#define BODY_SIZE_AT 4
#define BODY_AT 104
#define OPTIONS_SIZE_AT (BODY_AT + 4)
#define OPTIONS_AT (BODY_AT + 8)

static void put_number(uint8_t *at, size_t value) {
        for (unsigned i = 0; i < 4; i++)
                at[i] = (uint8_t) (value >> 8 * i);
}

size_t move_self_make_call(char *const *command, uint8_t ret[static MOVE_SELF_CALL_MAX]) {
        size_t begin = sizeof(call_begin) + 1, length = 0; /* a number lies at a multiple of 4 */
        char *text = (char *) ret + begin + 4;

        memset(ret, 0, MOVE_SELF_CALL_MAX);
        memcpy(ret, call_begin, sizeof(call_begin));
        for (; *command && length < CGMOVE_COMMAND_MAX; command++) {
                if (length > 0)
                        text[length++] = ' ';
                length += text_copy_plain(text + length, CGMOVE_COMMAND_MAX - length + 1, *command);
        }

        put_number(ret + begin, length);
        put_number(ret + BODY_SIZE_AT, begin + 4 + length + 1 - BODY_AT);
        put_number(ret + OPTIONS_SIZE_AT, begin + 4 + length + 1 - OPTIONS_AT);
        return begin + 4 + length + 1;
}

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
static int send_call(int fd, char *const *command) {
        uint8_t call[MOVE_SELF_CALL_MAX];
        struct iovec data[] = {
                { .iov_base = (void *) peer_authentication, .iov_len = peer_authentication_size },
                { .iov_base = call, .iov_len = move_self_make_call(command, call) },
        };
        struct msghdr message = { .msg_iov = data, .msg_iovlen = 2 };
        ssize_t size = (ssize_t) (data[0].iov_len + data[1].iov_len);

        return sendmsg(fd, &message, MSG_NOSIGNAL) == size ? 0 : -ECONNRESET;
}

int move_self_parse(const uint8_t *answer, size_t size, char reason[static MOVE_SELF_REASON_MAX]) {
        PeerAnswer parsed;
        int r;

        r = peer_parse(answer, size, &parsed);
        if (r < 0)
                return r;
        if (!parsed.error)
                return 0;
        if (parsed.error_name && strcmp(parsed.error_name, CGMOVE_ERROR_BUSY) == 0)
                return -EAGAIN;

        (void) text_copy_plain(reason, MOVE_SELF_REASON_MAX, parsed.error);
        return 1;
}

uint64_t move_own_job(void) {
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int proc = -1;
        Source source;
        bool deleted;

        proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (proc < 0 || proc_get_cgroup(proc, getpid(), &path, &deleted) < 0)
                return 0;

        source_from_cgroup_path(path, &source);
        return source.kind == SOURCE_JOB ? source.job : 0;
}

/* An answer that is lost, since the daemon was restarted just then, does not undo a move. Whoever was in a job
 * is in another one then. */
static bool has_moved(uint64_t before) {
        uint64_t now = move_own_job();

        return now != 0 && now != before;
}

/* The answer to the authentication, and behind it the one to the call. Returns the size of the latter at *RET. */
static int receive_answer(int fd, uint8_t buffer[static PEER_ANSWER_MAX], const uint8_t **ret) {
        const struct timeval timeout = { .tv_sec = ANSWER_TIMEOUT };
        const uint8_t *answer = NULL;
        size_t used = 0, size = 0;
        int n;

        while (!answer || size < PEER_HEADER_SIZE || size < peer_get_size(answer)) {
                bool had_none = !answer;

                n = used < PEER_ANSWER_MAX ? receive_some(fd, buffer + used, PEER_ANSWER_MAX - used) : -EBADMSG;
                if (n < 0)
                        return n;
                used += (size_t) n;

                answer = peer_find_answer(buffer, used, &size);
                if (answer && had_none)
                        (void) setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
        }

        *ret = answer;
        return (int) size;
}

int move_self_quickly(char *const *command, char reason[static MOVE_SELF_REASON_MAX]) {
        uint8_t buffer[PEER_ANSWER_MAX];
        const uint8_t *answer;
        _cleanup_close_ int fd = -1;
        uint64_t before = move_own_job();
        int r;

        r = connect_daemon(&fd);
        if (r >= 0)
                r = send_call(fd, command);
        if (r < 0)
                return r;

        r = receive_answer(fd, buffer, &answer);
        if (r >= 0)
                r = move_self_parse(answer, (size_t) r, reason);
        return r < 0 && has_moved(before) ? 0 : r;
}
