/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/job-ids.h"

#include <signal.h>

#include "daemon/job-store-file.h"

#define STACK_SIZE (256 * 1024)

void job_ids_init(JobIds *ids, int dir_fd) {
        *ids = (JobIds){ .dir_fd = dir_fd };
}

void job_ids_done(JobIds *ids) {
        if (ids->is_begun)
                (void) pthread_join(ids->thread, NULL);
        ids->is_begun = false;
}

void job_ids_set_floor(JobIds *ids, uint64_t floor) {
        if (floor > ids->floor)
                ids->floor = floor;
}

static void *reserve_ahead(void *userdata) {
        IdsAhead *ahead = userdata;

        ahead->error = store_reserve_ids(ahead->dir_fd, ahead->floor, &ahead->first, &ahead->end);
        return NULL;
}

/* No signal is for a thread. Without one they are reserved when they are needed. */
static void begin_ahead(JobIds *ids) {
        pthread_attr_t attributes;
        sigset_t all, before;

        if (ids->is_begun || pthread_attr_init(&attributes) != 0)
                return;
        ids->ahead = (IdsAhead){ .dir_fd = ids->dir_fd, .floor = ids->floor };
        (void) pthread_attr_setstacksize(&attributes, STACK_SIZE);
        (void) sigfillset(&all);
        (void) pthread_sigmask(SIG_SETMASK, &all, &before);
        ids->is_begun = pthread_create(&ids->thread, &attributes, reserve_ahead, &ids->ahead) == 0;
        (void) pthread_sigmask(SIG_SETMASK, &before, NULL);
        (void) pthread_attr_destroy(&attributes);
}

static int next_block(JobIds *ids) {
        if (ids->is_begun) {
                job_ids_done(ids);
                if (ids->ahead.error >= 0 && ids->ahead.first > ids->floor) {
                        ids->next = ids->ahead.first;
                        ids->end = ids->ahead.end;
                        return 0;
                }
        }
        return store_reserve_ids(ids->dir_fd, ids->floor, &ids->next, &ids->end);
}

int job_ids_take(JobIds *ids, uint64_t *ret) {
        int r;

        /* a floor that rose above what is left means that ids of it are in use */
        if (ids->next >= ids->end || ids->next <= ids->floor) {
                r = next_block(ids);
                if (r < 0)
                        return r;
        }
        *ret = ids->next++;
        if (ids->end - ids->next <= STORE_BLOCK / 2)
                begin_ahead(ids);
        return 0;
}
