/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/logins.h"

#include <errno.h>
#include <string.h>

#define GROW_BY 16

static void strv_free(char **strv) {
        for (char **s = strv; s && *s; s++)
                free(*s);
        free(strv);
}

static void session_clear(LoginSession *session) {
        free(session->id);
        free(session->user);
        free(session->service);
        free(session->class);
        free(session->state);
        free(session->path);
}

Logins *logins_free(Logins *logins) {
        if (!logins)
                return NULL;

        for (size_t i = 0; i < logins->n_users; i++)
                free(logins->users[i].name);
        for (size_t i = 0; i < logins->n_sessions; i++)
                session_clear(&logins->sessions[i]);
        free(logins->users);
        free(logins->sessions);
        strv_free(logins->kill_only_users);
        strv_free(logins->kill_exclude_users);
        free(logins);
        return NULL;
}

/* Room for one more behind N items of SIZE bytes. */
static int make_room(void **items, size_t n, size_t size) {
        void *more;

        if (n >= LOGINS_MAX)
                return -E2BIG;
        if (n % GROW_BY != 0)
                return 0;
        more = reallocarray(*items, n + GROW_BY, size);
        if (!more)
                return -ENOMEM;
        *items = more;
        return 0;
}

int logins_add_user(Logins *logins, uid_t uid, const char *name) {
        LoginUser user = { .uid = uid };
        int r;

        r = make_room((void **) &logins->users, logins->n_users, sizeof(user));
        if (r < 0)
                return r;
        user.name = strdup(name);
        if (!user.name)
                return -ENOMEM;
        logins->users[logins->n_users++] = user;
        return 0;
}

int logins_add_session(Logins *logins, const char *id, uid_t uid, const char *user, const char *path) {
        LoginSession session = { .uid = uid };
        int r;

        r = make_room((void **) &logins->sessions, logins->n_sessions, sizeof(session));
        if (r < 0)
                return r;
        session.id = strdup(id);
        session.user = strdup(user);
        session.service = strdup("");
        session.class = strdup("");
        session.state = strdup("");
        session.path = strdup(path);
        if (!session.id || !session.user || !session.service || !session.class || !session.state ||
            !session.path) {
                session_clear(&session);
                return -ENOMEM;
        }
        logins->sessions[logins->n_sessions++] = session;
        logins->is_sorted = false;
        return 0;
}

void logins_remove_session(Logins *logins, size_t index) {
        session_clear(&logins->sessions[index]);
        logins->sessions[index] = logins->sessions[--logins->n_sessions];
        logins->is_sorted = false;
}

void logins_remove_user(Logins *logins, size_t index) {
        free(logins->users[index].name);
        logins->users[index] = logins->users[--logins->n_users];
}

LoginUser *logins_find_user(const Logins *logins, uid_t uid) {
        for (size_t i = 0; i < logins->n_users; i++)
                if (logins->users[i].uid == uid)
                        return &logins->users[i];
        return NULL;
}

static int compare_sessions(const void *a, const void *b) {
        return strcmp(((const LoginSession *) a)->id, ((const LoginSession *) b)->id);
}

void logins_sort(Logins *logins) {
        if (logins->n_sessions > 1)
                qsort(logins->sessions, logins->n_sessions, sizeof(LoginSession), compare_sessions);
        logins->is_sorted = true;
}

LoginSession *logins_find_session(const Logins *logins, const char *id) {
        const LoginSession key = { .id = (char *) id };

        if (logins->is_sorted && logins->n_sessions > 0)
                return bsearch(&key, logins->sessions, logins->n_sessions, sizeof(key), compare_sessions);
        for (size_t i = 0; i < logins->n_sessions; i++)
                if (strcmp(logins->sessions[i].id, id) == 0)
                        return &logins->sessions[i];
        return NULL;
}

bool login_session_is_login(const LoginSession *session) {
        static const char *const others[] = { "manager", "greeter", "lock-screen", "none" };

        for (size_t i = 0; i < ELEMENTSOF(others); i++)
                if (strncmp(session->class, others[i], strlen(others[i])) == 0)
                        return false;
        return true;
}

bool login_session_is_open(const LoginSession *session) {
        return strcmp(session->state, "closing") != 0;
}

bool logins_is_logged_in(const Logins *logins, uid_t uid) {
        for (size_t i = 0; i < logins->n_sessions; i++) {
                const LoginSession *session = &logins->sessions[i];

                if (session->uid == uid && login_session_is_login(session) && login_session_is_open(session))
                        return true;
        }
        return false;
}

bool logins_knows_user(const Logins *logins, uid_t uid) {
        if (logins_find_user(logins, uid))
                return true;
        for (size_t i = 0; i < logins->n_sessions; i++)
                if (logins->sessions[i].uid == uid)
                        return true;
        return false;
}

/* --- what logind kills --------------------------------------------------------------------------- */

static bool list_has(char *const *list, const char *name) {
        for (; list && *list; list++)
                if (strcmp(*list, name) == 0)
                        return true;
        return false;
}

static bool list_is_empty(char *const *list) {
        return !list || !*list;
}

static Knowledge knowledge(bool value) {
        return value ? YES : NO;
}

/* Of somebody whose name is not known, but that he is not root. */
static Knowledge kills_nameless(const Logins *logins, const char **ret_rule) {
        if (!list_is_empty(logins->kill_only_users)) {
                *ret_rule = "KillOnlyUsers=";
                return UNKNOWN;
        }
        for (char **p = logins->kill_exclude_users; p && *p && logins->kill_user_processes; p++)
                if (strcmp(*p, "root") != 0) {
                        *ret_rule = "KillExcludeUsers=";
                        return UNKNOWN;
                }
        *ret_rule = logins->kill_user_processes ? "KillUserProcesses=yes" : "KillUserProcesses=no";
        return knowledge(logins->kill_user_processes);
}

Knowledge logins_kills(const Logins *logins, const char *name, uid_t uid, const char **ret_rule) {
        if (name[0] == '\0' && uid == 0)
                name = "root";
        if (name[0] == '\0')
                return kills_nameless(logins, ret_rule);

        *ret_rule = "KillExcludeUsers=";
        if (list_is_empty(logins->kill_exclude_users) ? strcmp(name, "root") == 0
                                                      : list_has(logins->kill_exclude_users, name))
                return NO;
        *ret_rule = "KillOnlyUsers=";
        if (!list_is_empty(logins->kill_only_users))
                return knowledge(list_has(logins->kill_only_users, name));
        *ret_rule = logins->kill_user_processes ? "KillUserProcesses=yes" : "KillUserProcesses=no";
        return knowledge(logins->kill_user_processes);
}
