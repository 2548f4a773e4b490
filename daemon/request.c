/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "daemon/cgroup.h"
#include "daemon/daemon.h"
#include "daemon/log.h"
#include "daemon/move.h"
#include "daemon/request-private.h"
#include "daemon/sandbox.h"
#include "daemon/uptime.h"
#include "lib/pidfd.h"
#include "lib/proc.h"
#include "lib/protocol.h"
#include "lib/values.h"

static void request_unpark(Request *request) {
        if (!request->is_parked)
                return;

        LIST_REMOVE(request, parked);
        request->is_parked = false;
}

static void request_free(Request *request) {
        request_unpark(request);
        main_process_query_free(request->query);
        pool_wait_free(request->wait);
        tree_scan_free(request->scan);
        if (request->pool)
                pool_release(request->pool);
        targets_done(&request->targets);
        move_options_done(&request->options);
        sd_bus_error_free(&request->refusal);
        pending_end(&request->pending);
        free(request);
}

static void request_abandon(Pending *pending) {
        request_free((Request *) pending);
}

const Caller *request_caller(const Request *request) {
        return &request->pending.connection->caller;
}

/* Answers with an error and ends the request. */
static void request_fail(Request *request, int r, const sd_bus_error *error) {
        sd_bus_message *call = request->pending.call;
        const Target *target = request->targets.n > 0 ? &request->targets.items[0] : NULL;
        _cleanup_(sd_bus_error_free) sd_bus_error internal = SD_BUS_ERROR_NULL;

        if (!sd_bus_error_is_set(error)) {
                (void) sd_bus_error_setf(&internal, CGMOVE_ERROR_FAILED, "The move failed: %s.", strerror(-r));
                error = &internal;
        }
        log_move_refused(request_caller(request), target, request->options.restart, error->name, error->message);
        /* whatever it is that cannot be said, nobody is left without an answer */
        r = sd_bus_reply_method_error(call, error);
        if (r < 0)
                r = sd_bus_reply_method_errorf(call, CGMOVE_ERROR_FAILED, "The move failed; the journal says why.");
        pending_answered(&request->pending, r);
        request_free(request);
}

/* --- the move ---------------------------------------------------------------------------------------------------------- */

static int move_error(Request *request, int r, MoveFailure failure, size_t index, sd_bus_error *ret_error) {
        int pid = (int) request->targets.items[index].pid;

        switch (failure) {
        case MOVE_GONE:
                /* in a tree some end all the time: the next time it has other members */
                if (request->options.tree)
                        return sd_bus_error_setf(ret_error, CGMOVE_ERROR_BUSY,
                                                 "Process %d of the tree ended while it was being moved; nothing was moved, "
                                                 "try again.",
                                                 pid);
                return sd_bus_error_setf(ret_error, CGMOVE_ERROR_NO_SUCH_PROCESS,
                                         "Process %d ended before it could be moved; nothing was moved.", pid);
        case MOVE_FROZEN:
                return sd_bus_error_setf(ret_error, CGMOVE_ERROR_FROZEN,
                                         "Process %d is in cgroup %s, which has just been frozen, and moving it would thaw "
                                         "it; nothing was moved, try again when it is thawed.",
                                         pid, request->targets.items[index].cgroup);
        case MOVE_CHANGED:
                return sd_bus_error_setf(ret_error, CGMOVE_ERROR_BUSY,
                                         "Process %d changed its user or its cgroup while it was being moved; nothing "
                                         "was moved, try again.",
                                         pid);
        case MOVE_GROWN:
                return sd_bus_error_set(ret_error, CGMOVE_ERROR_LIMIT_REACHED,
                                        "The processes, or other jobs, made tasks while this was going on, and there are more now "
                                        "than the job, your pool or the slices above it may have (tasks-max, TasksMax=); "
                                        "nothing was moved.");
        case MOVE_FAILED:
                break;
        }
        return sd_bus_error_setf(ret_error, CGMOVE_ERROR_FAILED, "Process %d could not be moved: %s; nothing was moved.",
                                 pid, strerror(-r));
}

/* What could not be read of a process that ended or went elsewhere while something was waited for. */
static int facts_error(Request *request, int r, size_t index, sd_bus_error *ret_error) {
        bool is_alive = pidfd_is_alive(request->targets.items[index].pidfd);

        if (r != -ESRCH && r != -ENOENT && r != -ENODEV && r != -EBADF) /* the last by bpf(2), of a group that is gone */
                return r;
        return move_error(request, r, is_alive ? MOVE_CHANGED : MOVE_GONE, index, ret_error);
}

static int make_record(Request *request, const Terms *terms, JobRecord **ret, sd_bus_error *ret_error) {
        _cleanup_free_ char *source = NULL, *command = NULL, *log = NULL;
        const Target *first = &request->targets.items[0];
        char origin[ORIGIN_MAX + 1];
        JobRecord record = {
                .uid = request->owner,
                .kind = request->options.kind,
                .up = uptime_now(),
                .limits = terms->limits,
                .on_logout = terms->on_logout,
                .name = request->options.name,
                .section = terms->section ? terms->section->name : "",
        };
        int r;

        r = job_store_take_id(request->daemon->store, &record.id);
        if (r >= 0)
                r = sd_id128_randomize(&record.invocation_id);
        if (r >= 0)
                r = sd_event_now(request->daemon->event, CLOCK_REALTIME, &record.created);
        if (r >= 0)
                r = source_to_string(&first->source, &source);
        if (r < 0)
                return r;
        if (!request->options.command)
                r = target_get_name(&request->daemon->kernel, first, &command);
        if (r < 0)
                return facts_error(request, r, 0, ret_error);

        if (request->options.log_directory &&
            asprintf(&log, "%s/job-%" PRIu64 ".log", request->options.log_directory, record.id) < 0) {
                log = NULL;
                return -ENOMEM;
        }
        record.source = source;
        record.command = request->options.command ? request->options.command : command;
        record.log = log ? log : request->options.log;
        record.unit = request->options.restart;
        logout_describe(request->daemon->logout, request->daemon->jobs, request->targets.items, request->targets.n,
                        &record, origin);
        return job_record_new(&record, ret);
}

/* Whether nothing has been waited for since the targets were read. */
static bool request_is_fresh(const Request *request) {
        uint64_t iteration;

        return sd_event_get_iteration(request->daemon->event, &iteration) >= 0 && iteration == request->read_at;
}

static int do_move(Request *request, const Terms *terms, JobRecord **ret_record, sd_bus_error *ret_error) {
        _cleanup_(job_record_freep) JobRecord *record = NULL;
        Daemon *daemon = request->daemon;
        MoveFailure failure;
        size_t index;
        int r;

        r = make_record(request, terms, &record, ret_error);
        if (r < 0)
                return r;

        Move move = {
                .kernel = &daemon->kernel,
                .pool = request->pool,
                .record = record,
                .targets = request->targets.items,
                .n_targets = request->targets.n,
                .reserve = &daemon->reserve,
                .fresh = request_is_fresh(request),
                .held = request->scan != NULL,
                .reset_oom_score = request->options.reset_oom_score,
        };
        r = move_into_job(&move, &failure, &index);
        if (r < 0)
                return move_error(request, r, failure, index, ret_error);

        *ret_record = TAKE_PTR(record);
        return 0;
}

/* From here on it is a job: should there be no memory for it now, it is found again in the tree. Takes over
 * RECORD. */
static void take_up_job(Request *request, JobRecord *record) {
        uint64_t id = record->id;
        Job *job;
        int r;

        log_move_done(request_caller(request), record, request->targets.n);
        r = job_set_add(request->daemon->jobs, request->pool, record, &job);
        if (r < 0) {
                log_failure(NULL, "Job %" PRIu64 " cannot be watched yet: %s", id, strerror(-r));
                (void) job_set_discover_later(request->daemon->jobs, request->pool);
        } else {
                if (job->record->kind == JOB_RESTART)
                        job_set_leader(job, request->targets.items[0].pid);
                job_check(job); /* it may have ended before it was watched */
        }
}

/* Facts that may have changed while something was waited for. The user ids and the cgroup are checked in the
 * move itself. */
static int refresh_facts(Request *request, sd_bus_error *ret_error) {
        bool fresh = request_is_fresh(request);
        int r;

        for (size_t i = 0; i < request->targets.n; i++) {
                Target *target = &request->targets.items[i];

                if (target->gone)
                        continue; /* and is refused for it */
                if (!request->scan && !fresh) {
                        r = cgroup_is_frozen(target->cgroup_fd, &target->frozen);
                        if (r < 0)
                                return facts_error(request, r, i, ret_error);
                }
                if (!request->daemon->sandboxes)
                        continue;
                /* most targets of a tree share the cgroup of the one before */
                if (i > 0 && strcmp(target[-1].cgroup, target->cgroup) == 0) {
                        target->sandbox_lost = target[-1].sandbox_lost;
                        target->sandbox = target[-1].sandbox;
                        continue;
                }
                r = sandbox_compare(target->cgroup_fd, pool_fd(request->pool), &target->sandbox);
                if (r < 0)
                        return facts_error(request, r, i, ret_error);
                target->sandbox_lost = r > 0 ? YES : NO;
        }
        return 0;
}

/* One restart of a unit at a time: whoever asks for another one meanwhile is given that job, and nothing is
 * moved. Returns 1 if so, with the request at its end; 0; or what to answer with. */
static int join_restart(Request *request, sd_bus_error *ret_error) {
        Job *job = NULL;
        int r;

        if (!request->options.restart)
                return 0;
        r = request_find_restart(request, &job, ret_error);
        if (r < 0 || !job)
                return r;

        pending_answered(&request->pending, sd_bus_reply_method_return(request->pending.call, "t", job->record->id));
        log_restart_joined(request_caller(request), job->record);
        request_free(request);
        return 1;
}

/* Everything is there: decide again over all facts, and do it, without going back to the loop in between. */
static void request_commit(Request *request) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        JobRecord *record = NULL;
        Terms terms;
        int r;

        r = refresh_facts(request, &error);
        if (r >= 0)
                r = request_decide(request, &terms, &error);
        if (r >= 0 && (r = join_restart(request, &error)) > 0)
                return;
        if (r >= 0)
                r = request_check_limits(request, &terms, &error);
        if (r >= 0)
                r = request_check_rates(request, &terms, &error);
        if (r >= 0)
                r = do_move(request, &terms, &record, &error);
        if (r < 0) {
                request_fail(request, r, &error);
                return;
        }

        /* the caller first: the journal and the bus can wait */
        pending_answered(&request->pending, sd_bus_reply_method_return(request->pending.call, "t", record->id));
        take_up_job(request, record);
        request_free(request);
}

/* --- the descendants --------------------------------------------------------------------------------------------------- */

static int may_join(const Target *target, void *userdata) {
        Request *request = userdata;
        const PolicySection *section;
        int r;

        if (target->status.uid[0] != request->owner)
                return sd_bus_error_setf(&request->refusal, CGMOVE_ERROR_NOT_YOURS,
                                         "Process %d of the tree is another user's (%u); nothing was moved.",
                                         (int) target->pid, target->status.uid[0]);
        r = pending_hold(&request->pending, request->targets.n, &request->refusal);
        if (r >= 0)
                r = request_decide_target(request, target, &section, &request->refusal);
        return r;
}

static void go_on_with_tree(Request *request, int error) {
        if (error == -EBUSY && !sd_bus_error_is_set(&request->refusal))
                (void) sd_bus_error_set(&request->refusal, CGMOVE_ERROR_BUSY,
                                        "The tree could not be held still for a moment, so that descendants might be "
                                        "left behind; nothing was moved, try again.");
        if (error == -E2BIG && !sd_bus_error_is_set(&request->refusal))
                (void) sd_bus_error_setf(&request->refusal, CGMOVE_ERROR_LIMIT_REACHED,
                                         "The tree has more than %d processes, or is spread over too many cgroups.",
                                         CGMOVE_TREE_MAX);
        if (error < 0)
                request_fail(request, error, &request->refusal);
        else
                main_process_query_resume(request->query); /* descendants may be main processes too */
}

/* What comes after something was waited for is in no turn of the client's, and is his to pay all the same. */
static void on_tree(int error, void *userdata) {
        Request *request = userdata;
        Connection *connection = request->pending.connection;
        uint64_t began = connection_begin_charge();

        go_on_with_tree(request, error);
        connection_charge(connection, began);
}

static void go_on_with_pool(Request *request, int error, const char *message, Pool *pool) {
        _cleanup_(sd_bus_error_free) sd_bus_error bus_error = SD_BUS_ERROR_NULL;
        int r;

        if (error == -EUSERS)
                (void) sd_bus_error_setf(&bus_error, CGMOVE_ERROR_LIMIT_REACHED,
                                         "This host has %u pools, which is the most that cgmove.conf allows (max-pools).",
                                         request->daemon->settings.max_pools);
        else if (error < 0)
                (void) sd_bus_error_setf(&bus_error, CGMOVE_ERROR_FAILED,
                                         "The pool cgmove@%u.service could not be started: %s; see \"systemctl status "
                                         "cgmove@%u.service\".",
                                         request->owner, message ? message : strerror(-error), request->owner);
        if (error < 0) {
                request_fail(request, error, &bus_error);
                return;
        }

        request->pool = pool;
        pool_hold(pool);
        if (!request->options.tree) {
                request_commit(request);
                return;
        }

        r = tree_scan_new(request->daemon->event, &request->daemon->kernel, request->daemon->journal_fd,
                          &request->targets, may_join, on_tree, request, &request->scan);
        if (r < 0)
                request_fail(request, r, &bus_error);
}

static void on_pool(int error, const char *message, Pool *pool, void *userdata) {
        Request *request = userdata;
        Connection *connection = request->pending.connection;
        uint64_t began = connection_begin_charge();

        go_on_with_pool(request, error, message, pool);
        connection_charge(connection, began);
}

/* --- the beginning ------------------------------------------------------------------------------------------------------ */

/* Once for the processes that were named, and with a tree once more for their descendants. */
static void go_on_with_answers(Request *request, int error, const char *message) {
        _cleanup_(sd_bus_error_free) sd_bus_error bus_error = SD_BUS_ERROR_NULL;
        Terms terms;
        int r = error;

        if (error < 0)
                r = main_process_refusal(error, message, &bus_error);
        if (r >= 0 && request->scan) {
                request_commit(request);
                return;
        }
        if (r >= 0)
                r = request_decide(request, &terms, &bus_error);
        if (r >= 0 && (r = join_restart(request, &bus_error)) > 0)
                return;
        if (r >= 0)
                r = request_check_rates(request, &terms, &bus_error);
        if (r >= 0)
                r = pool_set_ensure(request->daemon->pools, request->owner, on_pool, request, &request->wait);
        if (r < 0)
                request_fail(request, r, &bus_error);
}

static void on_main_processes(int error, const char *message, void *userdata) {
        Request *request = userdata;
        Connection *connection = request->pending.connection;
        uint64_t began = connection_begin_charge();

        go_on_with_answers(request, error, message);
        connection_charge(connection, began);
}

static int request_start(Request *request, sd_bus_error *ret_error) {
        Terms terms;
        int r;

        /* cheap refusals first: nobody is asked, and no pool is started, for what is refused anyway */
        r = request_decide(request, &terms, ret_error);
        if (r < 0)
                return r;

        return main_process_query_new(request->daemon, &request->targets, on_main_processes, request,
                                      &request->query);
}

int request_move(sd_bus_message *message, Connection *connection, sd_bus_error *ret_error) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        Daemon *daemon = connection->daemon;
        Request *request;
        int r;

        request = calloc(1, sizeof(*request));
        if (!request)
                return -ENOMEM;
        request->daemon = daemon;
        request->targets.max = CGMOVE_TREE_MAX;

        r = pending_begin(&request->pending, connection, message, request_abandon, ret_error);
        if (r < 0) {
                free(request);
                return r;
        }

        r = request_read_processes(message, &daemon->kernel, &request->targets, &error);
        if (r >= 0)
                r = move_options_read(message, &request->options, &error);
        if (r >= 0)
                r = request_add_caller(connection, &request->options, &request->targets, &error);
        if (r >= 0)
                r = pending_hold(&request->pending, request->targets.n, &error);
        if (r >= 0)
                r = sd_event_get_iteration(daemon->event, &request->read_at);
        if (r >= 0) {
                request->owner = request->targets.items[0].status.uid[0];
                if (daemon_is_loading_policy(daemon)) {
                        /* `cgmove policy allow` has just returned: it counts already */
                        LIST_INSERT_HEAD(&daemon->parked, request, parked);
                        request->is_parked = true;
                        return 1;
                }
                r = request_start(request, &error);
        }
        if (r < 0)
                request_fail(request, r, &error);
        return 1;
}

void request_resume_parked(Daemon *daemon) {
        Request *request;
        int r;

        while ((request = LIST_FIRST(&daemon->parked))) {
                _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
                Connection *connection = request->pending.connection;
                uint64_t began = connection_begin_charge();

                request_unpark(request);
                r = request_start(request, &error);
                if (r < 0)
                        request_fail(request, r, &error);
                connection_charge(connection, began);
        }
}
