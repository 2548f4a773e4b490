/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>

#include "daemon/daemon.h"
#include "daemon/pool-room.h"
#include "daemon/request-private.h"
#include "daemon/restart-decision.h"
#include "lib/protocol.h"
#include "lib/values.h"

#define RESTART_BUCKETS 64 /* of a user in a section; see daemon.c */

/* --- the decision ----------------------------------------------------------------------------------------------------- */

int request_decide_target(const Request *request, const Target *target, const PolicySection **ret_section,
                          sd_bus_error *ret_error) {
        _cleanup_(decision_done) Decision decision = {};
        int r;

        r = decide(request->daemon->policy, request_caller(request), target, &decision);
        if (r < 0)
                return r;
        if (decision.error)
                return sd_bus_error_set(ret_error, decision.error, decision.message);

        *ret_section = decision.section;
        return 0;
}

static uint64_t limit_min(uint64_t a, uint64_t b, uint64_t unset) {
        if (a == unset || b == unset)
                return a == unset ? b : a;
        return a < b ? a : b;
}

static int terms_add_section(Terms *terms, const PolicySection *section, sd_bus_error *ret_error) {
        for (size_t i = 0; i < terms->n_sections; i++)
                if (terms->sections[i] == section)
                        return 0;

        if (terms->n_sections == SECTIONS_MAX)
                return sd_bus_error_setf(ret_error, CGMOVE_ERROR_LIMIT_REACHED,
                                         "These processes fall under more than %d sections of the policy; move them in "
                                         "several calls.",
                                         SECTIONS_MAX);
        terms->sections[terms->n_sections++] = section;
        return 0;
}

static int terms_add(Terms *terms, const PolicySection *section, sd_bus_error *ret_error) {
        int r;

        if (!section)
                return 0;
        r = terms_add_section(terms, section, ret_error);
        if (r < 0)
                return r;
        if (!terms->section)
                terms->section = section;

        if (section->limits.tasks_max < terms->limits.tasks_max) { /* LIMIT_NONE is the greatest */
                terms->limits.tasks_max = section->limits.tasks_max;
                terms->of_tasks_max = section;
        }
        terms->limits.memory_max = limit_min(terms->limits.memory_max, section->limits.memory_max, LIMIT_NONE);
        terms->limits.cpu_weight = limit_min(terms->limits.cpu_weight, section->limits.cpu_weight, 0);
        terms->limits.runtime_max = limit_min(terms->limits.runtime_max, section->limits.runtime_max, LIMIT_NONE);
        terms->on_logout = section->on_logout > terms->on_logout ? section->on_logout : terms->on_logout;
        if (section->max_jobs < terms->max_jobs) {
                terms->max_jobs = section->max_jobs;
                terms->of_max_jobs = section;
        }
        return 0;
}

static int decide_on_restart(const Request *request, const PolicySection *section, sd_bus_error *ret_error) {
        _cleanup_(decision_done) Decision decision = {};
        const Target *target = &request->targets.items[0];
        Source service;
        int r;

        r = service_from_string(request->options.restart, request->owner, &service);
        if (r >= 0)
                r = decide_restart(request_caller(request), target, section, &service, &decision);
        if (r < 0)
                return r;
        return decision.error ? sd_bus_error_set(ret_error, decision.error, decision.message) : 0;
}

int request_decide(Request *request, Terms *ret, sd_bus_error *ret_error) {
        Terms terms = {
                .limits = { LIMIT_NONE, LIMIT_NONE, 0, LIMIT_NONE },
                .on_logout = ON_LOGOUT_KEEP,
                .max_jobs = UINT32_MAX,
        };
        const PolicySection *section = NULL;
        int r;

        for (size_t i = 0; i < request->targets.n; i++) {
                const Target *target = &request->targets.items[i];

                if (target->status.uid[0] != request->owner)
                        return sd_bus_error_setf(ret_error, CGMOVE_ERROR_NOT_YOURS,
                                                 "Processes of different users (%u and %u) cannot be one job.",
                                                 request->owner, target->status.uid[0]);
                r = request_decide_target(request, target, &section, ret_error);
                if (r >= 0)
                        r = terms_add(&terms, section, ret_error);
                if (r >= 0 && request->options.restart)
                        r = decide_on_restart(request, section, ret_error);
                if (r < 0)
                        return r;
        }

        *ret = terms;
        return 0;
}

/* --- limits ------------------------------------------------------------------------------------------------------------ */

static int refuse_for_room(const Request *request, uint64_t more, const RoomFull *full, sd_bus_error *ret_error) {
        switch (full->place) {
        case ROOM_SLICE:
                return sd_bus_error_setf(ret_error, CGMOVE_ERROR_LIMIT_REACHED,
                                         "Your jobs have %" PRIu64 " tasks, and %" PRIu64 " more would pass the %" PRIu64
                                         " that user-cgmove-%u.slice may have (TasksMax=).",
                                         full->current, more, full->max, request->owner);
        case ROOM_SLICES:
                return sd_bus_error_setf(ret_error, CGMOVE_ERROR_LIMIT_REACHED,
                                         "The jobs of all users have %" PRIu64 " tasks, and %" PRIu64 " more would pass the "
                                         "%" PRIu64 " that user-cgmove.slice may have (TasksMax=).",
                                         full->current, more, full->max);
        default:
                return sd_bus_error_setf(ret_error, CGMOVE_ERROR_LIMIT_REACHED,
                                         "Your jobs have %" PRIu64 " tasks, and %" PRIu64 " more would pass the %" PRIu64
                                         " that your pool may have (pool { tasks-max }).",
                                         full->current, more, full->max);
        }
}

static int check_room(const Request *request, sd_bus_error *ret_error) {
        uint64_t more = room_newcomers(request->owner, request->targets.items, request->targets.n);
        RoomFull full;
        int r;

        if (more == 0)
                return 0;
        r = room_is_lacking(pool_fd(request->pool), more, &full);
        return r > 0 ? refuse_for_room(request, more, &full, ret_error) : r;
}

static int check_tasks(const Request *request, const Terms *terms, sd_bus_error *ret_error) {
        uint64_t n_tasks = 0;

        /* the kernel does not refuse a migration for pids.max */
        for (size_t i = 0; i < request->targets.n; i++)
                n_tasks += request->targets.items[i].n_threads;

        if (terms->limits.tasks_max != LIMIT_NONE && n_tasks > terms->limits.tasks_max)
                return sd_bus_error_setf(ret_error, CGMOVE_ERROR_LIMIT_REACHED,
                                         "These processes have %" PRIu64 " tasks, and policy section \"%s\" allows "
                                         "a job %" PRIu64 " (tasks-max).",
                                         n_tasks, terms->of_tasks_max->name, terms->limits.tasks_max);
        return check_room(request, ret_error);
}

static uint32_t hash_text(const char *text) {
        uint32_t hash = 2166136261U; /* FNV-1a: a clash only lets two sections, or units, share a bucket */

        for (; *text; text++)
                hash = (hash ^ (uint8_t) *text) * 16777619U;
        return hash;
}

static uint64_t rate_key(uid_t uid, const char *section) {
        return (uint64_t) uid << 32 | hash_text(section);
}

/* A user can make up names of units without end: they share some buckets, so that neither the rate of all
 * together nor the table is without one. */
static int check_restart_rate(const Request *request, const PolicySection *section, uint64_t now,
                              sd_bus_error *ret_error) {
        const char *unit = request->options.restart;
        uint32_t hash = hash_text(unit);
        uint64_t wait, key = rate_key(request->owner, section->name);

        hash = (hash ^ hash >> 16) % RESTART_BUCKETS;
        if (rate_take(request->daemon->restart_rates, key / RESTART_BUCKETS * RESTART_BUCKETS + hash,
                      section->rate_count, section->rate_per, now, &wait))
                return 0;

        return sd_bus_error_setf(ret_error, CGMOVE_ERROR_RATE_LIMITED,
                                 "Policy section \"%s\" allows %u restarts of %s in %" PRIu64
                                 " s; the next one in %" PRIu64 " s.",
                                 section->name, section->rate_count, unit, section->rate_per / USEC_PER_SEC,
                                 wait / USEC_PER_SEC + 1);
}

static int check_rate(Request *request, const PolicySection *section, sd_bus_error *ret_error) {
        uint64_t now, wait;
        int r;

        r = sd_event_now(request->daemon->event, CLOCK_BOOTTIME, &now);
        if (r < 0)
                return r;
        if (request->options.restart)
                return check_restart_rate(request, section, now, ret_error);
        if (rate_take(request->daemon->rates, rate_key(request->owner, section->name), section->rate_count,
                      section->rate_per, now, &wait))
                return 0;

        return sd_bus_error_setf(ret_error, CGMOVE_ERROR_RATE_LIMITED,
                                 "Policy section \"%s\" allows %u moves in %" PRIu64 " s; the next one in %" PRIu64 " s.",
                                 section->name, section->rate_count, section->rate_per / USEC_PER_SEC,
                                 wait / USEC_PER_SEC + 1);
}

/* Every section is asked, lest one's rate be got round by a first process from another's. Descendants are
 * known later than the others, and may bring sections of their own: those that were asked are not asked
 * again. */
int request_check_rates(Request *request, const Terms *terms, sd_bus_error *ret_error) {
        int r = 0;

        if (request->options.restart && !request->pool)
                return 0;
        for (; request->n_rated < terms->n_sections && r >= 0; request->n_rated++)
                r = check_rate(request, terms->sections[request->n_rated], ret_error);
        return r;
}

int request_check_limits(Request *request, const Terms *terms, sd_bus_error *ret_error) {
        Daemon *daemon = request->daemon;
        unsigned n_jobs = job_set_count_of(daemon->jobs, request->owner);

        if (n_jobs >= terms->max_jobs)
                return sd_bus_error_setf(ret_error, CGMOVE_ERROR_LIMIT_REACHED,
                                         "You have %u jobs, which is the most that policy section \"%s\" allows "
                                         "(max-jobs); stop one with \"cgmove stop\".",
                                         n_jobs, terms->of_max_jobs->name);
        if (job_set_count(daemon->jobs) >= daemon->settings.max_jobs)
                return sd_bus_error_setf(ret_error, CGMOVE_ERROR_LIMIT_REACHED,
                                         "This host has %u jobs, which is the most that cgmove.conf allows (max-jobs).",
                                         job_set_count(daemon->jobs));
        return check_tasks(request, terms, ret_error);
}
