/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The daemon of another host (-H) or of a container (-M), as systemctl(1) has them.
 *
 * What is asked there goes over that daemon's private socket, as here: a systemd-stdio-bridge(1), started
 * by ssh(1) or, in a container, by systemd-run(1), passes the messages on. So the kernel over there tells
 * its daemon who asks, namely the user that ssh or systemd-run has started the bridge as; nothing that
 * this side says of itself is believed. Descriptors cannot be passed on, so verbs that hand over a process
 * have no way there, nor have those that look at files and processes themselves. top and sessions are not
 * offered from afar. */

#include <stdbool.h>

typedef enum RemoteKind {
        REMOTE_NONE, /* the daemon of this host */
        REMOTE_HOST,
        REMOTE_MACHINE,
} RemoteKind;

#define REMOTE_USER_MAX 64
#define REMOTE_NAME_MAX 253

/* Where to, in words that cannot be taken for an option or for something else by whatever reads them. */
typedef struct Remote {
        RemoteKind kind;
        char user[REMOTE_USER_MAX + 1]; /* "": whom ssh takes; root in a container */
        char name[REMOTE_NAME_MAX +
                  1]; /* a host's name, address or alias (IPv6 without brackets), or a container's */
        char port[sizeof("65535")]; /* "": the usual one */
} Remote;

/* "[USER@]HOST[:PORT]" (HOST: letters, digits, ".", "_", "-", or an IPv6 address in brackets), and
 * "[USER@]NAME" of a container or ".host", for which no name at all stands too; ".host" without a user is
 * REMOTE_NONE. 0, or -EINVAL with *ret left alone. */
int remote_parse(RemoteKind kind, const char *text, Remote *ret);

/* The command that speaks to the daemon there over its standard streams. */
typedef struct RemoteCommand {
        const char *argv[12]; /* NULL-terminated; into this struct, REMOTE, and constants */
        char target[REMOTE_USER_MAX + REMOTE_NAME_MAX + 32];
        char property[REMOTE_USER_MAX + 32];
} RemoteCommand;

/* SSH: the program to call, NULL: "ssh". REMOTE is not REMOTE_NONE. */
void remote_command(const Remote *remote, const char *ssh, RemoteCommand *ret);

/* Whether a verb has a way there. */
bool remote_serves(const char *verb);

/* What the command line has chosen. */
const Remote *remote_chosen(void);

/* Chooses, for VERB ("" if it is not known yet). Returns 0, or an exit status after saying what is wrong. */
int remote_choose(const char *verb, RemoteKind kind, const char *text);

/* Returns 0 if VERB works for what was chosen, or an exit status after saying that it does not. */
int remote_check_verb(const char *verb);
