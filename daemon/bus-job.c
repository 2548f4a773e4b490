/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* org.cgmove1.Job: the objects /org/cgmove1/job/N. */

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "daemon/bus-job.h"
#include "daemon/bus.h"
#include "daemon/daemon.h"
#include "daemon/job-stop.h"
#include "daemon/log.h"
#include "lib/protocol.h"

int bus_job_refuse_options(sd_bus_message *call, sd_bus_error *ret_error) {
        const char *key;
        int r;

        r = sd_bus_message_enter_container(call, 'a', "{sv}");
        if (r < 0)
                return r;
        r = sd_bus_message_enter_container(call, 'e', "sv");
        if (r == 0)
                return sd_bus_message_exit_container(call);
        if (r > 0)
                r = sd_bus_message_read_basic(call, 's', &key);
        if (r < 0)
                return r;
        return sd_bus_error_setf(ret_error, CGMOVE_ERROR_INVALID, "This call has no option \"%s\".", key);
}

int bus_job_need_live(const JobView *view, sd_bus_error *ret_error) {
        if (!view->record->result)
                return 0;

        return sd_bus_error_setf(ret_error, CGMOVE_ERROR_NO_SUCH_JOB, "Job %" PRIu64 " has ended already.",
                                 view->record->id);
}

/* --- Wait and Stop: answered when the job has ended ---------------------------------------------------------------- */

typedef struct WaitCall {
        Pending pending;
        JobWaiter waiter;
        Daemon *daemon;
        bool stopping;
} WaitCall;

static void wait_call_free(WaitCall *call) {
        job_waiter_cancel(&call->waiter);
        pending_end(&call->pending);
        free(call);
}

static void wait_call_abandon(Pending *pending) {
        wait_call_free((WaitCall *) pending);
}

static void reply_stop(Pending *pending, bool ended, unsigned left) {
        _cleanup_free_ char *text = NULL;

        if (ended)
                text = strdup("");
        else if (left == 0)
                text = strdup("Processes of the job do not end on SIGKILL: they wait in the kernel, as for a dead disk.");
        else if (asprintf(&text, "%u processes of other users are left in the job; root can stop it.", left) < 0)
                text = NULL;
        pending_answered(pending, sd_bus_reply_method_return(pending->call, "a{sv}", 3, "Ended", "b", (int) ended, "Left",
                                                             "u", left, "Message", "s", text ? text : ""));
}

static int reply_job(sd_bus_message *call, const JobView *view) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_message_new_method_return(call, &reply);
        if (r >= 0)
                r = bus_append_job(reply, view, JOB_USAGE);
        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

static void on_ended(JobWaiter *waiter, const JobRecord *record) {
        WaitCall *call = (WaitCall *) ((char *) waiter - offsetof(WaitCall, waiter));

        if (record && call->stopping)
                reply_stop(&call->pending, true, 0);
        else if (record)
                pending_answered(&call->pending, reply_job(call->pending.call, &(JobView) { .daemon = call->daemon,
                                                                                            .record = record }));
        wait_call_free(call);
}

/* All that may be ended has; answers everybody who waits for the stop. */
static void on_given_up(Job *job, unsigned left, void *userdata) {
        JobWaiter *waiter, *next;

        job->record->stop_result = NULL;
        for (waiter = LIST_FIRST(&job->waiters); waiter; waiter = next) {
                WaitCall *call = (WaitCall *) ((char *) waiter - offsetof(WaitCall, waiter));

                next = LIST_NEXT(waiter, of_job);
                if (!call->stopping)
                        continue;
                reply_stop(&call->pending, false, left);
                wait_call_free(call);
        }
}

static int wait_begin(JobCall *job_call, sd_bus_message *message, bool stopping, WaitCall **ret, sd_bus_error *ret_error) {
        WaitCall *call;
        int r;

        call = calloc(1, sizeof(*call));
        if (!call)
                return -ENOMEM;

        call->daemon = job_call->connection->daemon;
        call->stopping = stopping;
        r = pending_begin(&call->pending, job_call->connection, message, wait_call_abandon, ret_error);
        if (r < 0) {
                free(call);
                return r;
        }

        call->pending.only_waits = !stopping;
        job_waiter_add(&call->waiter, job_call->view.job, on_ended);
        *ret = call;
        return 1;
}

static int method_wait(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
        JobCall *call = userdata;
        WaitCall *wait;
        int r;

        r = bus_job_refuse_options(message, ret_error);
        if (r < 0)
                return r;
        if (!call->view.record->result)
                return wait_begin(call, message, false, &wait, ret_error);

        r = reply_job(message, &call->view);
        return r < 0 ? r : 1;
}

static int method_stop(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
        JobCall *call = userdata;
        JobReach reach = call->connection->caller.uid == 0 ? JOB_REACH_EVERYONE : JOB_REACH_OWNER;
        WaitCall *wait;
        int r;

        r = bus_job_refuse_options(message, ret_error);
        if (r >= 0)
                r = bus_job_need_live(&call->view, ret_error);
        if (r >= 0)
                r = wait_begin(call, message, true, &wait, ret_error);
        if (r < 0)
                return r;

        r = job_stop_begin(call->view.job, reach, SIGTERM, CGMOVE_RESULT_STOPPED, on_given_up, NULL);
        log_job_signalled(call->view.record, call->connection->caller.uid, SIGTERM);
        if (r >= 0 || r == -ENOENT || r == -ENODEV)
                return 1;

        wait_call_free(wait); /* it is answered now */
        return r;
}

static int method_kill(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
        JobCall *call = userdata;
        JobReach reach = call->connection->caller.uid == 0 ? JOB_REACH_EVERYONE : JOB_REACH_OWNER;
        JobSignalled result = {};
        int sig, r;

        r = sd_bus_message_read_basic(message, 'i', &sig);
        if (r >= 0)
                r = bus_job_refuse_options(message, ret_error);
        if (r >= 0)
                r = bus_job_need_live(&call->view, ret_error);
        if (r < 0)
                return r;
        if (sig < 1 || sig > SIGRTMAX)
                return sd_bus_error_setf(ret_error, CGMOVE_ERROR_INVALID, "%d is no signal.", sig);

        log_job_signalled(call->view.record, call->connection->caller.uid, sig);
        r = sig == SIGKILL ? job_kill(call->view.job, reach, &result) : job_signal(call->view.job, reach, sig, &result);
        if (r < 0 && r != -ENOENT && r != -ENODEV)
                return r;

        return sd_bus_reply_method_return(message, "a{sv}", 3, "Signalled", "u", result.signalled, "Left", "u",
                                          result.left, "Message", "s",
                                          result.left > 0 ? "Processes of other users were left alone." : "");
}

/* --- objects --------------------------------------------------------------------------------------------------------- */

static int parse_path(const char *path, uint64_t *ret_id) {
        char *id_text = NULL, back[32];
        int r;

        r = sd_bus_path_decode(path, CGMOVE_JOB_PREFIX, &id_text);
        if (r <= 0)
                return r;

        *ret_id = strtoull(id_text, NULL, 10);
        (void) snprintf(back, sizeof(back), "%" PRIu64, *ret_id);
        r = strcmp(back, id_text) == 0;
        free(id_text);
        return r;
}

void bus_job_path(uint64_t id, char ret[static JOB_PATH_MAX]) {
        (void) snprintf(ret, JOB_PATH_MAX, CGMOVE_JOB_PREFIX "/%" PRIu64, id);
}

static int find_error(int error, uint64_t id, sd_bus_error *ret_error) {
        if (error == -ENOENT || error == -EBADMSG || error == -EPROTONOSUPPORT)
                return sd_bus_error_setf(ret_error, CGMOVE_ERROR_NO_SUCH_JOB,
                                         "You have no job %" PRIu64 "; \"cgmove list --all\" shows your jobs.", id);
        return sd_bus_error_setf(ret_error, CGMOVE_ERROR_FAILED, "Job %" PRIu64 " cannot be looked up: %s.", id,
                                 strerror(-error));
}

int bus_find_job(Daemon *daemon, const Caller *caller, uint64_t id, JobView *ret, JobRecord **ret_finished,
                 sd_bus_error *ret_error) {
        Job *job = job_set_find(daemon->jobs, id);
        int r;

        if (job) {
                if (caller->uid != 0 && caller->uid != job->record->uid)
                        return find_error(-ENOENT, id, ret_error);
                *ret = (JobView) { .daemon = daemon, .record = job->record, .job = job };
                return 0;
        }

        if (caller->uid == 0)
                r = job_store_find(daemon->store, id, ret_finished);
        else
                r = job_store_get(daemon->store, caller->uid, id, ret_finished);
        if (r < 0)
                return find_error(r, id, ret_error);

        *ret = (JobView) { .daemon = daemon, .record = *ret_finished };
        return 0;
}

int bus_job_find(sd_bus *bus, const char *path, const char *interface, void *userdata, void **ret_found,
                 sd_bus_error *ret_error) {
        Connection *connection = userdata;
        JobCall *call = &connection->job_call;
        uint64_t id;
        int r;

        r = parse_path(path, &id);
        if (r <= 0)
                return r;

        call->connection = connection;
        call->finished = job_record_free(call->finished);
        r = bus_find_job(connection->daemon, &connection->caller, id, &call->view, &call->finished, ret_error);
        if (r < 0)
                return r;

        *ret_found = call;
        return 1;
}

typedef struct PathList {
        char **paths;
        size_t n;
} PathList;

static int add_path(Job *job, void *userdata) {
        PathList *list = userdata;
        char path[JOB_PATH_MAX];

        bus_job_path(job->record->id, path);
        list->paths[list->n] = strdup(path);
        return list->paths[list->n++] ? 0 : -ENOMEM;
}

/* The live jobs of a caller (of everybody for UID_NONE), for introspection. */
static int enumerate(Daemon *daemon, uid_t uid, char ***ret_nodes) {
        PathList list = {};
        int r;

        list.paths = calloc(job_set_count(daemon->jobs) + 1, sizeof(char *));
        if (!list.paths)
                return -ENOMEM;

        r = job_set_each(daemon->jobs, uid, add_path, &list);
        if (r < 0) {
                for (size_t i = 0; i < list.n; i++)
                        free(list.paths[i]);
                free(list.paths);
                return r;
        }

        *ret_nodes = list.paths;
        return 1;
}

int bus_job_enumerate(sd_bus *bus, const char *prefix, void *userdata, char ***ret_nodes, sd_bus_error *ret_error) {
        const Connection *connection = userdata;
        uid_t uid = connection->caller.uid;

        return enumerate(connection->daemon, uid == 0 ? UID_NONE : uid, ret_nodes);
}

int bus_job_public_find(sd_bus *bus, const char *path, const char *interface, void *userdata, void **ret_found,
                        sd_bus_error *ret_error) {
        Daemon *daemon = userdata;
        uint64_t id;
        Job *job;
        int r;

        r = parse_path(path, &id);
        if (r <= 0)
                return r;

        job = job_set_find(daemon->jobs, id);
        if (!job)
                return 0;

        daemon->public_view = (JobView) { .daemon = daemon, .record = job->record, .job = job };
        *ret_found = &daemon->public_view;
        return 1;
}

int bus_job_public_enumerate(sd_bus *bus, const char *prefix, void *userdata, char ***ret_nodes,
                             sd_bus_error *ret_error) {
        return enumerate(userdata, UID_NONE, ret_nodes);
}

#define JOB_PROPERTY(name, type, flags) SD_BUS_PROPERTY(name, type, bus_get_job_property, 0, flags)

/* What everybody may read on the system bus: neither command lines nor paths in home folders. */
#define JOB_PUBLIC_PROPERTIES                                                                                        \
        JOB_PROPERTY("Id", "t", SD_BUS_VTABLE_PROPERTY_CONST),                                                       \
                JOB_PROPERTY("InvocationId", "s", SD_BUS_VTABLE_PROPERTY_CONST),                                     \
                JOB_PROPERTY("Uid", "u", SD_BUS_VTABLE_PROPERTY_CONST),                                              \
                JOB_PROPERTY("Name", "s", SD_BUS_VTABLE_PROPERTY_CONST),                                             \
                JOB_PROPERTY("Kind", "s", SD_BUS_VTABLE_PROPERTY_CONST),                                             \
                JOB_PROPERTY("State", "s", 0), JOB_PROPERTY("Result", "s", 0),                                       \
                JOB_PROPERTY("Created", "t", SD_BUS_VTABLE_PROPERTY_CONST), JOB_PROPERTY("Ended", "t", 0),           \
                JOB_PROPERTY("StatusKnown", "b", 0), JOB_PROPERTY("ExitCode", "i", 0),                               \
                JOB_PROPERTY("ExitSignal", "i", 0), JOB_PROPERTY("Source", "s", SD_BUS_VTABLE_PROPERTY_CONST),       \
                JOB_PROPERTY("Section", "s", SD_BUS_VTABLE_PROPERTY_CONST), JOB_PROPERTY("ControlGroup", "s", 0),    \
                JOB_PROPERTY("Unit", "s", SD_BUS_VTABLE_PROPERTY_CONST),                                             \
                JOB_PROPERTY("TasksMax", "t", SD_BUS_VTABLE_PROPERTY_CONST),                                         \
                JOB_PROPERTY("MemoryMax", "t", SD_BUS_VTABLE_PROPERTY_CONST),                                        \
                JOB_PROPERTY("CPUWeight", "t", SD_BUS_VTABLE_PROPERTY_CONST),                                        \
                JOB_PROPERTY("RuntimeMax", "t", SD_BUS_VTABLE_PROPERTY_CONST)

const sd_bus_vtable bus_job_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD_WITH_ARGS("Stop", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("a{sv}", outcome), method_stop,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Kill", SD_BUS_ARGS("i", signal, "a{sv}", options), SD_BUS_RESULT("a{sv}", outcome),
                                method_kill, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Wait", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("a{sv}", job), method_wait,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Finish", SD_BUS_ARGS("a{sv}", status), SD_BUS_NO_RESULT, bus_job_finish,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("Report", SD_BUS_ARGS("a{sv}", outcome), SD_BUS_NO_RESULT, bus_job_report,
                                SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("GetUnit", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("a{sv}", unit),
                                bus_job_get_unit, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("RestartUnit", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("s", result),
                                bus_job_restart_unit, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD_WITH_ARGS("StartUnit", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("s", result),
                                bus_job_start_unit, SD_BUS_VTABLE_UNPRIVILEGED),
        JOB_PUBLIC_PROPERTIES,
        JOB_PROPERTY("Command", "s", SD_BUS_VTABLE_PROPERTY_CONST),
        JOB_PROPERTY("Log", "s", SD_BUS_VTABLE_PROPERTY_CONST),
        JOB_PROPERTY("Outcome", "s", 0),
        JOB_PROPERTY("OnLogout", "s", SD_BUS_VTABLE_PROPERTY_CONST),
        JOB_PROPERTY("Origin", "s", SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_VTABLE_END,
};

const sd_bus_vtable bus_job_public_vtable[] = {
        SD_BUS_VTABLE_START(0),
        JOB_PUBLIC_PROPERTIES,
        SD_BUS_VTABLE_END,
};
