/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How the end of a job is noticed: by inotify, and where that cannot be had by looking again and again. */

#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/inotify.h>

#include "daemon/cgroup.h"
#include "daemon/job-private.h"
#include "daemon/log.h"
#include "lib/values.h"

#define LOOK_AGAIN_AFTER USEC_PER_SEC
#define LOOK_AGAIN_EACH (USEC_PER_SEC / 1000) /* longer with many jobs: a look at one costs some 20 us */

static int compare_watch(const void *a, const void *b) {
        int x = ((const Job *) a)->watch, y = ((const Job *) b)->watch;

        return x < y ? -1 : x > y;
}

/* --- what is told -------------------------------------------------------------------------------------- */

/* Either a job's cgroup.events has changed, or a group of a pool has been removed. */
static void handle_event(JobSet *set, const struct inotify_event *event) {
        Job key = { .watch = event->wd }, *job = NULL;
        Job **node;
        uint64_t id;

        if (event->mask & IN_DELETE) {
                if (event->len > 0 && job_group_name_parse(event->name, &id))
                        job = job_set_find(set, id);
        } else {
                node = tfind(&key, &set->by_watch, compare_watch);
                job = node ? *node : NULL;
        }
        if (job)
                job_check(job);
}

/* The queue overflowed: whatever it was, look at every job. */
static int check_each(Job *job, void *userdata) {
        job_check(job);
        return 0;
}

static int on_inotify(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        char buffer[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
        JobSet *set = userdata;
        ssize_t n;

        n = read(fd, buffer, sizeof(buffer));
        for (char *p = buffer; n > 0 && p < buffer + n;) {
                const struct inotify_event *event = (const struct inotify_event *) p;

                if (event->mask & IN_Q_OVERFLOW)
                        (void) job_set_each(set, UID_NONE, check_each, NULL);
                else
                        handle_event(set, event);
                p += sizeof(*event) + event->len;
        }
        return 0;
}

static int open_inotify(JobSet *set) {
        int r;

        if (set->inotify_fd >= 0)
                return 0;
        set->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        if (set->inotify_fd < 0)
                return -errno;
        r = sd_event_add_io(set->event, &set->inotify, set->inotify_fd, EPOLLIN, on_inotify, set);
        if (r < 0) {
                closep(&set->inotify_fd);
                set->inotify_fd = -1;
        }
        return r < 0 ? r : 0;
}

/* A change of cgroup.events is notified at most every 10 ms (CGROUP_FILE_NOTIFY_MIN_INTV of the kernel), and
 * the notification that is put off is dropped if the group is removed meanwhile, as systemd does in the stop
 * of a pool. So removals are watched too, on the pool: adding that watch again does nothing. */
static int add_watch(Job *job) {
        JobSet *set = job->set;
        char name[JOB_GROUP_NAME_MAX], path[64 + JOB_GROUP_NAME_MAX];
        int r;

        r = open_inotify(set);
        if (r < 0)
                return r;
        (void) snprintf(path, sizeof(path), "/proc/self/fd/%d", pool_fd(job->pool));
        if (inotify_add_watch(set->inotify_fd, path, IN_DELETE | IN_ONLYDIR) < 0)
                return -errno;

        job_group_name(job->record->id, name);
        (void) snprintf(path, sizeof(path), "/proc/self/fd/%d/%s/cgroup.events", pool_fd(job->pool), name);
        job->watch = inotify_add_watch(set->inotify_fd, path, IN_MODIFY);
        if (job->watch < 0)
                return -errno;
        if (tsearch(job, &set->by_watch, compare_watch)) {
                set->is_blind = false;
                return 0;
        }

        (void) inotify_rm_watch(set->inotify_fd, job->watch);
        job->watch = -1;
        return -ENOMEM;
}

int job_watch(Job *job) {
        int r;

        r = add_watch(job);
        if (r >= 0 || r == -ENOENT || r == -ENODEV)
                return r;

        if (!job->set->is_blind)
                log_failure(job->record,
                            "Jobs cannot be watched (%s): until they can, they are looked at from time to "
                            "time",
                            strerror(-r));
        job->set->is_blind = true;
        job_look_again(job);
        return 0;
}

void job_unwatch(Job *job) {
        if (job->watch < 0)
                return;

        (void) tdelete(job, &job->set->by_watch, compare_watch);
        (void) inotify_rm_watch(job->set->inotify_fd, job->watch);
        job->watch = -1;
}

/* --- what nobody tells --------------------------------------------------------------------------------- */

static void arm(JobSet *set) {
        uint64_t after = LOOK_AGAIN_AFTER + set->n_jobs * LOOK_AGAIN_EACH;

        if (sd_event_source_get_enabled(set->again, NULL) > 0)
                return;
        (void) sd_event_source_set_time_relative(set->again, after);
        (void) sd_event_source_set_enabled(set->again, SD_EVENT_ONESHOT);
}

void job_look_again(Job *job) {
        job->must_look = true;
        arm(job->set);
}

static int look_each(Job *job, void *userdata) {
        _cleanup_close_ int fd = -1;

        if (!job->must_look)
                return 0;
        if (job->must_thaw && job_open(job, &fd) >= 0 && cgroup_freeze(fd, false) >= 0)
                job->must_thaw = false;
        job->must_look = job->must_thaw;
        if (job->watch < 0)
                (void) job_watch(job);
        if (job->must_look)
                arm(job->set);
        job_check(job);
        return 0;
}

int job_set_discover_later(JobSet *set, Pool *pool) {
        HalfFound *half;

        SLIST_FOREACH(half, &set->half_found, halves)
        if (half->pool == pool)
                return 0;
        half = calloc(1, sizeof(*half));
        if (!half)
                return -ENOMEM;
        pool_hold(pool);
        half->pool = pool;
        SLIST_INSERT_HEAD(&set->half_found, half, halves);
        arm(set);
        return 0;
}

static int on_again(sd_event_source *source, uint64_t usec, void *userdata) {
        JobSet *set = userdata;
        HalfFound *half;
        struct HalfFoundList list = set->half_found;

        SLIST_INIT(&set->half_found);
        while ((half = SLIST_FIRST(&list))) {
                SLIST_REMOVE_HEAD(&list, halves);
                (void) job_set_discover(set, half->pool);
                pool_release(half->pool);
                free(half);
        }
        (void) job_set_each(set, UID_NONE, look_each, NULL);
        return 0;
}

int job_watches_init(JobSet *set) {
        int r;

        set->inotify_fd = -1;
        r = sd_event_add_time(set->event, &set->again, CLOCK_BOOTTIME, UINT64_MAX, 0, on_again, set);
        return r < 0 ? r : sd_event_source_set_enabled(set->again, SD_EVENT_OFF);
}

void job_watches_done(JobSet *set) {
        HalfFound *half;

        while ((half = SLIST_FIRST(&set->half_found))) {
                SLIST_REMOVE_HEAD(&set->half_found, halves);
                pool_release(half->pool);
                free(half);
        }
        (void) sd_event_source_disable_unref(set->again);
        (void) sd_event_source_disable_unref(set->inotify);
        closep(&set->inotify_fd);
}
