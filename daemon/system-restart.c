/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/system-restart.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/queue.h>

#include "daemon/daemon.h"
#include "daemon/log.h"
#include "daemon/restart-mark.h"
#include "lib/protected-service.h"
#include "lib/values.h"

#define ACT_TIMEOUT_MAX (60 * 60 * USEC_PER_SEC)
#define ACT_TIMEOUT_EXTRA (60 * USEC_PER_SEC)
#define LOOK_FIRST (200 * UINT64_C(1000))
#define LOOK_LAST (15 * USEC_PER_SEC)
#define LOOKS_MAX 240 /* about an hour */
#define ASKERS_MAX 1024
#define ASKS_MAX 100
#define ASKS_PER (5 * USEC_PER_SEC)

/* Of one job; from its restart on until it has ended and nothing is left to be done. */
typedef struct SystemRestart {
        LIST_ENTRY(SystemRestart) restarts;
        SystemRestarts *set;
        RestartMark mark;
        bool job_ended;
        SystemdCall *act; /* under way */
        systemd_result_t done;
        void *userdata;
        SystemdCall *look; /* how the unit is, when the job has ended */
        sd_event_source *timer;
        unsigned n_looks;
} SystemRestart;

struct SystemRestarts {
        Daemon *daemon;
        int dir_fd;
        RateTable *rates;
        LIST_HEAD(SystemRestartList, SystemRestart) list;
};

static SystemRestart *find_restart(const SystemRestarts *set, uint64_t job) {
        SystemRestart *restart;

        LIST_FOREACH(restart, &set->list, restarts)
                if (restart->mark.job == job)
                        return restart;
        return NULL;
}

static SystemRestart *restart_new(SystemRestarts *set, const RestartMark *mark) {
        SystemRestart *restart;

        restart = calloc(1, sizeof(*restart));
        if (!restart)
                return NULL;
        restart->set = set;
        restart->mark = *mark;
        LIST_INSERT_HEAD(&set->list, restart, restarts);
        return restart;
}

static void restart_free(SystemRestart *restart) {
        LIST_REMOVE(restart, restarts);
        systemd_call_free(restart->act);
        systemd_call_free(restart->look);
        (void) sd_event_source_disable_unref(restart->timer);
        free(restart);
}

/* Nothing is left to be done. */
static void restart_end(SystemRestart *restart) {
        restart_mark_remove(restart->set->dir_fd, restart->mark.job);
        restart_free(restart);
}

static uint64_t act_timeout(const SystemdService *service) {
        uint64_t stop = service->timeout_stop, start = service->timeout_start, sum;

        if (stop >= ACT_TIMEOUT_MAX || start >= ACT_TIMEOUT_MAX)
                return ACT_TIMEOUT_MAX;
        /* a command before or after the main one has the whole time again */
        sum = 2 * (stop + start) + ACT_TIMEOUT_EXTRA;
        return sum < ACT_TIMEOUT_MAX ? sum : ACT_TIMEOUT_MAX;
}

bool system_restart_was_none(int error, const char *result) {
        return error == -EDEADLK || (result && strcmp(result, SYSTEMD_RESULT_NOTHING) == 0);
}

/* --- acts ------------------------------------------------------------------------------------------- */

/* Of a start that no job asks about any more. */
static void log_unless_done(const SystemRestart *restart, int error, const char *message, const char *result) {
        if (error >= 0 && result && strcmp(result, "done") == 0)
                return;
        log_failure(NULL, "%s has not come up again after its restart by job %" PRIu64 ": %s", restart->mark.unit,
                    restart->mark.job, message ? message : result ? result : strerror(-error));
}

static void on_result(int error, const char *message, const char *result, void *userdata) {
        SystemRestart *restart = userdata;
        SystemdCall *act = restart->act;
        systemd_result_t done = restart->done;
        void *asker = restart->userdata;

        bool was_none = !restart->mark.starting && system_restart_was_none(error, result);

        restart->act = NULL;
        restart->done = NULL;
        if (restart->mark.starting) {
                restart->mark.starting = false;
                (void) restart_mark_write(restart->set->dir_fd, &restart->mark);
        }
        if (restart->job_ended && !done && !was_none)
                log_unless_done(restart, error, message, result);
        if (restart->job_ended || was_none)
                restart_end(restart);
        if (done)
                done(error, message, result, asker);
        systemd_call_free(act);
}

/* The mark first: whatever becomes of the daemon, the next one completes what was begun. */
static int restart_revive(SystemRestart *restart, uint64_t timeout) {
        SystemRestarts *set = restart->set;
        RestartMark before = restart->mark;
        int r;

        restart->mark.starting = true;
        restart->mark.n_starts++;
        r = restart_mark_write(set->dir_fd, &restart->mark);
        if (r >= 0)
                r = systemd_manager_revive_unit(set->daemon->system, restart->mark.unit, timeout, on_result,
                                                restart, &restart->act);
        if (r < 0) {
                restart->mark = before;
                (void) restart_mark_write(set->dir_fd, &restart->mark);
        }
        return r;
}

/* What earlier jobs know that still watch over it: a unit that was up, and has failed since. */
static bool was_up_before(const SystemRestarts *set, const char *unit) {
        const SystemRestart *restart;

        LIST_FOREACH(restart, &set->list, restarts)
                if (restart->mark.was_up && strcmp(restart->mark.unit, unit) == 0)
                        return true;
        return false;
}

/* Earlier jobs that still watch over the unit are relieved by the new one, once that has begun. */
static void relieve_others(const SystemRestart *new) {
        SystemRestart *restart, *next;

        for (restart = LIST_FIRST(&new->set->list); restart; restart = next) {
                next = LIST_NEXT(restart, restarts);
                if (restart != new && restart->job_ended && !restart->act &&
                    strcmp(restart->mark.unit, new->mark.unit) == 0)
                        restart_end(restart);
        }
}

static SystemdRestart restart_kind(const SystemdService *service) {
        if (!service_is_down_or_loops(service))
                return SYSTEMD_RESTART_UP;
        return service_is_up(service) ? SYSTEMD_RESTART_LOOPING : SYSTEMD_RESTART_FAILED;
}

static int restart_begin(SystemRestarts *set, const JobRecord *job, const SystemdService *service,
                         SystemRestart **ret) {
        RestartMark mark = { .job = job->id, .was_up = service_is_up(service) };
        SystemRestart *restart;
        int r;

        memcpy(mark.unit, service->id, sizeof(mark.unit));
        mark.was_up |= was_up_before(set, mark.unit);
        restart = restart_new(set, &mark);
        if (!restart)
                return -ENOMEM;
        r = restart_mark_write(set->dir_fd, &mark);
        if (r >= 0)
                r = systemd_manager_restart_unit(set->daemon->system, mark.unit, restart_kind(service),
                                                 act_timeout(service), on_result, restart, &restart->act);
        if (r < 0) {
                restart_end(restart);
                return r;
        }

        relieve_others(restart);
        *ret = restart;
        return 0;
}

int system_restarts_act(SystemRestarts *set, const JobRecord *job, ServiceAct act,
                        const SystemdService *service, systemd_result_t done, void *userdata) {
        LogFields fields = { .record = job };
        SystemRestart *restart = find_restart(set, job->id);
        int r;

        if (restart && restart->act)
                return -EBUSY;
        if (act == SERVICE_RESTART)
                r = restart ? -EALREADY : restart_begin(set, job, service, &restart);
        else
                r = restart ? restart_revive(restart, act_timeout(service)) : -ENOENT;
        if (r < 0)
                return r;

        log_event(act == SERVICE_RESTART ? LOG_KIND_UNIT_RESTART : LOG_KIND_UNIT_START, job->uid, &fields,
                  "Job %" PRIu64 " of user %" PRIu32 " has PID 1 %s %s", job->id, job->uid,
                  act == SERVICE_RESTART ? "restart" : "start, after it failed,", service->id);
        restart->done = done;
        restart->userdata = userdata;
        return 0;
}

void system_restarts_forget(SystemRestarts *set, void *userdata) {
        SystemRestart *restart;

        LIST_FOREACH(restart, &set->list, restarts)
                if (restart->userdata == userdata)
                        restart->done = NULL;
}

ServiceHistory system_restarts_history(const SystemRestarts *set, uint64_t job) {
        const SystemRestart *restart = find_restart(set, job);

        return (ServiceHistory){ .restarted = restart, .n_starts = restart ? restart->mark.n_starts : 0 };
}

bool system_restarts_may_ask(SystemRestarts *set, uint64_t job) {
        uint64_t now, wait;

        return sd_event_now(set->daemon->event, CLOCK_BOOTTIME, &now) >= 0 &&
               rate_take(set->rates, job, ASKS_MAX, ASKS_PER, now, &wait);
}

/* --- after the job ---------------------------------------------------------------------------------- */

static void look_again(SystemRestart *restart);

/* Nothing needs to be done, or can be. */
static void look_end(SystemRestart *restart) {
        if (restart->mark.starting) {
                restart->mark.starting = false;
                (void) restart_mark_write(restart->set->dir_fd, &restart->mark);
        }
        if (restart->job_ended)
                restart_end(restart);
}

/* Between the reset and the start of an earlier daemon it is stopped; else only what failed counts: a unit
 * that is stopped was stopped by somebody. */
static bool is_down(const SystemRestart *restart, const SystemdService *service) {
        return (restart->mark.was_up && strcmp(service->active_state, "failed") == 0) ||
               (restart->mark.starting && strcmp(service->active_state, "inactive") == 0);
}

static bool is_the_same(const SystemRestart *restart, const SystemdService *service) {
        return strcmp(service->id, restart->mark.unit) == 0 && strcmp(service->load_state, "loaded") == 0 &&
               !system_service_is_protected(service->id);
}

static void on_look(int error, const char *message, const SystemdService *service, void *userdata) {
        SystemRestart *restart = userdata;
        SystemdCall *look = restart->look;
        LogFields fields = { .job = restart->mark.job };
        int r;

        restart->look = NULL;
        if (error < 0 || restart->act || (is_the_same(restart, service) && service_is_busy(service)))
                look_again(restart);
        else if (!is_the_same(restart, service) || !is_down(restart, service))
                look_end(restart);
        else {
                log_event(LOG_KIND_UNIT_START, UID_NONE, &fields,
                          "%s has failed after its restart by job %" PRIu64
                          ", which has ended: it is started again",
                          restart->mark.unit, restart->mark.job);
                r = restart_revive(restart, act_timeout(service));
                if (r < 0) {
                        log_failure(NULL, "%s cannot be started again: %s", restart->mark.unit,
                                    strerror(-r));
                        look_again(restart);
                }
        }
        systemd_call_free(look);
}

static void look_now(SystemRestart *restart) {
        if (!restart->look && systemd_manager_get_service(restart->set->daemon->system, restart->mark.unit,
                                                          on_look, restart, &restart->look) < 0)
                look_again(restart);
}

static int on_look_time(sd_event_source *source, uint64_t usec, void *userdata) {
        SystemRestart *restart = userdata;

        restart->timer = sd_event_source_disable_unref(restart->timer);
        look_now(restart);
        return 0;
}

static void look_again(SystemRestart *restart) {
        uint64_t wait = restart->n_looks < 7 ? LOOK_FIRST << restart->n_looks : LOOK_LAST;
        int r = -ETIMEDOUT;

        restart->timer = sd_event_source_disable_unref(restart->timer);
        if (restart->n_looks++ < LOOKS_MAX)
                r = sd_event_add_time_relative(restart->set->daemon->event, &restart->timer, CLOCK_MONOTONIC,
                                               wait < LOOK_LAST ? wait : LOOK_LAST, 0, on_look_time,
                                               restart);
        if (r < 0) {
                log_failure(NULL, "%s is not watched any longer after its restart by job %" PRIu64 ": %s",
                            restart->mark.unit, restart->mark.job, strerror(-r));
                look_end(restart);
        }
}

void system_restarts_job_ended(SystemRestarts *set, const JobRecord *record) {
        SystemRestart *restart = find_restart(set, record->id);

        if (!restart)
                return;
        restart->job_ended = true;
        if (restart->mark.starting)
                return;                                 /* its end is the end */
        restart->act = systemd_call_free(restart->act); /* PID 1 goes on with it */
        if (record->status_known || !restart->mark.was_up)
                restart_end(restart); /* the job has done what can be done, or nothing was lost */
        else
                look_now(restart);
}

/* --- after the daemon ------------------------------------------------------------------------------- */

/* JOB: it is there still, since its result cannot be stored yet; or NULL. */
static bool has_status(const Daemon *daemon, const Job *job, uint64_t id) {
        _cleanup_(job_record_freep) JobRecord *record = NULL;

        if (job)
                return job->record->status_known;
        return job_store_find(daemon->store, id, &record) >= 0 && record->status_known;
}

static void on_mark(const RestartMark *mark, void *userdata) {
        SystemRestarts *set = userdata;
        const Job *job = job_set_find(set->daemon->jobs, mark->job);
        bool is_live = job && !job->record->result;
        SystemRestart *restart;

        if (find_restart(set, mark->job))
                return;
        restart = restart_new(set, mark);
        if (!restart) {
                log_failure(NULL, "The restart of %s by job %" PRIu64 " cannot be taken up: %s", mark->unit,
                            mark->job, strerror(ENOMEM));
                return;
        }

        restart->job_ended = !is_live;
        if (mark->starting || (!is_live && mark->was_up && !has_status(set->daemon, job, mark->job)))
                look_again(restart);
        else if (!is_live)
                restart_end(restart);
}

int system_restarts_new(Daemon *daemon, int dir_fd, SystemRestarts **ret) {
        _cleanup_(system_restarts_freep) SystemRestarts *set = NULL;
        int r;

        set = calloc(1, sizeof(*set));
        if (!set) {
                closep(&dir_fd);
                return -ENOMEM;
        }
        set->daemon = daemon;
        set->dir_fd = dir_fd;
        LIST_INIT(&set->list);

        r = rate_table_new(ASKERS_MAX, &set->rates);
        if (r >= 0)
                r = restart_mark_each(dir_fd, on_mark, set);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(set);
        return 0;
}

SystemRestarts *system_restarts_free(SystemRestarts *set) {
        SystemRestart *next;

        if (!set)
                return NULL;
        for (SystemRestart *restart = LIST_FIRST(&set->list); restart; restart = next) {
                next = LIST_NEXT(restart, restarts);
                restart_free(restart);
        }
        rate_table_free(set->rates);
        closep(&set->dir_fd);
        free(set);
        return NULL;
}
