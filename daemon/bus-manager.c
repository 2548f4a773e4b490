/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* org.cgmove1.Manager: the object /org/cgmove1. */

#include <errno.h>
#include <string.h>

#include "config.h"
#include "daemon/bus.h"
#include "daemon/daemon.h"
#include "daemon/request.h"
#include "lib/proc.h"
#include "lib/protocol.h"
#include "lib/values.h"

/* --- jobs -------------------------------------------------------------------------------------------------------------- */

typedef struct JobList {
        const Daemon *daemon;
        sd_bus_message *reply;
} JobList;

static int append_finished(const JobRecord *record, void *userdata) {
        const JobList *list = userdata;

        return bus_append_job(list->reply, &(JobView) { .daemon = list->daemon, .record = record }, JOB_PROPERTIES);
}

static int append_live(Job *job, void *userdata) {
        const JobList *list = userdata;

        return bus_append_job(list->reply, &(JobView) { .daemon = list->daemon, .record = job->record, .job = job },
                              JOB_PROPERTIES);
}

static int read_all_option(sd_bus_message *message, bool *ret, sd_bus_error *ret_error) {
        const char *key;
        int all = false, r;

        r = sd_bus_message_enter_container(message, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
                r = sd_bus_message_read_basic(message, 's', &key);
                if (r >= 0 && strcmp(key, "all") != 0)
                        return sd_bus_error_setf(ret_error, CGMOVE_ERROR_INVALID, "ListJobs has no option \"%s\".",
                                                 key);
                if (r >= 0)
                        r = sd_bus_message_read(message, "v", "b", &all);
                if (r >= 0)
                        r = sd_bus_message_exit_container(message);
        }
        if (r < 0)
                return r;

        *ret = all;
        return 0;
}

static int method_list_jobs(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const Connection *connection = userdata;
        Daemon *daemon = connection->daemon;
        uid_t uid = connection->caller.uid == 0 ? UID_NONE : connection->caller.uid;
        JobList list = { .daemon = daemon };
        bool all = false;
        int r;

        r = read_all_option(message, &all, ret_error);
        if (r >= 0)
                r = sd_bus_message_new_method_return(message, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "a{sv}");
        if (r < 0)
                return r;

        list.reply = reply;
        if (all)
                r = job_store_each(daemon->store, uid, append_finished, &list);
        if (r >= 0 || r == -ENOENT)
                r = job_set_each(daemon->jobs, uid, append_live, &list);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static int method_get_job(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(job_record_freep) JobRecord *finished = NULL;
        const Connection *connection = userdata;
        JobView view;
        uint64_t id;
        int r;

        r = sd_bus_message_read_basic(message, 't', &id);
        if (r < 0)
                return r;
        r = bus_find_job(connection->daemon, &connection->caller, id, &view, &finished, ret_error);
        if (r < 0)
                return r;

        r = sd_bus_message_new_method_return(message, &reply);
        if (r >= 0)
                r = bus_append_job(reply, &view, JOB_USAGE);
        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

/* --- processes ----------------------------------------------------------------------------------------------------------- */

static int method_move(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
        return request_move(message, userdata, ret_error);
}

static int method_check(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
        return request_check(message, userdata, ret_error);
}

static int method_explain(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
        return request_explain(message, userdata, ret_error);
}

/* --- sessions ------------------------------------------------------------------------------------------------------------ */

static int method_open_session(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
        return request_open_session(message, userdata, ret_error);
}

static int method_close_session(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
        return request_close_session(message, userdata, ret_error);
}

/* --- properties ----------------------------------------------------------------------------------------------------------- */

static int append_property(const Daemon *daemon, const char *property, sd_bus_message *reply) {
        if (strcmp(property, "Version") == 0)
                return sd_bus_message_append(reply, "s", PACKAGE_VERSION);
        if (strcmp(property, "Jobs") == 0)
                return sd_bus_message_append(reply, "t", (uint64_t) job_set_count(daemon->jobs));
        if (strcmp(property, "Pools") == 0)
                return sd_bus_message_append(reply, "u", pool_set_count(daemon->pools));
        if (strcmp(property, "Tree") == 0)
                return sd_bus_message_append(reply, "s", daemon->settings.tree == TREE_DIRECT ? "direct" : "systemd");
        if (strcmp(property, "PolicyLoaded") == 0)
                return sd_bus_message_append(reply, "t", daemon->policy_loaded);
        if (strcmp(property, "PolicyProblem") == 0)
                return sd_bus_message_append(reply, "s", daemon->policy_problem ? daemon->policy_problem : "");
        if (strcmp(property, "Logind") == 0)
                return sd_bus_message_append(reply, "b", (int) logout_has_logind(daemon->logout));
        return -ENOENT;
}

static int get_private_property(sd_bus *bus, const char *path, const char *interface, const char *property,
                                sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        const Connection *connection = userdata;

        return append_property(connection->daemon, property, reply);
}

static int get_public_property(sd_bus *bus, const char *path, const char *interface, const char *property,
                               sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        return append_property(userdata, property, reply);
}

#define MANAGER_PROPERTIES(get)                                                                                      \
        SD_BUS_PROPERTY("Version", "s", get, 0, SD_BUS_VTABLE_PROPERTY_CONST),                                       \
                SD_BUS_PROPERTY("Jobs", "t", get, 0, 0), SD_BUS_PROPERTY("Pools", "u", get, 0, 0),                   \
                SD_BUS_PROPERTY("Tree", "s", get, 0, 0),                    \
                SD_BUS_PROPERTY("PolicyLoaded", "t", get, 0, 0),                                                     \
                SD_BUS_PROPERTY("PolicyProblem", "s", get, 0, 0), SD_BUS_PROPERTY("Logind", "b", get, 0, 0)

const sd_bus_vtable bus_manager_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("Move", SD_BUS_ARGS("ah", processes, "a{sv}", options), SD_BUS_RESULT("t", job),
                                method_move, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Check", SD_BUS_ARGS("ah", processes, "a{sv}", options),
                                SD_BUS_RESULT("aa{sv}", decisions), method_check, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("ListJobs", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("aa{sv}", jobs),
                                method_list_jobs, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("GetJob", SD_BUS_ARGS("t", id), SD_BUS_RESULT("a{sv}", job), method_get_job,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Explain", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("a{sv}", explanation),
                                method_explain, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("OpenSession", SD_BUS_ARGS("u", uid, "s", service, "a{sv}", options),
                                SD_BUS_RESULT("t", session), method_open_session, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("CloseSession", SD_BUS_ARGS("t", session, "u", uid, "s", service, "a{sv}", options),
                                SD_BUS_NO_RESULT, method_close_session, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("GetSessions", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("a{sv}", sessions),
                                bus_get_sessions, SD_BUS_VTABLE_UNPRIVILEGED),
        MANAGER_PROPERTIES(get_private_property),
        SD_BUS_VTABLE_END,
};

const sd_bus_vtable bus_manager_public_vtable[] = {
        SD_BUS_VTABLE_START(0),
        MANAGER_PROPERTIES(get_public_property),
        SD_BUS_SIGNAL_WITH_ARGS("JobNew", SD_BUS_ARGS("t", id, "o", job), 0),
        SD_BUS_SIGNAL_WITH_ARGS("JobRemoved", SD_BUS_ARGS("t", id, "o", job, "s", result), 0),
        SD_BUS_VTABLE_END,
};

int bus_add_private_objects(Connection *connection) {
        sd_bus *bus = connection->bus;
        int r;

        r = sd_bus_add_object_vtable(bus, NULL, CGMOVE_PATH, CGMOVE_MANAGER_INTERFACE, bus_manager_vtable, connection);
        if (r >= 0)
                r = sd_bus_add_fallback_vtable(bus, NULL, CGMOVE_JOB_PREFIX, CGMOVE_JOB_INTERFACE, bus_job_vtable,
                                               bus_job_find, connection);
        if (r >= 0)
                r = sd_bus_add_node_enumerator(bus, NULL, CGMOVE_JOB_PREFIX, bus_job_enumerate, connection);
        return r;
}

int bus_add_public_objects(sd_bus *bus, Daemon *daemon) {
        int r;

        r = sd_bus_add_object_vtable(bus, NULL, CGMOVE_PATH, CGMOVE_MANAGER_INTERFACE, bus_manager_public_vtable,
                                     daemon);
        if (r >= 0)
                r = sd_bus_add_fallback_vtable(bus, NULL, CGMOVE_JOB_PREFIX, CGMOVE_JOB_INTERFACE,
                                               bus_job_public_vtable, bus_job_public_find, daemon);
        if (r >= 0)
                r = sd_bus_add_node_enumerator(bus, NULL, CGMOVE_JOB_PREFIX, bus_job_public_enumerate, daemon);
        return r;
}
