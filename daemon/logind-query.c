/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/logind-query.h"

#include <errno.h>
#include <string.h>

#include "lib/values.h"

#define ANSWER_TIMEOUT (10 * USEC_PER_SEC)

typedef enum Stage {
        STAGE_KILL_USER_PROCESSES,
        STAGE_KILL_ONLY_USERS,
        STAGE_KILL_EXCLUDE_USERS,
        STAGE_USERS,
        STAGE_SESSIONS,
        STAGE_EACH_USER,
        STAGE_EACH_SESSION,
        STAGE_END,
} Stage;

struct LogindQuery {
        sd_bus *bus;
        sd_bus_slot *slot; /* of the call under way */
        Stage stage;
        size_t index; /* of the user or session */
        Logins *logins;
        logind_wanted_t wanted;
        logind_told_t told;
        void *userdata;
};

static int ask_next(LogindQuery *query);

static void finish(LogindQuery *query, int error) {
        Logins *logins = error < 0 ? NULL : TAKE_PTR(query->logins);
        logind_told_t told = query->told;
        void *userdata = query->userdata;

        logind_query_free(query);
        told(error, logins, userdata);
}

/* --- answers ------------------------------------------------------------------------------------- */

static int read_users(sd_bus_message *reply, Logins *logins) {
        const char *name;
        uint32_t uid;
        int r;

        r = sd_bus_message_enter_container(reply, 'a', "(uso)");
        while (r >= 0 && (r = sd_bus_message_read(reply, "(uso)", &uid, &name, NULL)) > 0)
                r = logins_add_user(logins, uid, name);
        return r;
}

static int read_sessions(sd_bus_message *reply, Logins *logins) {
        const char *id, *user, *path;
        uint32_t uid;
        int r;

        r = sd_bus_message_enter_container(reply, 'a', "(susso)");
        while (r >= 0 && (r = sd_bus_message_read(reply, "(susso)", &id, &uid, &user, NULL, &path)) > 0)
                r = logins_add_session(logins, id, uid, user, path);
        return r;
}

static int replace(char **to, const char *text) {
        char *copy = strdup(text);

        if (!copy)
                return -ENOMEM;
        free(*to);
        *to = copy;
        return 0;
}

static int read_session_property(sd_bus_message *reply, const char *key, LoginSession *session) {
        const char *text;
        char **to = NULL;
        int r;

        if (strcmp(key, "Service") == 0)
                to = &session->service;
        else if (strcmp(key, "Class") == 0)
                to = &session->class;
        else if (strcmp(key, "State") == 0)
                to = &session->state;
        if (!to)
                return sd_bus_message_skip(reply, "v");
        r = sd_bus_message_read(reply, "v", "s", &text);
        return r < 0 ? r : replace(to, text);
}

static int read_session(sd_bus_message *reply, LoginSession *session) {
        const char *key;
        int r;

        r = sd_bus_message_enter_container(reply, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(reply, 'e', "sv")) > 0) {
                r = sd_bus_message_read_basic(reply, 's', &key);
                if (r >= 0)
                        r = read_session_property(reply, key, session);
                if (r >= 0)
                        r = sd_bus_message_exit_container(reply);
        }
        return r;
}

static int read_strings(sd_bus_message *reply, char ***ret) {
        int r;

        r = sd_bus_message_enter_container(reply, 'v', "as");
        return r < 0 ? r : sd_bus_message_read_strv(reply, ret);
}

static int read_bool(sd_bus_message *reply, bool *ret) {
        int value, r;

        r = sd_bus_message_read(reply, "v", "b", &value);
        if (r >= 0)
                *ret = value;
        return r;
}

static int read_answer(LogindQuery *query, sd_bus_message *reply) {
        Logins *logins = query->logins;
        bool lingers = false;
        int r;

        switch (query->stage) {
        case STAGE_KILL_USER_PROCESSES:
                return read_bool(reply, &logins->kill_user_processes);
        case STAGE_KILL_ONLY_USERS:
                return read_strings(reply, &logins->kill_only_users);
        case STAGE_KILL_EXCLUDE_USERS:
                return read_strings(reply, &logins->kill_exclude_users);
        case STAGE_USERS:
                return read_users(reply, logins);
        case STAGE_SESSIONS:
                return read_sessions(reply, logins);
        case STAGE_EACH_USER:
                r = read_bool(reply, &lingers);
                if (r >= 0)
                        logins->users[query->index].lingers = lingers ? YES : NO;
                return r;
        case STAGE_EACH_SESSION:
                return read_session(reply, &logins->sessions[query->index]);
        case STAGE_END:
                break;
        }
        return 0;
}

static void go_on(LogindQuery *query) {
        if (query->stage >= STAGE_EACH_USER)
                query->index++;
        else
                query->stage++;
}

/* A user or session that has gone since it was listed is taken off the list. No other error says so: a user could have logind's queue
 * full, and would log others out. */
static bool take_off(LogindQuery *query, const sd_bus_error *error) {
        if (!sd_bus_error_has_name(error, SD_BUS_ERROR_UNKNOWN_OBJECT))
                return false;
        if (query->stage == STAGE_EACH_USER)
                logins_remove_user(query->logins, query->index);
        else if (query->stage == STAGE_EACH_SESSION)
                logins_remove_session(query->logins, query->index);
        else
                return false;
        return true;
}

static int error_of(const sd_bus_error *error) {
        if (sd_bus_error_has_name(error, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
            sd_bus_error_has_name(error, SD_BUS_ERROR_NAME_HAS_NO_OWNER))
                return -ENOTCONN;
        return sd_bus_error_get_errno(error) > 0 ? -sd_bus_error_get_errno(error) : -EIO;
}

static int on_answer(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        LogindQuery *query = userdata;
        const sd_bus_error *error = sd_bus_message_get_error(reply);
        int r = 0;

        query->slot = sd_bus_slot_unref(query->slot);
        if (error) {
                if (!take_off(query, error))
                        r = error_of(error);
        } else {
                r = read_answer(query, reply);
                if (r >= 0)
                        go_on(query);
        }
        if (r >= 0)
                r = ask_next(query);
        if (r > 0)
                logins_sort(query->logins);
        if (r != 0)
                finish(query, r < 0 ? r : 0);
        return 0;
}

/* --- questions ----------------------------------------------------------------------------------- */

/* A logind that is not there is not started for this. TYPES: of strings. */
static int ask(LogindQuery *query, const char *path, const char *interface, const char *member,
               const char *first, const char *second) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
        int r;

        r = sd_bus_message_new_method_call(query->bus, &message, LOGIND_NAME, path, interface, member);
        if (r >= 0)
                r = sd_bus_message_set_auto_start(message, false);
        if (r >= 0 && first)
                r = sd_bus_message_append_basic(message, 's', first);
        if (r >= 0 && second)
                r = sd_bus_message_append_basic(message, 's', second);
        if (r >= 0)
                r = sd_bus_call_async(query->bus, &query->slot, message, on_answer, query, ANSWER_TIMEOUT);
        return r < 0 ? r : 0;
}

static int ask_property(LogindQuery *query, const char *path, const char *interface, const char *property) {
        return ask(query, path, "org.freedesktop.DBus.Properties", "Get", interface, property);
}

/* logind numbers its users' objects by their ids. */
static int ask_user(LogindQuery *query) {
        char path[sizeof(LOGIND_PATH) + 32];

        (void) snprintf(path, sizeof(path), LOGIND_PATH "/user/_%u",
                        (unsigned) query->logins->users[query->index].uid);
        return ask_property(query, path, LOGIND_NAME ".User", "Linger");
}

static int ask_session(LogindQuery *query) {
        return ask(query, query->logins->sessions[query->index].path, "org.freedesktop.DBus.Properties",
                   "GetAll", LOGIND_NAME ".Session", NULL);
}

/* Skips what nobody wants to know more of. Whether there is one left. */
static bool find_wanted(LogindQuery *query) {
        const Logins *logins = query->logins;
        size_t n = query->stage == STAGE_EACH_USER ? logins->n_users : logins->n_sessions;

        for (; query->index < n; query->index++)
                if (query->wanted(query->stage == STAGE_EACH_USER ? logins->users[query->index].uid
                                                                  : logins->sessions[query->index].uid,
                                  query->userdata))
                        return true;
        query->index = 0;
        query->stage++;
        return false;
}

/* Returns 0 while it goes on, 1 at the end, or a negative errno. */
static int ask_next(LogindQuery *query) {
        switch (query->stage) {
        case STAGE_KILL_USER_PROCESSES:
                return ask_property(query, LOGIND_PATH, LOGIND_MANAGER, "KillUserProcesses");
        case STAGE_KILL_ONLY_USERS:
                return ask_property(query, LOGIND_PATH, LOGIND_MANAGER, "KillOnlyUsers");
        case STAGE_KILL_EXCLUDE_USERS:
                return ask_property(query, LOGIND_PATH, LOGIND_MANAGER, "KillExcludeUsers");
        case STAGE_USERS:
                return ask(query, LOGIND_PATH, LOGIND_MANAGER, "ListUsers", NULL, NULL);
        case STAGE_SESSIONS:
                return ask(query, LOGIND_PATH, LOGIND_MANAGER, "ListSessions", NULL, NULL);
        case STAGE_EACH_USER:
                return find_wanted(query) ? ask_user(query) : ask_next(query);
        case STAGE_EACH_SESSION:
                return find_wanted(query) ? ask_session(query) : ask_next(query);
        case STAGE_END:
                break;
        }
        return 1;
}

int logind_query_new(sd_bus *bus, logind_wanted_t wanted, logind_told_t told, void *userdata,
                     LogindQuery **ret) {
        _cleanup_(logind_query_freep) LogindQuery *query = NULL;
        int r;

        query = calloc(1, sizeof(*query));
        if (!query)
                return -ENOMEM;
        *query = (LogindQuery){
                .bus = sd_bus_ref(bus), .wanted = wanted, .told = told, .userdata = userdata
        };
        query->logins = calloc(1, sizeof(*query->logins));
        if (!query->logins)
                return -ENOMEM;
        r = ask_next(query);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(query);
        return 0;
}

LogindQuery *logind_query_free(LogindQuery *query) {
        if (!query)
                return NULL;

        (void) sd_bus_slot_unref(query->slot);
        (void) sd_bus_unref(query->bus);
        logins_free(query->logins);
        free(query);
        return NULL;
}
