/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Inside of request: its state, and the terms on which it is granted. */

#include "daemon/main-process.h"
#include "daemon/pool.h"
#include "daemon/request.h"

#define SECTIONS_MAX 16 /* of the policy, that the processes of one move may fall under */

struct Request {
        Pending pending;
        LIST_ENTRY(Request) parked;
        bool is_parked;
        Daemon *daemon;
        MoveOptions options;
        Targets targets;
        uint64_t read_at; /* the loop's iteration in which they were read: nothing is waited for within one */
        uid_t owner;
        size_t n_rated; /* sections whose rate has been asked */
        MainProcessQuery *query;
        PoolWait *wait;
        Pool *pool; /* held */
        TreeScan *scan;
        sd_bus_error refusal; /* by may_join(), until it can be answered */
};

/* Processes from different sources may fall under different sections: the job gets the strictest of each
 * limit. */
typedef struct Terms {
        const PolicySection *section; /* of the first target; NULL for root */
        const PolicySection *sections[SECTIONS_MAX]; /* each once, in the order of the targets */
        size_t n_sections;
        Limits limits;
        const PolicySection *of_tasks_max; /* whose limit that is */
        OnLogout on_logout; /* "keep" for root */
        uint32_t max_jobs;
        const PolicySection *of_max_jobs;
} Terms;

const Caller *request_caller(const Request *request);

/* All return 0, or what to answer with as sd_bus_error_*() gives it. */

/* Decides over every target as far as its facts are known, and adds up the terms. They are good until the
 * policy is loaded anew: not beyond the return to the loop. */
int request_decide(Request *request, Terms *ret, sd_bus_error *ret_error);

/* The live job of the request's owner that restarts the same unit already, so that there is no need for
 * another; NULL if there is none, or if it is not to be joined (see restart_is_joined()) or is being
 * stopped. An error (Busy) if somebody else restarts that system unit. */
int request_find_restart(const Request *request, Job **ret, sd_bus_error *ret_error);

/* The refusal of TARGET as an error, or 0 and the deciding section. */
int request_decide_target(const Request *request, const Target *target, const PolicySection **ret_section,
                          sd_bus_error *ret_error);

/* Numbers: jobs of the user and of the host, tasks of the job, the pool and the slices above it. */
int request_check_limits(Request *request, const Terms *terms, sd_bus_error *ret_error);

/* Takes one move from the rate of every section; of each once a request, however often this is called. A
 * restart has a rate of its own for each unit, taken at the very last, since until then it may turn out
 * that another one is there to be joined. */
int request_check_rates(Request *request, const Terms *terms, sd_bus_error *ret_error);
