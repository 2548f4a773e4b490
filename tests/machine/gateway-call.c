/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The other side of the stand-in gateway (gateway.py tells the protocol). Tests ask it so often that they cannot wait for an
 * interpreter to start each time.
 *
 *     gateway-call [OPTION...] stdio|descriptors COMMAND   runs it; ends with its status, or with 111 without a full answer
 *     gateway-call [OPTION...] who                         the PID of the gateway that answers within a second, or 0 and 111
 *     gateway-call [OPTION...] hang-up                     has the server end a connection first
 *
 *   --port N      (18789)
 *   --ipv6-only   ::1, not 127.0.0.1
 *   --by FILE     gets the PID of the gateway that has answered */

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define NO_ANSWER 111

typedef struct Call {
        unsigned port;
        bool ipv6;
        const char *by;
        struct timeval patience; /* none: for ever */
} Call;

static int no_answer(const char *what) {
        fprintf(stderr, "gateway: %s: %s\n", what, strerror(errno));
        return NO_ANSWER;
}

/* The socket, or -1. */
static int call_connect(const Call *call) {
        struct sockaddr_in6 six = { .sin6_family = AF_INET6,
                                    .sin6_port = htons((uint16_t) call->port),
                                    .sin6_addr = IN6ADDR_LOOPBACK_INIT };
        struct sockaddr_in four = { .sin_family = AF_INET,
                                    .sin_port = htons((uint16_t) call->port),
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        const struct sockaddr *address =
                        call->ipv6 ? (const struct sockaddr *) &six : (const struct sockaddr *) &four;
        int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &call->patience, sizeof call->patience) < 0 ||
            setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &call->patience, sizeof call->patience) < 0 ||
            connect(fd, address, call->ipv6 ? sizeof six : sizeof four) < 0)
                return -1;
        return fd;
}

static bool send_all(int fd, const char *text) {
        size_t left = strlen(text);

        while (left > 0) {
                ssize_t n = send(fd, text, left, MSG_NOSIGNAL);

                if (n < 0)
                        return false;
                text += n;
                left -= (size_t) n;
        }
        return true;
}

/* Sends the request and nothing more; the answer is what comes until its end. */
static FILE *call_ask(const Call *call, const char *mode, const char *command) {
        int fd = call_connect(call);

        if (fd < 0 || !send_all(fd, mode) || !send_all(fd, "\n") || !send_all(fd, command) ||
            shutdown(fd, SHUT_WR) < 0)
                return NULL;
        return fdopen(fd, "r");
}

static bool copy(FILE *from, FILE *to) {
        char part[65536];
        size_t n;

        while ((n = fread(part, 1, sizeof part, from)) > 0)
                if (fwrite(part, 1, n, to) != n)
                        return false;
        return !ferror(from) && fflush(to) == 0;
}

static bool note_who(const char *path, long pid) {
        FILE *file = fopen(path, "we");

        return file && fprintf(file, "%ld\n", pid) > 0 && fclose(file) == 0;
}

static int call_run(const Call *call, const char *mode, const char *command) {
        FILE *answer = call_ask(call, mode, command);
        int status;
        long pid;

        if (!answer)
                return no_answer("no connection");
        if (fscanf(answer, "%d %ld", &status, &pid) != 2 || fgetc(answer) != '\n')
                return no_answer("no answer");
        if (!note_who(call->by, pid) || !copy(answer, stdout))
                return no_answer("cannot write");
        return abs(status);
}

static int call_who(Call *call) {
        FILE *answer;
        long pid = 0;

        call->patience.tv_sec = 1;
        answer = call_ask(call, "who", "");
        if (!answer || fscanf(answer, "%ld", &pid) != 1)
                pid = 0;
        printf("%ld\n", pid);
        return pid > 0 ? 0 : NO_ANSWER;
}

/* The server's end comes first, and with it what remains of the connection is the server's. */
static int call_hang_up(const Call *call) {
        int fd = call_connect(call);
        char byte;

        if (fd < 0 || !send_all(fd, "hang-up\n") || recv(fd, &byte, 1, 0) < 0)
                return no_answer("no connection");
        return 0;
}

int main(int argc, char *argv[]) {
        static const struct option options[] = {
                { "port", required_argument, NULL, 'p' },
                { "ipv6-only", no_argument, NULL, '6' },
                { "by", required_argument, NULL, 'b' },
                { 0 },
        };
        Call call = { .port = 18789, .by = "/dev/null" };
        const char *verb;
        int c;

        while ((c = getopt_long(argc, argv, "+", options, NULL)) >= 0)
                switch (c) {
                case 'p':
                        call.port = (unsigned) strtoul(optarg, NULL, 10);
                        break;
                case '6':
                        call.ipv6 = true;
                        break;
                case 'b':
                        call.by = optarg;
                        break;
                default:
                        return 2;
                }
        verb = optind < argc ? argv[optind++] : "";
        if (strcmp(verb, "who") == 0 && optind == argc)
                return call_who(&call);
        if (strcmp(verb, "hang-up") == 0 && optind == argc)
                return call_hang_up(&call);
        if ((strcmp(verb, "stdio") == 0 || strcmp(verb, "descriptors") == 0) && optind + 1 == argc)
                return call_run(&call, verb, argv[optind]);
        fputs("usage: gateway-call [--port N] [--ipv6-only] [--by FILE] who | hang-up | stdio COMMAND | "
              "descriptors COMMAND\n",
              stderr);
        return 2;
}
