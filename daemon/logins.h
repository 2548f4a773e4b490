/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What systemd-logind has told of users, sessions, and what it does at their end
 * (org.freedesktop.login1(5)), as of one moment. Nothing here asks it; see logind.h. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "daemon/target.h"
#include "lib/cleanup.h"

#define LOGINS_MAX                                                                                          \
        16384 /* users, and sessions: twice what logind itself has at most as shipped (SessionsMax=) */

typedef struct LoginUser {
        uid_t uid;
        char *name;
        Knowledge lingers; /* UNKNOWN: it was not asked */
} LoginUser;

typedef struct LoginSession {
        char *id;
        uid_t uid;
        char *user;    /* its name */
        char *service; /* the PAM service that opened it; "" where the rest is not known either */
        char *class;   /* "user", "background", "manager", ... */
        char *state;   /* "online", "active", "closing" */
        char *path;    /* of its object */
} LoginSession;

typedef struct Logins {
        bool kill_user_processes; /* logind.conf(5) */
        char **kill_only_users;   /* NULL-terminated */
        char **kill_exclude_users;
        LoginUser *users;
        size_t n_users;
        LoginSession *sessions;
        size_t n_sessions;
        bool is_sorted; /* sessions, by id */
} Logins;

Logins *logins_free(Logins *logins);
DEFINE_CLEANUP(Logins, logins_free)

/* Copy the strings. 0, -ENOMEM, or -E2BIG beyond LOGINS_MAX. */
int logins_add_user(Logins *logins, uid_t uid, const char *name);
int logins_add_session(Logins *logins, const char *id, uid_t uid, const char *user, const char *path);

/* It has gone while it was being asked about. */
void logins_remove_session(Logins *logins, size_t index);
void logins_remove_user(Logins *logins, size_t index);

/* For many look-ups of sessions; to be done anew when one has been added or removed. */
void logins_sort(Logins *logins);

/* NULL if logind knows of none. */
LoginUser *logins_find_user(const Logins *logins, uid_t uid);
LoginSession *logins_find_session(const Logins *logins, const char *id);

/* Whether it is one that a user is logged in by: neither his manager's own, which logind has from 256 on,
 * nor a greeter's. One that is closing, where only what was left behind still runs, is open no more. */
bool login_session_is_login(const LoginSession *session);
bool login_session_is_open(const LoginSession *session);

/* Whether UID has a session by which he is logged in. */
bool logins_is_logged_in(const Logins *logins, uid_t uid);

/* Whether logind knows of UID at all: he is logged in, lingers, or his last session has just ended. */
bool logins_knows_user(const Logins *logins, uid_t uid);

/* Whether logind kills what is left in a session of user NAME ("": not known; UID is asked about then as far
 * as that goes) when it ends: its manager_shall_kill(). *ret_rule is the option that decides. Pure. */
Knowledge logins_kills(const Logins *logins, const char *name, uid_t uid, const char **ret_rule);
