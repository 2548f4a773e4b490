/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/fuzz/bus/message.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/protocol.h"
#include "tests/fuzz/bus/false-kernel.h"

#define DEPTH_MAX 6

enum {
        FIELD_PATH = 1,
        FIELD_INTERFACE,
        FIELD_MEMBER,
        FIELD_ERROR_NAME,
        FIELD_REPLY_SERIAL,
        FIELD_DESTINATION,
        FIELD_SENDER,
        FIELD_SIGNATURE,
        FIELD_UNIX_FDS
};

typedef struct Call {
        const char *interface, *member, *signature;
} Call;

#define PROPERTIES "org.freedesktop.DBus.Properties"

static const Call calls[] = {
        { CGMOVE_MANAGER_INTERFACE, "Move", "aha{sv}" },
        { CGMOVE_MANAGER_INTERFACE, "Check", "aha{sv}" },
        { CGMOVE_MANAGER_INTERFACE, "ListJobs", "a{sv}" },
        { CGMOVE_MANAGER_INTERFACE, "GetJob", "t" },
        { CGMOVE_MANAGER_INTERFACE, "Explain", "a{sv}" },
        { CGMOVE_JOB_INTERFACE, "Wait", "a{sv}" },
        { CGMOVE_JOB_INTERFACE, "Stop", "a{sv}" },
        { CGMOVE_JOB_INTERFACE, "Kill", "ia{sv}" },
        { CGMOVE_JOB_INTERFACE, "Finish", "a{sv}" },
        { CGMOVE_JOB_INTERFACE, "Report", "a{sv}" },
        { CGMOVE_JOB_INTERFACE, "GetUnit", "a{sv}" },
        { CGMOVE_JOB_INTERFACE, "RestartUnit", "a{sv}" },
        { CGMOVE_JOB_INTERFACE, "StartUnit", "a{sv}" },
        { PROPERTIES, "Get", "ss" },
        { PROPERTIES, "GetAll", "s" },
        { PROPERTIES, "Set", "ssv" },
        { "org.freedesktop.DBus.Introspectable", "Introspect", "" },
        { "org.freedesktop.DBus.Peer", "Ping", "" },
        { "org.freedesktop.DBus.Peer", "GetMachineId", "" },
        { "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", "" },
        { "org.freedesktop.DBus", "Hello", "" },
        { NULL, "Move", "aha{sv}" },
        { CGMOVE_JOB_INTERFACE, "Move", "aha{sv}" },
        { "a..b", "", "" },
        { CGMOVE_MANAGER_INTERFACE, "OpenSession", "usa{sv}" },
        { CGMOVE_MANAGER_INTERFACE, "CloseSession", "tusa{sv}" },
        { CGMOVE_MANAGER_INTERFACE, "GetSessions", "a{sv}" },
};

/* Signatures for what is not of its type; the last are none. */
static const char *const signatures[] = {
        "s",       "b",         "u",     "t",      "i",     "o",        "g",  "h", "v",  "as",
        "au",      "ah",        "a{sv}", "aa{sv}", "(su)",  "a{s(ah)}", "x",  "d", "y",  "n",
        "aaaaaay", "((((s))))", "",      "a",      "a{vs}", "(",        "zz", "e", "()",
};

/* The options of all calls, and the type that each has to be of. */
static const struct {
        const char *name, *type;
} options[] = {
        { "self", "b" },    { "tree", "b" },      { "name", "s" },          { "kind", "s" },
        { "restart", "s" }, { "log", "s" },       { "log-directory", "s" }, { "reset-oom-score", "b" },
        { "command", "s" }, { "all", "b" },       { "source", "s" },        { "uid", "u" },
        { "gids", "au" },   { "exit-code", "i" }, { "exit-signal", "i" },   { "outcome", "s" },
        { "owner", "u" },   { "", "s" },
};

static const char *const texts[] = {
        "gateway",
        "user:gateway.service",
        "system:foo.service",
        "session",
        "job",
        "run",
        "exec",
        "move",
        "restart",
        "/home/alice/log",
        "/home/alice/../bob/log",
        "{\"state\":\"failed\"}",
        CGMOVE_MANAGER_INTERFACE,
        CGMOVE_JOB_INTERFACE,
        "Name",
        "Jobs",
        "Outcome",
        "ControlGroup",
        "",
        "..",
        "/",
        "a/b",
        "-x",
        "cgroup.procs",
        "session-1.scope",
        "x\033[2J",
        "a\nb",
        "user:x@.service",
        "user:*",
        "\xc3\xa4",
        "\xff\xfe",
};

static const char *const paths[] = {
        CGMOVE_PATH,
        CGMOVE_JOB_PREFIX "/1",
        CGMOVE_JOB_PREFIX "/2",
        CGMOVE_JOB_PREFIX "/3",
        CGMOVE_JOB_PREFIX "/7",
        CGMOVE_JOB_PREFIX,
        "/",
        "/org",
        CGMOVE_JOB_PREFIX "/01",
        CGMOVE_JOB_PREFIX "/18446744073709551616",
        CGMOVE_JOB_PREFIX "/_31",
        CGMOVE_JOB_PREFIX "/1/2",
        "/org/cgmove1/",
        "relative",
};

/* --- bytes --------------------------------------------------------------------------------------------------------- */

static void put_bytes(Message *m, const void *bytes, size_t n) {
        if (n > MESSAGE_MAX - m->n)
                n = MESSAGE_MAX - m->n;
        memcpy(m->bytes + m->n, bytes, n);
        m->n += n;
}

static void align(Message *m, size_t to) {
        while (m->n % to != 0 && m->n < MESSAGE_MAX)
                m->bytes[m->n++] = 0;
}

static void put_number(Message *m, uint64_t value, size_t size) {
        align(m, size);
        put_bytes(m, &value, size); /* little endian, as the first byte of all messages says */
}

static void set_u32(Message *m, size_t at, size_t value) {
        uint32_t number = (uint32_t) value;

        if (at + sizeof(number) <= MESSAGE_MAX)
                memcpy(m->bytes + at, &number, sizeof(number));
}

static void put_string(Message *m, const char *text, size_t n) {
        put_number(m, n, 4);
        put_bytes(m, text, n);
        put_bytes(m, "", 1);
}

static void put_signature(Message *m, const char *signature) {
        uint8_t n = (uint8_t) strlen(signature);

        put_bytes(m, &n, 1);
        put_bytes(m, signature, n + 1U);
}

/* --- values -------------------------------------------------------------------------------------------------------- */

static void put_value(Message *m, Input *input, const char **signature, unsigned depth);

static void put_text(Message *m, Input *input) {
        unsigned choice = input_choose(input, ELEMENTSOF(texts) + 3);
        uint8_t own[256], much[6000];
        size_t n;

        if (choice < ELEMENTSOF(texts)) {
                put_string(m, texts[choice], strlen(texts[choice]));
                return;
        }
        if (choice == ELEMENTSOF(texts)) {
                n = 16 * input_byte(input);
                memset(much, 'a', n);
                much[0] = '/';
                put_string(m, (const char *) much, n);
                return;
        }
        n = input_bytes(input, own, sizeof(own));
        put_string(m, (const char *) own, n);
}

static int open_something(Input *input) {
        unsigned choice = input_choose(input, 2 * FALSE_PROCESSES);

        if (choice < FALSE_PROCESSES && false_processes[choice].pid > 0)
                return false_pidfd_open(&false_processes[choice]);
        return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void put_fd(Message *m, Input *input) {
        unsigned choice = input_byte(input);

        if (choice < 240 && m->n_fds < MESSAGE_FDS_MAX) {
                choice = (unsigned) m->n_fds;
                m->fds[m->n_fds++] = open_something(input);
        }
        put_number(m, choice, 4);
}

/* The type that begins at SIGNATURE ends before what is returned. */
static const char *type_end(const char *signature) {
        unsigned open = 0;

        while (*signature == 'a')
                signature++;
        do {
                open += *signature == '(' || *signature == '{';
                open -= open > 0 && (*signature == ')' || *signature == '}');
        } while (*signature && *++signature && open > 0);
        return signature;
}

static void put_variant(Message *m, Input *input, const char *type, unsigned depth) {
        if (!type || input_byte(input) >= 224)
                type = signatures[input_choose(input, ELEMENTSOF(signatures))];
        put_signature(m, type);
        while (*type)
                put_value(m, input, &type, depth + 1);
}

/* An entry of the dictionaries that all calls take: an option, as a rule of its type. */
static void put_option(Message *m, Input *input, unsigned depth) {
        unsigned choice = input_choose(input, ELEMENTSOF(options));

        align(m, 8);
        put_string(m, options[choice].name, strlen(options[choice].name));
        put_variant(m, input, options[choice].type, depth);
}

static void put_array(Message *m, Input *input, const char *element, unsigned depth) {
        unsigned n = depth > DEPTH_MAX ? 0 : input_choose(input, 5);
        size_t at, begin;

        put_number(m, 0, 4);
        at = m->n - 4;
        align(m, strchr("xtd({", *element) && *element ? 8 : 1);
        begin = m->n;
        for (unsigned i = 0; i < n; i++) {
                const char *type = element;

                if (strncmp(element, "{sv}", 4) == 0)
                        put_option(m, input, depth);
                else
                        put_value(m, input, &type, depth + 1);
        }
        set_u32(m, at, input_byte(input) == 255 ? input_number(input, 4) : m->n - begin);
}

static void put_basic(Message *m, Input *input, char type) {
        const char *path;

        switch (type) {
        case 'y':
                put_number(m, input_byte(input), 1);
                break;
        case 'b':
                put_number(m, input_byte(input) < 250 ? input_choose(input, 2) : input_byte(input), 4);
                break;
        case 'n':
        case 'q':
                put_number(m, input_number(input, 2), 2);
                break;
        case 'u':
                put_number(m, input_choose(input, 2) ? FALSE_ALICE : input_number(input, 4), 4);
                break;
        case 'i':
                put_number(m, input_choose(input, 4) ? input_byte(input) : input_number(input, 4), 4);
                break;
        case 'x':
        case 't':
        case 'd':
                put_number(m, input_choose(input, 4) ? input_byte(input) : input_number(input, 8), 8);
                break;
        case 's':
                put_text(m, input);
                break;
        case 'o':
                path = paths[input_choose(input, ELEMENTSOF(paths))];
                put_string(m, path, strlen(path));
                break;
        case 'g':
                put_signature(m, signatures[input_choose(input, ELEMENTSOF(signatures))]);
                break;
        case 'h':
                put_fd(m, input);
                break;
        }
}

/* One complete type, which *SIGNATURE is moved behind. */
static void put_value(Message *m, Input *input, const char **signature, unsigned depth) {
        const char *type = *signature, *end = type_end(type);

        *signature = end;
        if (depth > DEPTH_MAX)
                return;
        if (*type == 'a')
                put_array(m, input, type + 1, depth);
        else if (*type == 'v')
                put_variant(m, input, NULL, depth);
        else if (*type == '(' || *type == '{') {
                align(m, 8);
                for (type++; type < end && *type && !strchr(")}", *type);)
                        put_value(m, input, &type, depth + 1);
        } else
                put_basic(m, input, *type);
}

/* --- the head ------------------------------------------------------------------------------------------------------ */

static void put_field(Message *m, uint8_t code, const char *type, const char *text) {
        if (!text)
                return;
        align(m, 8);
        put_bytes(m, &code, 1);
        put_signature(m, type);
        if (*type == 'g')
                put_signature(m, text);
        else
                put_string(m, text, strlen(text));
}

static void put_fds_field(Message *m, uint32_t n) {
        align(m, 8);
        put_bytes(m, (const uint8_t[]){ FIELD_UNIX_FDS }, 1);
        put_signature(m, "u");
        put_number(m, n, 4);
}

/* What is usual, or one thing that is not. */
typedef enum Oddity {
        ODD_SIGNATURE = 232, /* another one than the call's */
        ODD_FDS,             /* another number of descriptors than there are */
        ODD_SENDER,          /* a name as on a bus with a daemon */
        ODD_SIZE,            /* a body that is announced larger than it is */
        ODD_FLAGS,
        ODD_TYPE, /* no call: a reply, a signal, or nothing known */
        ODD_BYTE, /* one byte changed */
        ODD_NO_PATH,
        ODD_NO_MEMBER,
        ODD_SERIAL,
} Oddity;

void message_compose(Message *message, Input *input, uint32_t serial) {
        const Call *call = &calls[input_choose(input, ELEMENTSOF(calls))];
        const char *path = paths[input_choose(input, ELEMENTSOF(paths))], *signature = call->signature,
                   *rest;
        unsigned odd = input_byte(input);
        Message body = { .n = 0 };

        if (odd == ODD_SIGNATURE)
                signature = signatures[input_choose(input, ELEMENTSOF(signatures))];
        for (rest = signature; *rest;)
                put_value(&body, input, &rest, 0);

        *message = (Message){ .serial = odd == ODD_SERIAL ? 0 : serial, .n_fds = body.n_fds };
        memcpy(message->fds, body.fds, sizeof(body.fds));
        put_bytes(message, (const uint8_t[]){ 'l', 1, 0, 1 }, 4);
        if (odd == ODD_TYPE)
                message->bytes[1] = (uint8_t) input_byte(input);
        if (odd == ODD_FLAGS)
                message->bytes[2] = (uint8_t) input_byte(input);
        put_number(message, odd == ODD_SIZE ? body.n + input_number(input, 4) : body.n, 4);
        put_number(message, message->serial, 4);
        put_number(message, 0, 4);
        put_field(message, FIELD_PATH, "o", odd == ODD_NO_PATH ? NULL : path);
        put_field(message, FIELD_INTERFACE, "s", call->interface);
        put_field(message, FIELD_MEMBER, "s", odd == ODD_NO_MEMBER ? NULL : call->member);
        if (odd == ODD_SENDER) {
                put_field(message, FIELD_SENDER, "s", ":1.1");
                put_field(message, FIELD_DESTINATION, "s", "org.cgmove1");
        }
        if (signature[0])
                put_field(message, FIELD_SIGNATURE, "g", signature);
        if (message->n_fds > 0 || odd == ODD_FDS)
                put_fds_field(message, odd == ODD_FDS ? input_byte(input) : (uint32_t) message->n_fds);
        set_u32(message, 12, message->n - 16);
        align(message, 8);
        put_bytes(message, body.bytes, body.n);
        if (odd == ODD_BYTE)
                message->bytes[input_number(input, 2) % message->n] = (uint8_t) input_byte(input);
        message->expects_reply = message->bytes[1] == 1 && !(message->bytes[2] & 1);
        message->is_spoilt = odd == ODD_SIZE || odd == ODD_BYTE || message->n == MESSAGE_MAX;
}

void message_done(Message *message) {
        for (size_t i = 0; i < message->n_fds; i++)
                closep(&message->fds[i]);
        message->n_fds = 0;
}

/* --- answers ------------------------------------------------------------------------------------------------------- */

static uint32_t get_u32(const uint8_t *bytes) {
        uint32_t value;

        memcpy(&value, bytes, sizeof(value));
        return value;
}

/* The fields of the daemon's own answers: strings, signatures and numbers. */
static void parse_fields(const uint8_t *bytes, size_t end, Reply *reply) {
        for (size_t at = 16; at < end;) {
                uint8_t code, type;
                uint32_t n;

                at = (at + 7) & ~(size_t) 7;
                if (at >= end)
                        return;
                code = bytes[at];
                type = bytes[at + 2];
                at = (at + 4 + 3) & ~(size_t) 3;
                if (type == 'g') {
                        at += bytes[at] + 2U;
                        continue;
                }
                n = get_u32(bytes + at);
                at += 4;
                if (type == 'u' && code == FIELD_REPLY_SERIAL)
                        reply->serial = n;
                if (type != 'u') {
                        if (code == FIELD_ERROR_NAME)
                                (void) snprintf(reply->error, sizeof(reply->error), "%s",
                                                (const char *) bytes + at);
                        at += n + 1;
                }
        }
}

int reply_parse(const uint8_t *bytes, size_t size, Reply *ret) {
        Reply reply = { .serial = 0 };
        size_t fields;

        if (size < 16)
                return 0;
        assert(bytes[0] == 'l' && bytes[3] == 1);
        fields = get_u32(bytes + 12);
        reply.size = ((16 + fields + 7) & ~(size_t) 7) + get_u32(bytes + 4);
        if (size < reply.size)
                return 0;
        if (bytes[1] == 2 || bytes[1] == 3)
                parse_fields(bytes, 16 + fields, &reply);
        assert(bytes[1] != 3 || reply.error[0]);
        *ret = reply;
        return 1;
}
