/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/cgroup.h"
#include "daemon/daemon.h"
#include "daemon/decision.h"
#include "daemon/main-process.h"
#include "lib/proc.h"
#include "lib/protocol.h"
#include "lib/values.h"

#define ANSWERS_MAX 64 /* units that are remembered */
#define DEADLINE (10 * USEC_PER_SEC)
#define DEADLINE_FROZEN USEC_PER_SEC

typedef struct Answer {
        Source source;
        pid_t main_pid, control_pid;
} Answer;

struct MainProcessQuery {
        Daemon *daemon;
        Targets *targets;
        size_t next; /* the target whose unit is being asked about */
        SystemdManager *manager; /* of a user, while it is asked */
        SystemdCall *call;
        sd_event_source *deadline;
        Answer *answers; /* of the managers, so that no unit is asked about twice */
        size_t n_answers;
        main_process_done_t done;
        void *userdata;
};

static void query_go_on(MainProcessQuery *query);

/* DONE may free QUERY. */
static void finish(MainProcessQuery *query, int error, const char *message) {
        (void) sd_event_source_set_enabled(query->deadline, SD_EVENT_OFF);
        query->done(error, message, query->userdata);
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        MainProcessQuery *query = userdata;

        query->call = systemd_call_free(query->call);
        query->manager = systemd_manager_free(query->manager);
        finish(query, -ETIMEDOUT, "the managers did not answer in time");
        return 0;
}

/* Costs a read of /proc: only where it is asked about. */
static bool parent_is_manager(const Daemon *daemon, const Target *target) {
        _cleanup_free_ char *path = NULL;
        Source source;
        bool deleted;

        if (target->ppid <= 1)
                return true;
        if (proc_get_cgroup(daemon->kernel.proc_fd, target->ppid, &path, &deleted) < 0)
                return true; /* it has just ended, and whoever adopts is a manager as likely as not */

        source_from_cgroup_path(path, &source);
        return source.kind == SOURCE_MANAGER;
}

static bool needs_manager(const Daemon *daemon, const Target *target) {
        return target_needs_manager(target, true) &&
               (target_needs_manager(target, false) || parent_is_manager(daemon, target));
}

static bool same_unit(const Source *a, const Source *b) {
        return a->kind == b->kind && a->owner_uid == b->owner_uid && strcmp(a->unit, b->unit) == 0;
}

static void apply(Target *target, const Answer *answer) {
        target->unit_process = target->pid == answer->main_pid || target->pid == answer->control_pid ? YES : NO;
}

static bool apply_known(const MainProcessQuery *query, Target *target) {
        for (size_t i = 0; i < query->n_answers; i++)
                if (same_unit(&query->answers[i].source, &target->source)) {
                        apply(target, &query->answers[i]);
                        return true;
                }
        return false;
}

static void take_answer(MainProcessQuery *query, pid_t main_pid, pid_t control_pid) {
        Target *target = &query->targets->items[query->next];
        Answer answer = { .source = target->source, .main_pid = main_pid, .control_pid = control_pid };
        Answer *answers;

        apply(target, &answer);
        if (query->n_answers == ANSWERS_MAX)
                return; /* then it is asked again */
        answers = reallocarray(query->answers, query->n_answers + 1, sizeof(*answers));
        if (!answers)
                return;
        answers[query->n_answers++] = answer;
        query->answers = answers;
}

/* A manager that is gone has no main processes, and what it has left behind may be moved. That its socket is
 * not there proves nothing: it lies in the user's own folder. Its processes do, and only a manager is put
 * into that group. */
static bool manager_is_gone(const Daemon *daemon, const Target *target) {
        CgroupEvents events = {};
        char path[256];
        unsigned uid = target->source.owner_uid;
        int r;

        if (target->source.kind != SOURCE_USER_UNIT)
                return daemon->settings.tree == TREE_DIRECT; /* PID 1 is not systemd */

        (void) snprintf(path, sizeof(path), "user.slice/user-%u.slice/user@%u.service/init.scope/cgroup.events", uid, uid);
        r = cgroup_get_events(daemon->kernel.cgroup_fd, path, &events);
        return r == -ENOENT || (r >= 0 && !events.populated);
}

/* The manager's own word that it knows no such unit (any more). */
static bool unit_is_unknown(int error, const char *message) {
        return error == -ENOENT && message;
}

static void on_pids(int error, const char *message, pid_t main_pid, pid_t control_pid, void *userdata) {
        MainProcessQuery *query = userdata;

        query->call = systemd_call_free(query->call);
        query->manager = systemd_manager_free(query->manager);
        if (error < 0 && !unit_is_unknown(error, message) &&
            !manager_is_gone(query->daemon, &query->targets->items[query->next])) {
                finish(query, error, message);
                return;
        }

        take_answer(query, error < 0 ? 0 : main_pid, error < 0 ? 0 : control_pid);
        query_go_on(query);
}

static int ask(MainProcessQuery *query, const Target *target) {
        SystemdManager *manager = query->daemon->system;
        int r;

        if (target->source.kind == SOURCE_USER_UNIT) {
                r = systemd_manager_new(query->daemon->event, &query->daemon->kernel, target->source.owner_uid,
                                        &query->manager);
                if (r < 0)
                        return r;
                manager = query->manager;
        }
        if (!manager)
                return -ENOENT; /* PID 1 is not systemd */

        return systemd_manager_get_pids(manager, target->source.unit, on_pids, query, &query->call);
}

static void query_go_on(MainProcessQuery *query) {
        for (; query->next < query->targets->n; query->next++) {
                Target *target = &query->targets->items[query->next];
                int r;

                if (target->passed_over || target->unit_process != UNKNOWN ||
                    !needs_manager(query->daemon, target) || apply_known(query, target))
                        continue;

                r = ask(query, target);
                if (r >= 0)
                        return; /* on_pids() goes on */
                query->manager = systemd_manager_free(query->manager);
                if (!manager_is_gone(query->daemon, target)) {
                        finish(query, r, NULL);
                        return;
                }
                take_answer(query, 0, 0);
        }

        finish(query, 0, NULL);
}

int main_process_query_new(Daemon *daemon, Targets *targets, main_process_done_t done, void *userdata,
                           MainProcessQuery **ret_query) {
        MainProcessQuery *query;
        int r;

        query = calloc(1, sizeof(*query));
        if (!query)
                return -ENOMEM;

        *query = (MainProcessQuery) { .daemon = daemon, .targets = targets, .done = done, .userdata = userdata };
        r = sd_event_add_time_relative(daemon->event, &query->deadline, CLOCK_MONOTONIC, DEADLINE, 0, on_deadline, query);
        if (r < 0) {
                main_process_query_free(query);
                return r;
        }

        *ret_query = query;
        query_go_on(query);
        return 0;
}

void main_process_query_resume(MainProcessQuery *query) {
        int r;

        r = sd_event_source_set_time_relative(query->deadline, DEADLINE_FROZEN);
        if (r >= 0)
                r = sd_event_source_set_enabled(query->deadline, SD_EVENT_ONESHOT);
        if (r < 0)
                finish(query, r, NULL);
        else
                query_go_on(query);
}

int main_process_refusal(int error, const char *message, sd_bus_error *ret_error) {
        return sd_bus_error_setf(ret_error, CGMOVE_ERROR_BUSY,
                                 "It cannot be told whether this is a unit's main process, since the unit's manager "
                                 "does not answer (%s); try again.",
                                 message ? message : strerror(-error));
}

MainProcessQuery *main_process_query_free(MainProcessQuery *query) {
        if (!query)
                return NULL;

        (void) sd_event_source_disable_unref(query->deadline);
        systemd_call_free(query->call);
        systemd_manager_free(query->manager);
        free(query->answers);
        free(query);
        return NULL;
}
