/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/restart-decision.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "lib/cleanup.h"
#include "lib/protected-service.h"
#include "lib/protocol.h"

static bool is_inside(const Target *target, const Source *service) {
        return service->kind == SOURCE_USER_UNIT && target->source.kind == SOURCE_USER_UNIT &&
               target->source.owner_uid == target->status.uid[0] &&
               strcmp(target->source.unit, service->unit) == 0;
}

static int check_system(const Caller *caller, const Target *target, const Source *service,
                        Decision *decision) {
        if (service->kind != SOURCE_SYSTEM_UNIT)
                return 0;
        if (system_service_is_protected(service->unit))
                return decision_refuse(decision, CGMOVE_ERROR_DENIED,
                                       "%s is a service that this machine stands on, and no policy can have cgmove "
                                       "restart it; "
                                       "root can, with systemctl.",
                                       service->unit);
        /* the job, which acts as its owner, would be refused later */
        if (caller->uid == 0 && target->status.uid[0] != 0)
                return decision_refuse(decision, CGMOVE_ERROR_DENIED,
                                       "Process %d of user %u cannot restart a system unit because root asks; move a "
                                       "process of "
                                       "root, or have the user ask.",
                                       (int) target->pid, target->status.uid[0]);
        return 0;
}

static int check_section(const Caller *caller, const Target *target, const PolicySection *section,
                         const Source *service, Decision *decision) {
        int r;

        if (caller->uid == 0 || is_inside(target, service) ||
            (section && policy_section_restarts(section, service)))
                return 0;
        if (!section)
                return decision_refuse(decision, CGMOVE_ERROR_DENIED, "No policy lets user %" PRIu32 " restart %s.",
                                       caller->uid, service->unit);

        r = policy_restart_refusal_text(caller->uid, section, service, &decision->message);
        if (r < 0)
                return r;
        decision->error = CGMOVE_ERROR_DENIED;
        return 1;
}

int decide_restart(const Caller *caller, const Target *target, const PolicySection *section,
                   const Source *service, Decision *ret) {
        Decision decision = { .section = section };
        int r;

        r = check_system(caller, target, service, &decision);
        if (r == 0)
                r = check_section(caller, target, section, service, &decision);
        if (r < 0) {
                decision_done(&decision);
                return r;
        }

        *ret = decision;
        return 0;
}

static const char *text_of(const json_t *object, const char *key) {
        return json_string_value(json_object_get(object, key)) ?: "";
}

/* What is no such object says nothing. */
static bool outcome_is_past(const char *outcome) {
        _cleanup_(json_decrefp) json_t *object = outcome[0] ? json_loads(outcome, 0, NULL) : NULL;
        const json_t *phases = json_object_get(object, "phases");
        const char *state = text_of(object, "state");

        if (strcmp(state, "done") == 0 || strcmp(state, "failed") == 0)
                return true;
        for (size_t i = 0; i + 1 < json_array_size(phases); i++)
                if (strcmp(text_of(json_array_get(phases, i), "name"), "restarting") == 0)
                        return true;
        return false;
}

/* The clock may have been set back or forth since. */
bool restart_is_joined(const JobRecord *record, bool lost_leader, uint64_t now) {
        uint64_t age = now > record->created ? now - record->created : record->created - now;

        return record->kind == JOB_RESTART && !record->status_known && !record->result && !lost_leader &&
               age < RESTART_JOIN_MAX && !outcome_is_past(record->outcome);
}

/* --- the act ---------------------------------------------------------------------------------------- */

static bool is_any_of(const char *word, const char *const *words) {
        for (; *words; words++)
                if (strcmp(word, *words) == 0)
                        return true;
        return false;
}

/* "auto-restart-queued" came with systemd 254. */
static bool restarts_by_itself(const SystemdService *service) {
        return strcmp(service->active_state, "activating") == 0 &&
               strncmp(service->sub_state, "auto-restart", strlen("auto-restart")) == 0;
}

bool service_is_up(const SystemdService *service) {
        static const char *const up[] = { "active", "reloading", "refreshing", NULL };

        return is_any_of(service->active_state, up) || restarts_by_itself(service);
}

bool service_is_down_or_loops(const SystemdService *service) {
        return strcmp(service->active_state, "failed") == 0 || restarts_by_itself(service);
}

bool service_is_busy(const SystemdService *service) {
        static const char *const passing[] = { "activating", "deactivating", "reloading",
                                               "refreshing", "maintenance",  NULL };

        return service->job != 0 || is_any_of(service->active_state, passing);
}

static int check_name(const char *name, const SystemdService *service, bool listed, Decision *decision) {
        if (system_service_is_protected(name) || system_service_is_protected(service->id))
                return decision_refuse(decision, CGMOVE_ERROR_DENIED,
                                       "%s is a service that this machine stands on, and no policy can have cgmove "
                                       "restart it.",
                                       name);
        if (strcmp(service->id, name) != 0)
                return decision_refuse(decision, CGMOVE_ERROR_DENIED,
                                       "%s is another name of %s; restart it by that name, if the policy lists that.",
                                       name, service->id);
        if (!listed)
                return decision_refuse(decision, CGMOVE_ERROR_DENIED,
                                       "The policy in force now does not let this user restart system:%s (restart = "
                                       "{...}).",
                                       name);
        return 0;
}

static int check_loaded(const char *name, const SystemdService *service, Decision *decision) {
        if (strcmp(service->load_state, "loaded") != 0)
                return decision_refuse(decision, CGMOVE_ERROR_DENIED,
                                       "%s cannot be started again: its unit file is %s.", name,
                                       service->load_state[0] ? service->load_state : "not known");
        if (service->need_daemon_reload)
                return decision_refuse(decision, CGMOVE_ERROR_NEEDS_RELOAD,
                                       "The unit file of %s has changed on the disk; root must say \"systemctl "
                                       "daemon-reload\" first.",
                                       name);
        return 0;
}

static int check_history(ServiceAct act, const char *name, const ServiceHistory *history,
                         Decision *decision) {
        if (act == SERVICE_RESTART && history->restarted)
                return decision_refuse(decision, CGMOVE_ERROR_DENIED,
                                       "This job has restarted %s already, which it may do once.", name);
        if (act == SERVICE_REVIVE && !history->restarted)
                return decision_refuse(decision, CGMOVE_ERROR_DENIED,
                                       "%s may only be started after a restart of it, and this job has made none.",
                                       name);
        if (act == SERVICE_REVIVE && history->n_starts >= RESTART_STARTS_MAX)
                return decision_refuse(decision, CGMOVE_ERROR_DENIED,
                                       "This job has started %s %u times already, which is the most.", name,
                                       history->n_starts);
        return 0;
}

static int check_state(ServiceAct act, const char *name, const SystemdService *service, Decision *decision) {
        if (service_is_down_or_loops(service) || (act == SERVICE_RESTART && service_is_up(service)))
                return 0;

        return decision_refuse(decision, CGMOVE_ERROR_DENIED,
                               "%s is %s: cgmove restarts what is up or has failed, and starts %s.", name,
                               service->active_state[0] ? service->active_state : "in no state",
                               act == SERVICE_RESTART ? "nothing else" : "what has failed since");
}

int decide_service(ServiceAct act, const char *name, const SystemdService *service, bool listed,
                   const ServiceHistory *history, Decision *ret) {
        Decision decision = {};
        int r;

        r = check_name(name, service, listed, &decision);
        if (r == 0 && act != SERVICE_LOOK)
                r = check_history(act, name, history, &decision);
        if (r == 0 && act != SERVICE_LOOK)
                r = check_loaded(name, service, &decision);
        if (r == 0 && act != SERVICE_LOOK)
                r = check_state(act, name, service, &decision);
        if (r < 0) {
                decision_done(&decision);
                return r;
        }

        *ret = decision;
        return 0;
}
