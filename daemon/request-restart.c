/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One restart of a unit at a time. */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "daemon/daemon.h"
#include "daemon/request-private.h"
#include "daemon/restart-decision.h"
#include "lib/protocol.h"
#include "lib/values.h"

typedef struct Search {
        const Request *request;
        const Job *found;
        bool by_another;
        uint64_t now;
} Search;

static int look_at(Job *job, void *userdata) {
        const JobRecord *record = job->record;
        Search *search = userdata;

        if (record->kind != JOB_RESTART || strcmp(record->unit, search->request->options.restart) != 0 ||
            !restart_is_joined(record, job_has_lost_leader(job), search->now))
                return 0;
        if (record->uid != search->request->owner)
                search->by_another = true;
        else if (!job->stop)
                search->found = job;
        return 0;
}

int request_find_restart(const Request *request, Job **ret, sd_bus_error *ret_error) {
        JobSet *jobs = request->daemon->jobs;
        Search search = { .request = request };
        bool system = strncmp(request->options.restart, "system:", strlen("system:")) == 0;
        int r;

        r = sd_event_now(request->daemon->event, CLOCK_REALTIME, &search.now);
        if (r < 0)
                return r;
        r = job_set_each(jobs, system ? UID_NONE : request->owner, look_at, &search);
        if (r < 0)
                return r;
        if (!search.found && search.by_another)
                return sd_bus_error_setf(
                                ret_error, CGMOVE_ERROR_BUSY,
                                "Another user is restarting %s just now; try again when that is done.",
                                request->options.restart);

        *ret = search.found ? job_set_find(jobs, search.found->record->id) : NULL;
        return 0;
}
