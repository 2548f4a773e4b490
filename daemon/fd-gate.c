/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/fd-gate.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/protocol.h"

#define PART_MAX (64 * 1024) /* bytes, of one reading */

/* --- the head ---------------------------------------------------------------------------------------- */

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ENDIAN 'l'
#else
#define ENDIAN 'B'
#endif

enum {
        FIELD_PATH = 1,
        FIELD_INTERFACE = 2,
        FIELD_MEMBER = 3,
        FIELD_DESTINATION = 6,
        FIELD_SIGNATURE = 8,
        FIELD_FDS = 9
};

typedef struct Field {
        uint8_t code;
        char type;
        bool must_be;
        const char *values[3]; /* allowed ones; for FIELD_FDS the number is compared */
} Field;

static const Field known_fields[] = {
        { FIELD_PATH, 'o', true, { CGMOVE_PATH } },
        { FIELD_INTERFACE, 's', true, { CGMOVE_MANAGER_INTERFACE } },
        { FIELD_MEMBER, 's', true, { "Move", "Check" } },
        { FIELD_DESTINATION, 's', false, { CGMOVE_BUS_NAME } },
        { FIELD_SIGNATURE, 'g', true, { "aha{sv}" } },
        { FIELD_FDS, 'u', true, { NULL } },
};

typedef struct Head {
        const uint8_t *bytes;
        size_t size, at, n_fds;
        unsigned seen; /* known_fields, as bits */
} Head;

static uint32_t get_uint32(const uint8_t *bytes) {
        uint32_t value;

        memcpy(&value, bytes, sizeof(value));
        return value;
}

static bool skip_padding(Head *head, size_t alignment) {
        for (; head->at % alignment != 0; head->at++)
                if (head->at >= head->size || head->bytes[head->at] != 0)
                        return false;
        return true;
}

static bool value_is_one_of(const Head *head, size_t length, const char *const values[static 3]) {
        for (size_t i = 0; i < 3 && values[i]; i++)
                if (strlen(values[i]) == length &&
                    memcmp(values[i], head->bytes + head->at, length + 1) == 0)
                        return true;
        return false;
}

static bool read_value(Head *head, const Field *field) {
        size_t length;

        if (field->type == 'g') {
                if (head->at >= head->size)
                        return false;
                length = head->bytes[head->at++];
        } else {
                if (!skip_padding(head, 4) || head->size - head->at < 4)
                        return false;
                length = get_uint32(head->bytes + head->at);
                head->at += 4;
        }
        if (field->type == 'u')
                return length == head->n_fds;
        if (length >= head->size - head->at || !value_is_one_of(head, length, field->values))
                return false;

        head->at += length + 1;
        return true;
}

static bool read_field(Head *head) {
        const uint8_t *bytes;

        if (!skip_padding(head, 8) || head->size - head->at < 4)
                return false;
        bytes = head->bytes + head->at;
        head->at += 4;

        for (size_t i = 0; i < ELEMENTSOF(known_fields); i++) {
                const Field *field = &known_fields[i];

                if (bytes[0] != field->code)
                        continue;
                if (bytes[1] != 1 || bytes[2] != (uint8_t) field->type || bytes[3] != 0 ||
                    head->seen & 1U << i)
                        return false;
                head->seen |= 1U << i;
                return read_value(head, field);
        }
        return false;
}

bool fd_gate_head_is_good(const uint8_t *bytes, size_t size, size_t n_fds) {
        Head head = { .bytes = bytes, .size = size, .at = FD_GATE_START_SIZE, .n_fds = n_fds };

        /* endianness, type, flags, version; body size, serial, size of the fields */
        if (size < FD_GATE_START_SIZE || bytes[0] != ENDIAN || bytes[1] != 1 || bytes[3] != 1 ||
            get_uint32(bytes + 8) == 0 || get_uint32(bytes + 12) != size - FD_GATE_START_SIZE ||
            n_fds > CGMOVE_PROCESSES_MAX)
                return false;

        while (head.at < size)
                if (!read_field(&head))
                        return false;
        for (size_t i = 0; i < ELEMENTSOF(known_fields); i++)
                if (known_fields[i].must_be && !(head.seen & 1U << i))
                        return false;
        return true;
}

/* --- the gate ----------------------------------------------------------------------------------------- */

static FdGate *watching; /* recvmsg() is given nothing that would lead to it */

void fd_gate_watch(FdGate *gate) {
        watching = gate;
}

/* Calls DONE with all descriptors of MESSAGE; returns how many there are. */
static size_t each_fds(struct msghdr *message, void (*done)(const int *fds, size_t n)) {
        size_t n, sum = 0;

        for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part)) {
                if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
                        continue;
                n = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
                if (done)
                        done((const int *) (const void *) CMSG_DATA(part), n);
                sum += n;
        }
        return sum;
}

static void close_fds(const int *fds, size_t n) {
        for (size_t i = 0; i < n; i++)
                (void) close(fds[i]);
}

/* The whole head must be there: whoever sends descriptors sends them with the first byte of a message, and
 * the rest along with it. READ are the first SIZE bytes; sd-bus begins with 16 or 24, as its version is. */
static bool may_pass(int fd, const uint8_t *read, size_t size, size_t n_fds) {
        uint8_t head[FD_GATE_HEAD_MAX];
        size_t head_size;

        if (size < FD_GATE_START_SIZE || size > sizeof(head))
                return false;
        memcpy(head, read, size);
        head_size = FD_GATE_START_SIZE + (size_t) get_uint32(head + 12);
        return head_size >= size && head_size <= sizeof(head) &&
               recv(fd, head + size, head_size - size, MSG_PEEK | MSG_DONTWAIT) ==
                               (ssize_t) (head_size - size) &&
               fd_gate_head_is_good(head, head_size, n_fds);
}

/* sd-bus never reads beyond a message, but may read beyond the authentication, which it reads in pieces: then
 * it has a part of the first message already, and nobody knows how much. Only if the first BEGIN is the last
 * thing that was read does a message begin with the next. */
static bool ends_authentication(FdGate *gate, const uint8_t *bytes, size_t size) {
        static const char end[] = "\r\nBEGIN\r\n";

        for (size_t i = 0; i < size && gate->n_matched < sizeof(end) - 1; i++) {
                if (bytes[i] != (uint8_t) end[gate->n_matched])
                        gate->n_matched = 0; /* a CR can begin it anew, see below */
                if (bytes[i] == (uint8_t) end[gate->n_matched])
                        gate->n_matched++;
                if (gate->n_matched == sizeof(end) - 1)
                        return i == size - 1;
        }
        return false;
}

/* The room for a message may be large, and a peer who sends on while he is read from would fill it in one
 * call. */
static ssize_t receive_part(int fd, struct msghdr *message, int flags) {
        struct iovec *iov = message->msg_iov;
        size_t size = iov->iov_len;
        ssize_t n;

        if (size > PART_MAX)
                iov->iov_len = PART_MAX;
        n = syscall(SYS_recvmsg, fd, message, flags);
        iov->iov_len = size;
        return n;
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags) {
        bool bounded = watching && message->msg_iovlen == 1;
        ssize_t n = bounded ? receive_part(fd, message, flags) : syscall(SYS_recvmsg, fd, message, flags);
        const uint8_t *bytes;
        size_t n_fds;

        if (n < 0 || !watching)
                return n;

        bytes = bounded ? message->msg_iov->iov_base : NULL;
        n_fds = each_fds(message, NULL);
        if ((n_fds > 0 || message->msg_flags & MSG_CTRUNC) &&
            !(bytes && watching->at_start && may_pass(fd, bytes, (size_t) n, n_fds))) {
                (void) each_fds(message, close_fds);
                watching->refused = true;
                errno = ECONNRESET;
                return -1;
        }
        if (n > 0)
                watching->at_start = bytes && ends_authentication(watching, bytes, (size_t) n);
        return n;
}
