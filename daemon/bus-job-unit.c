/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* GetUnit(), RestartUnit() and StartUnit() of org.cgmove1.Job: what a job that is to restart a unit of the
 * system manager can have done about that one unit, from inside of it. The name is the job's own, which was
 * checked when it began; each call reads what PID 1 knows now and the policy that is in force now. */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "daemon/bus-job.h"
#include "daemon/daemon.h"
#include "daemon/log.h"
#include "lib/protocol.h"
#include "lib/values.h"

typedef struct UnitCall {
        Pending pending;
        Daemon *daemon;
        uint64_t job;
        ServiceAct act;
        SystemdCall *question;
} UnitCall;

static void unit_call_free(UnitCall *call) {
        systemd_call_free(call->question);
        system_restarts_forget(call->daemon->restarts, call);
        pending_end(&call->pending);
        free(call);
}

static void unit_call_abandon(Pending *pending) {
        unit_call_free((UnitCall *) pending);
}

/* Answers with an error, and ends the call. What was refused to a job is logged, not what went wrong. */
static void unit_call_fail(UnitCall *call, const JobRecord *record, const sd_bus_error *error) {
        LogFields fields = { .record = record,
                             .caller_pid = call->pending.connection->caller.pid,
                             .error = error->name };

        if (record && call->act != SERVICE_LOOK)
                log_event(LOG_KIND_RESTART_REFUSED, record->uid, &fields,
                          "A request of job %" PRIu64 " was refused: %s", record->id, error->message);
        pending_answered(&call->pending, sd_bus_reply_method_error(call->pending.call, error));
        unit_call_free(call);
}

static int reply_service(sd_bus_message *call, const SystemdService *s) {
        return sd_bus_reply_method_return(
                        call, "a{sv}", 25, "Id", "s", s->id, "LoadState", "s", s->load_state, "ActiveState",
                        "s", s->active_state, "SubState", "s", s->sub_state, "UnitFileState", "s",
                        s->unit_file_state, "Result", "s", s->result, "KillMode", "s", s->kill_mode,
                        "Restart", "s", s->restart, "Type", "s", s->type, "ControlGroup", "s",
                        s->control_group, "FragmentPath", "s", s->fragment_path, "InvocationID", "s",
                        s->invocation_id, "NeedDaemonReload", "b", (int) s->need_daemon_reload,
                        "SocketActivated", "b", (int) s->socket_activated, "MainPID", "u", s->main_pid,
                        "ControlPID", "u", s->control_pid, "NRestarts", "u", s->n_restarts,
                        "StartLimitBurst", "u", s->start_limit_burst, "Job", "u", s->job, "TimeoutStartUSec",
                        "t", s->timeout_start, "TimeoutStopUSec", "t", s->timeout_stop, "RestartUSec", "t",
                        s->restart_delay, "StartLimitIntervalUSec", "t", s->start_limit_interval,
                        "ActiveEnterTimestampMonotonic", "t", s->active_enter,
                        "InactiveEnterTimestampMonotonic", "t", s->inactive_enter);
}

/* Whether the policy that is in force now lets the job's owner, who asks, restart the unit from where the
 * job came from. */
static bool is_listed(const Daemon *daemon, const Caller *caller, const JobRecord *record) {
        Source from, service;
        PolicyVerdict verdict;
        PolicyFacts facts = {
                .uid = caller->uid, .gids = caller->gids, .n_gids = caller->n_gids, .source = &from
        };

        if (caller->uid == 0)
                return true;
        if (source_from_string(record->source, record->uid, &from) < 0 ||
            service_from_string(record->unit, record->uid, &service) < 0)
                return false;
        policy_decide(daemon->policy, &facts, &verdict);
        return verdict.allowed && policy_section_restarts(verdict.section, &service);
}

/* As if it had been so when the unit was looked at. */
static void on_stopped_meanwhile(UnitCall *call) {
        _cleanup_(sd_bus_error_free) sd_bus_error bus_error = SD_BUS_ERROR_NULL;
        const Job *job = job_set_find(call->daemon->jobs, call->job);
        const char *unit = job ? strchr(job->record->unit, ':') + 1 : "The unit";

        (void) sd_bus_error_setf(&bus_error, CGMOVE_ERROR_DENIED,
                                 "%s has just been stopped: cgmove restarts what is up or has failed, and "
                                 "starts nothing else.",
                                 unit);
        unit_call_fail(call, job ? job->record : NULL, &bus_error);
}

static void on_result(int error, const char *message, const char *result, void *userdata) {
        UnitCall *call = userdata;
        int r;

        if (call->act == SERVICE_RESTART && system_restart_was_none(error, result)) {
                on_stopped_meanwhile(call);
                return;
        }
        if (error == -ETIMEDOUT)
                result = "running";
        if (result)
                r = sd_bus_reply_method_return(call->pending.call, "s", result);
        else
                r = sd_bus_reply_method_errorf(call->pending.call, CGMOVE_ERROR_FAILED,
                                               "PID 1 did not do it: %s.",
                                               message ? message : strerror(-error));
        pending_answered(&call->pending, r);
        unit_call_free(call);
}

/* Decides over SERVICE, and has it done. Returns 0 if the call goes on, or was answered; or what to answer
 * with. */
static int unit_call_decide(UnitCall *call, const JobRecord *record, const SystemdService *service,
                            sd_bus_error *ret_error) {
        _cleanup_(decision_done) Decision decision = {};
        SystemRestarts *restarts = call->daemon->restarts;
        ServiceHistory history = system_restarts_history(restarts, call->job);
        bool listed = is_listed(call->daemon, &call->pending.connection->caller, record);
        const char *name = strchr(record->unit, ':') + 1;
        int r;

        r = decide_service(call->act, name, service, listed, &history, &decision);
        if (r < 0)
                return r;
        if (decision.error)
                return sd_bus_error_set(ret_error, decision.error, decision.message);
        if (call->act == SERVICE_LOOK) {
                pending_answered(&call->pending, reply_service(call->pending.call, service));
                unit_call_free(call);
                return 0;
        }

        r = system_restarts_act(restarts, record, call->act, service, on_result, call);
        if (r == -EBUSY)
                return sd_bus_error_setf(ret_error, CGMOVE_ERROR_BUSY,
                                         "PID 1 is still at work on %s for this job.", name);
        return r < 0 ? r : 0;
}

static void on_service(int error, const char *message, const SystemdService *service, void *userdata) {
        _cleanup_(sd_bus_error_free) sd_bus_error bus_error = SD_BUS_ERROR_NULL;
        _cleanup_(systemd_call_freep) SystemdCall *question = NULL;
        UnitCall *call = userdata;
        const Job *job = job_set_find(call->daemon->jobs, call->job);
        int r;

        question = TAKE_PTR(call->question); /* which SERVICE belongs to */
        if (error < 0)
                r = sd_bus_error_setf(&bus_error, CGMOVE_ERROR_FAILED,
                                      "PID 1 does not tell about the unit: %s.",
                                      message ? message : strerror(-error));
        else if (!job || job->record->result)
                r = sd_bus_error_setf(&bus_error, CGMOVE_ERROR_NO_SUCH_JOB, "Job %" PRIu64 " has ended.",
                                      call->job);
        else
                r = unit_call_decide(call, job->record, service, &bus_error);
        if (r >= 0)
                return;

        if (!sd_bus_error_is_set(&bus_error))
                (void) sd_bus_error_setf(&bus_error, CGMOVE_ERROR_FAILED,
                                         "The unit cannot be restarted: %s.", strerror(-r));
        unit_call_fail(call, job ? job->record : NULL, &bus_error);
}

static int check_call(const JobCall *call, sd_bus_error *ret_error) {
        const JobRecord *record = call->view.record;
        SystemRestarts *restarts = call->connection->daemon->restarts;

        if (!bus_job_caller_is_inside(call))
                return sd_bus_error_setf(ret_error, CGMOVE_ERROR_NOT_YOURS,
                                         "Only a process inside job %" PRIu64 " can ask for its unit.",
                                         record->id);
        if (record->kind != JOB_RESTART || strncmp(record->unit, "system:", strlen("system:")) != 0)
                return sd_bus_error_setf(ret_error, CGMOVE_ERROR_INVALID,
                                         "Job %" PRIu64 " is no restart of a unit of the system manager.",
                                         record->id);
        if (!restarts)
                return sd_bus_error_set(ret_error, CGMOVE_ERROR_UNSUPPORTED,
                                        "PID 1 of this host is not systemd.");
        if (!system_restarts_may_ask(restarts, record->id))
                return sd_bus_error_set(ret_error, CGMOVE_ERROR_RATE_LIMITED,
                                        "A job may ask about its unit 100 times in 5 s.");
        return 0;
}

static int unit_call_begin(sd_bus_message *message, JobCall *job_call, ServiceAct act,
                           sd_bus_error *ret_error) {
        const char *unit = job_call->view.record->unit;
        Daemon *daemon = job_call->connection->daemon;
        UnitCall *call;
        int r;

        r = bus_job_refuse_options(message, ret_error);
        if (r >= 0)
                r = bus_job_need_live(&job_call->view, ret_error);
        if (r >= 0)
                r = check_call(job_call, ret_error);
        if (r < 0)
                return r;

        call = calloc(1, sizeof(*call));
        if (!call)
                return -ENOMEM;
        call->daemon = daemon;
        call->job = job_call->view.record->id;
        call->act = act;
        r = pending_begin(&call->pending, job_call->connection, message, unit_call_abandon, ret_error);
        if (r < 0) {
                free(call);
                return r;
        }

        r = systemd_manager_get_service(daemon->system, strchr(unit, ':') + 1, on_service, call,
                                        &call->question);
        if (r < 0) {
                unit_call_free(call);
                return r;
        }
        return 1;
}

int bus_job_get_unit(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
        return unit_call_begin(message, userdata, SERVICE_LOOK, ret_error);
}

int bus_job_restart_unit(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
        return unit_call_begin(message, userdata, SERVICE_RESTART, ret_error);
}

int bus_job_start_unit(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
        return unit_call_begin(message, userdata, SERVICE_REVIVE, ret_error);
}
