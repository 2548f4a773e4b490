/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Finding the jobs again: the tree is the truth, whatever became of the daemon before. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "daemon/cgroup.h"
#include "daemon/job-private.h"
#include "daemon/job-stop.h"
#include "daemon/log.h"
#include "daemon/move.h"
#include "daemon/repair.h"
#include "lib/protocol.h"
#include "lib/values.h"

static int read_record(int fd, uint64_t id, uid_t uid, JobRecord **ret) {
        _cleanup_(job_record_freep) JobRecord *record = NULL;
        char text[JOB_RECORD_SIZE_MAX];
        size_t size;
        int r;

        r = cgroup_get_record(fd, text, sizeof(text), &size);
        if (r < 0)
                return r;
        r = job_record_decode(text, size, &record);
        if (r < 0)
                return r;
        if (record->id != id || record->uid != uid)
                return -EBADMSG;

        *ret = TAKE_PTR(record);
        return 0;
}

/* For processes in a group that says nothing about itself (an unknown record of a later version, say): they
 * are a job all the same, so that they can be seen and stopped. */
static int make_record(uint64_t id, uid_t uid, JobRecord **ret) {
        JobRecord record = {
                .id = id,
                .uid = uid,
                .kind = JOB_MOVE,
                .limits = { LIMIT_NONE, LIMIT_NONE, 0, LIMIT_NONE },
                .name = "found",
                .source = "other",
        };
        int r;

        r = sd_id128_randomize(&record.invocation_id);
        return r < 0 ? r : job_record_new(&record, ret);
}

/* What says nothing of itself, or nothing that can be understood. Any other error says nothing either, of the
 * record; it must not be lost for want of a descriptor. */
static bool is_no_record(int error) {
        return error == -ENODATA || error == -EBADMSG || error == -EPROTONOSUPPORT;
}

/* A group is frozen while a move into it is under way, and while a stop kills what is in it. */
static bool is_cut_off_move(const JobRecord *record) {
        return !record || (!record->result && record->stop_reach == JOB_REACH_NOBODY);
}

static void resume_stop(Job *job, bool frozen) {
        int r;

        r = job_stop_resume(job, frozen);
        if (r < 0)
                log_failure(job->record, "The stop of job %" PRIu64 " cannot be gone on with: %s", job->record->id,
                            strerror(-r));
}

static int discover_group(JobSet *set, Pool *pool, const char *name, uint64_t id) {
        _cleanup_(job_record_freep) JobRecord *record = NULL;
        char path[JOB_GROUP_NAME_MAX + 1] = "/";
        _cleanup_close_ int fd = -1;
        CgroupEvents events;
        uint64_t freeze = 0;
        bool is_moving;
        Job *job;
        int r;

        job_group_name(id, path + 1);
        r = cgroup_open(pool_fd(pool), path, &fd);
        if (r >= 0)
                r = cgroup_get_events(fd, "cgroup.events", &events);
        if (r >= 0)
                r = cgroup_read_u64(fd, "cgroup.freeze", &freeze);
        if (r < 0)
                return r;

        r = read_record(fd, id, pool_uid(pool), &record);
        if (r < 0 && !is_no_record(r))
                return r;
        is_moving = freeze != 0 && is_cut_off_move(record);
        if (!events.populated && (is_moving || r < 0))
                return cgroup_remove(pool_fd(pool), name); /* a move that had not moved anybody */
        if (r < 0)
                r = make_record(id, pool_uid(pool), &record);
        if (r >= 0 && is_moving)
                r = move_complete(job_set_kernel(set), pool, fd, record);
        if (r < 0)
                return r;

        r = job_set_add(set, pool, TAKE_PTR(record), &job);
        if (r >= 0 && job->record->stop_reach != JOB_REACH_NOBODY)
                resume_stop(job, freeze != 0);
        if (r >= 0)
                job_check(job);
        return r == -ENOENT || r == -ENODEV ? 0 : r; /* it went meanwhile */
}

int job_set_discover(JobSet *set, Pool *pool) {
        _cleanup_closedir_ DIR *dir = NULL;
        struct dirent *entry;
        bool is_whole = true;
        uint64_t id;
        int fd, r;

        fd = openat(pool_fd(pool), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        dir = fdopendir(fd);
        if (!dir) {
                closep(&fd);
                return -errno;
        }

        while ((errno = 0, entry = readdir(dir))) {
                if (entry->d_type != DT_DIR || !job_group_name_parse(entry->d_name, &id) || job_set_find(set, id))
                        continue;

                r = discover_group(set, pool, entry->d_name, id);
                if (r == -ENOENT || r == -ENODEV || r >= 0)
                        continue;
                log_failure(NULL, "The group %s/%s cannot be taken over yet: %s", pool_path(pool), entry->d_name,
                            strerror(-r));
                is_whole = false;
        }
        if (errno != 0)
                is_whole = false;
        return is_whole ? 0 : job_set_discover_later(set, pool);
}
