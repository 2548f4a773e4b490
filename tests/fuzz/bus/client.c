/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/fuzz/bus/client.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/cleanup.h"

#define OUT_MAX (512 * 1024)
#define IN_STEP 65536

int client_connect(Client *client, const char *path) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        assert(client->fd < 0);
        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        *client = (Client) CLIENT_INIT;
        client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        assert(client->fd >= 0);
        return connect(client->fd, (struct sockaddr *) &address, sizeof(address)) < 0 ? -errno : 0;
}

static void drop_fds(Client *client) {
        while (client->n_fds > 0)
                (void) close(client->fds[--client->n_fds]);
}

void client_close(Client *client) {
        closep(&client->fd);
        drop_fds(client);
        free(client->out);
        free(client->in);
        *client = (Client) CLIENT_INIT;
}

static void add(Client *client, const void *bytes, size_t size) {
        if (client->n_out + size > OUT_MAX) {
                client->is_spoilt = true;
                return;
        }
        client->out = realloc(client->out, client->n_out + size + 1);
        assert(client->out);
        memcpy(client->out + client->n_out, bytes, size);
        client->n_out += size;
}

void client_say(Client *client, const void *bytes, size_t size) {
        client->is_spoilt = true;
        add(client, bytes, size);
}

void client_authenticate(Client *client, unsigned kind) {
        static const char *const wrong[] = {
                "AUTH EXTERNAL 31313131\r\nBEGIN\r\n",
                "AUTH ANONYMOUS\r\nBEGIN\r\n",
                "AUTH EXTERNAL zz\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n",
                "BEGIN\r\n",
                "AUTH DBUS_COOKIE_SHA1 00\r\nCANCEL\r\nAUTH\r\nERROR\r\nDATA\r\n",
                "NEGOTIATE_UNIX_FD\r\n",
                "AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n",
                "\r\n\r\n\n\r",
        };
        char text[128], uid[16], hex[40] = "";
        int n;

        if (kind > 0) {
                client_say(client, "", 1);
                client_say(client, wrong[(kind - 1) % ELEMENTSOF(wrong)],
                           strlen(wrong[(kind - 1) % ELEMENTSOF(wrong)]));
                return;
        }
        (void) snprintf(uid, sizeof(uid), "%u", geteuid());
        for (n = 0; uid[n]; n++)
                (void) snprintf(hex + 2 * n, sizeof(hex) - 2 * (size_t) n, "%02x", (unsigned) uid[n]);
        n = snprintf(text, sizeof(text), "%cAUTH EXTERNAL %s\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n", 0, hex);
        add(client, text, (size_t) n);
}

void client_call(Client *client, Input *input) {
        Message message;

        if (client->n_asked == CLIENT_CALLS_MAX)
                return;
        message_compose(&message, input, ++client->serial);
        if (client->n_fds > 0) /* one message with descriptors at a time */
                client_send(client, SIZE_MAX);
        if (message.n_fds > 0 && client->n_out > 0) {
                client_send(client, SIZE_MAX);
                if (client->n_out > 0)
                        client->is_spoilt = true;
        }
        if (client->n_fds == 0) {
                memcpy(client->fds, message.fds, sizeof(client->fds));
                client->n_fds = message.n_fds;
                message.n_fds = 0;
        } else
                client->is_spoilt = true;
        add(client, message.bytes, message.n);
        client->is_spoilt |= message.is_spoilt;
        client->ends[client->n_asked] = client->n_out;
        if (message.expects_reply)
                client->waiting |= UINT64_C(1) << client->n_asked;
        client->n_asked++;
        message_done(&message);
}

static void count_sent(Client *client, size_t n) {
        for (unsigned i = 0; i < client->n_asked; i++) {
                if (client->ends[i] == 0)
                        continue;
                client->ends[i] = client->ends[i] > n ? client->ends[i] - n : 0;
                if (client->ends[i] == 0 && client->waiting & UINT64_C(1) << i)
                        client->owed |= UINT64_C(1) << i;
        }
}

void client_send(Client *client, size_t size) {
        struct iovec iov = { .iov_base = client->out,
                             .iov_len = client->n_out < size ? client->n_out : size };
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(int) * MESSAGE_FDS_MAX)];
        } control = { .space = "" };
        struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
        ssize_t n;

        if (client->fd < 0 || iov.iov_len == 0)
                return;
        if (client->n_fds > 0) {
                message.msg_control = &control;
                message.msg_controllen = CMSG_SPACE(sizeof(int) * client->n_fds);
                control.header = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int) * client->n_fds),
                                                   .cmsg_level = SOL_SOCKET,
                                                   .cmsg_type = SCM_RIGHTS };
                memcpy(CMSG_DATA(&control.header), client->fds, sizeof(int) * client->n_fds);
        }
        n = sendmsg(client->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n <= 0)
                return;
        drop_fds(client);
        count_sent(client, (size_t) n);
        client->n_out -= (size_t) n;
        memmove(client->out, client->out + n, client->n_out);
}

/* The lines of the authentication end with the first byte of a message, which no line begins with. */
static void skip_lines(Client *client) {
        while (client->n_in > 0 && client->in[0] != 'l') {
                const uint8_t *end = memchr(client->in, '\n', client->n_in);

                if (!end)
                        return;
                client->n_in -= (size_t) (end + 1 - client->in);
                memmove(client->in, end + 1, client->n_in);
        }
}

static void take_reply(Client *client, const Reply *reply) {
        uint32_t i = reply->serial - 1;

        if (reply->error[0])
                assert(strncmp(reply->error, "org.cgmove1.Error.", 18) == 0 ||
                       strncmp(reply->error, "org.freedesktop.DBus.Error.", 27) == 0 ||
                       strncmp(reply->error, "System.Error.", 13) == 0);
        if (reply->serial == 0 || client->is_spoilt)
                return;
        /* nobody is answered who did not ask, nor twice */
        assert(i < CLIENT_CALLS_MAX && client->owed & UINT64_C(1) << i);
        client->owed &= ~(UINT64_C(1) << i);
}

void client_receive(Client *client) {
        Reply reply;
        ssize_t n;

        if (client->fd < 0 || client->is_deaf)
                return;
        do {
                client->in = realloc(client->in, client->n_in + IN_STEP);
                assert(client->in);
                n = recv(client->fd, client->in + client->n_in, IN_STEP, MSG_DONTWAIT);
                if (n > 0)
                        client->n_in += (size_t) n;
        } while (n > 0);
        client->has_ended |= n == 0 || (n < 0 && errno != EAGAIN);

        skip_lines(client);
        while (client->n_in > 0 && client->in[0] == 'l' && reply_parse(client->in, client->n_in, &reply)) {
                take_reply(client, &reply);
                client->n_in -= reply.size;
                memmove(client->in, client->in + reply.size, client->n_in);
        }
}
