/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/remote.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/protocol.h"
#include "tools/arguments.h"
#include "tools/failure.h"

#define MACHINE_NAME_MAX 64 /* as HOST_NAME_MAX, which machined demands */
#define MACHINE_SELF ".host"

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"
#define ADDRESS "ABCDEFabcdef0123456789:."

/* --- reading
 * --------------------------------------------------------------------------------------------------- */

/* A word of letters, digits, "_", and, but not in front, "." and "-". */
static bool is_word(const char *text, size_t length) {
        return length > 0 && strchr(LETTERS, text[0]) && strspn(text, LETTERS ".-") >= length;
}

static int take_word(const char *text, size_t length, char *buffer, size_t max) {
        if (length > max || !is_word(text, length))
                return -EINVAL;
        memcpy(buffer, text, length);
        buffer[length] = 0;
        return 0;
}

/* "[ADDRESS%ZONE]", the zone being optional. Returns what comes behind it, or NULL. */
static const char *take_address(const char *text, char *buffer, size_t max) {
        size_t length = strcspn(text + 1, "]"), address = strspn(text + 1, ADDRESS);

        if (text[1 + length] != ']' || length > max || !memchr(text + 1, ':', length))
                return NULL;
        if (address < length &&
            (text[1 + address] != '%' || !is_word(text + 2 + address, length - address - 1)))
                return NULL;
        memcpy(buffer, text + 1, length);
        buffer[length] = 0;
        return text + 1 + length + 1;
}

static int parse_host(const char *text, Remote *remote) {
        uint16_t port;

        if (text[0] == '[') {
                text = take_address(text, remote->name, REMOTE_NAME_MAX);
                if (!text)
                        return -EINVAL;
        } else {
                size_t length = strcspn(text, ":");

                if (take_word(text, length, remote->name, REMOTE_NAME_MAX) < 0)
                        return -EINVAL;
                text += length;
        }
        if (text[0] == 0)
                return 0;
        if (text[0] != ':' || argument_port(text + 1, &port) < 0)
                return -EINVAL;
        (void) snprintf(remote->port, sizeof(remote->port), "%u", port);
        return 0;
}

static int parse_machine(const char *text, Remote *remote) {
        bool self = !text[0] || strcmp(text, MACHINE_SELF) == 0;

        if (!self)
                return take_word(text, strlen(text), remote->name, MACHINE_NAME_MAX);
        (void) snprintf(remote->name, sizeof(remote->name), MACHINE_SELF);
        if (!remote->user[0])
                remote->kind = REMOTE_NONE;
        return 0;
}

int remote_parse(RemoteKind kind, const char *text, Remote *ret) {
        Remote remote = { .kind = kind };
        const char *at = strchr(text, '@');
        int r;

        if (!text[0])
                return -EINVAL;
        if (at) {
                if (take_word(text, (size_t) (at - text), remote.user, REMOTE_USER_MAX) < 0)
                        return -EINVAL;
                text = at + 1;
        }
        r = kind == REMOTE_HOST ? parse_host(text, &remote) : parse_machine(text, &remote);
        if (r < 0)
                return r;
        *ret = remote;
        return 0;
}

/* --- the way there
 * --------------------------------------------------------------------------------------------- */

/* Over there these are words for a shell, or for systemd. */
static const char bridge[] = "systemd-stdio-bridge";
static const char bridge_path[] = "--bus-path=unix:path=" CGMOVE_PRIVATE_SOCKET;

static void host_command(const Remote *remote, const char *ssh, RemoteCommand *ret) {
        size_t n = 0;

        (void) snprintf(ret->target, sizeof(ret->target), "%s%s%s", remote->user, remote->user[0] ? "@" : "",
                        remote->name);
        ret->argv[n++] = ssh ?: "ssh";
        ret->argv[n++] = "-xT"; /* neither X11 nor a terminal */
        if (remote->port[0]) {
                ret->argv[n++] = "-p";
                ret->argv[n++] = remote->port;
        }
        ret->argv[n++] = "--";
        ret->argv[n++] = ret->target;
        ret->argv[n++] = bridge;
        ret->argv[n] = bridge_path;
}

/* No PAMName=: a look at jobs shall not open a session. */
static void machine_command(const Remote *remote, RemoteCommand *ret) {
        size_t n = 0;

        (void) snprintf(ret->target, sizeof(ret->target), "--machine=%s", remote->name);
        (void) snprintf(ret->property, sizeof(ret->property), "--property=User=%s", remote->user);
        ret->argv[n++] = "systemd-run";
        ret->argv[n++] = ret->target;
        ret->argv[n++] = "--quiet";
        ret->argv[n++] = "--pipe";
        ret->argv[n++] = "--wait";
        ret->argv[n++] = "--collect";
        if (remote->user[0])
                ret->argv[n++] = ret->property;
        ret->argv[n++] = "--";
        ret->argv[n++] = bridge;
        ret->argv[n] = bridge_path;
}

void remote_command(const Remote *remote, const char *ssh, RemoteCommand *ret) {
        *ret = (RemoteCommand){ .argv = { NULL } };
        if (remote->kind == REMOTE_HOST)
                host_command(remote, ssh, ret);
        else
                machine_command(remote, ret);
}

/* --- the command line
 * ------------------------------------------------------------------------------------------ */

static Remote chosen;

const Remote *remote_chosen(void) {
        return &chosen;
}

bool remote_serves(const char *verb) {
        static const char *const verbs[] = { "kill", "list", "status", "stop", "wait" };

        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (strcmp(verb, verbs[i]) == 0)
                        return true;
        return false;
}

/* Those that could have a way there, being questions to the daemon alone, and have none yet. */
static bool is_not_offered(const char *verb) {
        return strcmp(verb, "sessions") == 0 || strcmp(verb, "top") == 0;
}

/* What does the same over there, as whom and at which port was said here. */
static void call_over_there(const char *verb, char *buffer, size_t size) {
        bool host = chosen.kind == REMOTE_HOST;

        (void) snprintf(buffer, size, "%s%s%s%s %s%s%s %scgmove %s", host ? "ssh" : "machinectl shell",
                        host && strcmp(verb, "top") == 0 ? " -t" : "", /* a terminal */
                        chosen.port[0] ? " -p " : "", chosen.port, chosen.user, chosen.user[0] ? "@" : "",
                        chosen.name, host ? "" : CGMOVE_BIN_DIR "/", verb);
}

int remote_check_verb(const char *verb) {
        char there[REMOTE_USER_MAX + REMOTE_NAME_MAX + 96];

        if (chosen.kind == REMOTE_NONE || remote_serves(verb))
                return 0;
        call_over_there(verb, there, sizeof(there));
        return usage_error(verb, "This verb is %s %s; call it over there: %s",
                           is_not_offered(verb)
                                           ? "not offered from afar, so it has no"
                                           : "about processes and files where it is called, so it has no",
                           chosen.kind == REMOTE_HOST ? "--host=" : "--machine=", there);
}

int remote_choose(const char *verb, RemoteKind kind, const char *text) {
        if (remote_parse(kind, text, &chosen) < 0)
                return usage_error(verb,
                                   kind == REMOTE_HOST ? "\"%s\" is no host; it is [USER@]HOST[:PORT]"
                                                       : "\"%s\" is no container; it is [USER@]NAME",
                                   text);
        return verb[0] ? remote_check_verb(verb) : 0;
}
