/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "daemon/cgroup.h"
#include "daemon/job-private.h"
#include "daemon/job-stop.h"
#include "daemon/log.h"
#include "daemon/uptime.h"
#include "lib/protocol.h"
#include "lib/values.h"

#define KEEP_AGAIN_FIRST USEC_PER_SEC /* doubled each time */
#define KEEP_AGAIN_LAST (32 * USEC_PER_SEC)

uint64_t job_now(void) {
        struct timespec now;

        (void) clock_gettime(CLOCK_REALTIME, &now);
        return (uint64_t) now.tv_sec * USEC_PER_SEC + (uint64_t) now.tv_nsec / 1000;
}

void job_tell_waiters(Job *job, const JobRecord *record) {
        JobWaiter *waiter;

        while ((waiter = LIST_FIRST(&job->waiters))) {
                job_waiter_cancel(waiter);
                waiter->ended(waiter, record);
        }
}

/* FD: its group, -1 if systemd has removed that already. */
static const char *job_get_result(const Job *job, int fd) {
        const JobRecord *record = job->record;
        uint64_t n_oom_kills;

        if (record->stop_result)
                return record->stop_result;
        /* a keeper that was killed alone takes no job along: a command that ended by itself says so */
        if ((!record->status_known || record->exit_signal != 0) && pool_keeper_is_gone(job->pool, job->set->kernel))
                return CGMOVE_RESULT_POOL_STOPPED;
        if (fd >= 0 && cgroup_read_key(fd, "memory.events", "oom_kill", &n_oom_kills) >= 0 && n_oom_kills > 0)
                return CGMOVE_RESULT_OOM;
        if (!record->status_known)
                return CGMOVE_RESULT_ENDED;
        return record->exit_code == 0 && record->exit_signal == 0 ? CGMOVE_RESULT_DONE : CGMOVE_RESULT_FAILED;
}

int job_save(const Job *job, int fd) {
        _cleanup_free_ char *text = NULL;
        int r;

        r = job_record_encode(job->record, &text);
        if (r < 0)
                return r;
        return cgroup_set_record(fd, text, strlen(text));
}

/* What it has come to, once: the record on its group says it too, so that whatever becomes of the daemon the
 * next one does not decide anew. */
static void job_settle(Job *job, int fd) {
        JobSet *set = job->set;
        JobRecord *record = job->record;

        record->ended = job_now();
        record->up = uptime_now();
        record->result = job_get_result(job, fd);
        record->stop_reach = JOB_REACH_NOBODY;
        record->stop_kill_at = 0;
        record->stop_result = NULL;
        job->stop = job_stop_free(job->stop);
        if (fd >= 0)
                (void) job_save(job, fd);

        log_job_ended(record);
        job_tell_waiters(job, record);
        set->listener.ended(record, set->listener.userdata);
}

static int on_keep_again(sd_event_source *source, uint64_t usec, void *userdata) {
        job_check(userdata);
        return 0;
}

/* A full disk, say: the group with the record stays, and the job in the list of its user, until the result
 * can be kept. */
static void keep_later(Job *job, int error) {
        uint64_t after = KEEP_AGAIN_FIRST << job->n_unkept;
        int r;

        if (job->n_unkept == 0)
                log_failure(job->record, "The result of job %" PRIu64 " cannot be kept yet: %s", job->record->id,
                            strerror(-error));
        if (after < KEEP_AGAIN_LAST)
                job->n_unkept++;
        job->timer = sd_event_source_disable_unref(job->timer);
        r = sd_event_add_time_relative(job->set->event, &job->timer, CLOCK_BOOTTIME, after, 0, on_keep_again, job);
        if (r < 0)
                job_look_again(job);
}

static void job_end(Job *job, int fd) {
        JobRecord *record = job->record;
        char name[JOB_GROUP_NAME_MAX];
        int r;

        if (!record->result)
                job_settle(job, fd);

        r = job_store_put(job->set->store, record, job->set->settings);
        if (r < 0) {
                keep_later(job, r);
                return;
        }

        job_unlink(job);
        job_group_name(record->id, name);
        r = cgroup_remove(pool_fd(job->pool), name);
        if (r < 0 && r != -ENODEV)
                log_failure(record, "The empty group of job %" PRIu64 " cannot be removed: %s", record->id,
                            strerror(-r));
        job_free(job);
}

void job_check(Job *job) {
        _cleanup_close_ int fd = -1;
        CgroupEvents events;
        int r;

        r = job_open(job, &fd);
        if (r >= 0)
                r = cgroup_get_events(fd, "cgroup.events", &events);
        if (r >= 0 && events.populated)
                return;
        if (r < 0 && r != -ENOENT && r != -ENODEV) {
                if (!job->must_look)
                        log_failure(job->record, "Job %" PRIu64 " cannot be looked at: %s", job->record->id,
                                    strerror(-r));
                job_look_again(job);
                return;
        }

        job_end(job, fd);
}
