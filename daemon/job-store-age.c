/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/job-store-age.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/values.h"

#define AGAIN_AFTER (UINT64_C(24) * 3600 * USEC_PER_SEC)

struct JobStoreAge {
        JobStore *store;
        const Settings *settings;
        sd_event_source *timer;
        uid_t next; /* whose turn it is: of the users who have results, the first from here on */
};

static int on_time(sd_event_source *source, uint64_t usec, void *userdata) {
        JobStoreAge *age = userdata;
        uid_t uid;
        int r;

        r = job_store_first_user(age->store, age->next, &uid);
        if (r >= 0)
                (void) job_store_prune(age->store, uid, age->settings);
        age->next = r >= 0 ? uid + 1 : 0;
        (void) sd_event_source_set_time_relative(source, r >= 0 ? 0 : AGAIN_AFTER);
        (void) sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        return 0;
}

int job_store_age_new(sd_event *event, JobStore *store, const Settings *settings, uint64_t first,
                      JobStoreAge **ret) {
        _cleanup_(job_store_age_freep) JobStoreAge *age = NULL;
        int r;

        age = calloc(1, sizeof(*age));
        if (!age)
                return -ENOMEM;
        age->store = store;
        age->settings = settings;
        r = sd_event_add_time_relative(event, &age->timer, CLOCK_BOOTTIME, first, 1, on_time, age);
        if (r < 0)
                return r;
        /* nobody waits for it */
        r = sd_event_source_set_priority(age->timer, SD_EVENT_PRIORITY_IDLE);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(age);
        return 0;
}

JobStoreAge *job_store_age_free(JobStoreAge *age) {
        if (!age)
                return NULL;
        (void) sd_event_source_disable_unref(age->timer);
        free(age);
        return NULL;
}
