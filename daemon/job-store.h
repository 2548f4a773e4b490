/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Results of finished jobs: DIR/UID/ID.json, one file a job, its time the end of the job, folders 0700 and
 * files 0600 of root: their owner reads them through the daemon. DIR is /var/lib/cgmove in the installed
 * daemon. */

#include <stdint.h>
#include <sys/types.h>

#include "lib/job-record.h"
#include "lib/settings.h"

typedef struct JobStore JobStore;

/* Takes no ownership of DIR_FD, which must outlive the store. */
int job_store_new(int dir_fd, JobStore **ret);
JobStore *job_store_free(JobStore *store);
DEFINE_CLEANUP(JobStore, job_store_free)

/* Writes the result under a temporary name and renames it, then drops what settings->results_max and
 * results_age no longer keep for this user (never this one, nor one younger than a day because of age; of too many
 * those that ended first). Returns 0 or a negative errno (-ENOSPC, -EROFS, ...); then nothing of it is left
 * behind; -EINVAL for a record that has not ended. Not synced: a result may be lost with the power. Costs a
 * few calls however many results there are. */
int job_store_put(JobStore *store, const JobRecord *record, const Settings *settings);

/* The latter alone. Returns 0 or a negative errno. */
int job_store_prune(JobStore *store, uid_t uid, const Settings *settings);

/* The lowest number, from FROM on, of a user who has had a result. Returns 0; -ENOENT; another negative errno. */
int job_store_first_user(JobStore *store, uid_t from, uid_t *ret);

/* Returns 0; -ENOENT; -EBADMSG for a damaged file; -EPROTONOSUPPORT for one of a later version. */
int job_store_get(JobStore *store, uid_t uid, uint64_t id, JobRecord **ret);

/* Calls EACH for every result of UID (of everybody, user by user, for UID_NONE), ids ascending,
 * until it returns non-zero, which is passed on. Damaged files are skipped. */
typedef int (*job_store_each_t)(const JobRecord *record, void *userdata);
int job_store_each(JobStore *store, uid_t uid, job_store_each_t each, void *userdata);

/* Finds a result by id alone, for root. Returns as job_store_get(). */
int job_store_find(JobStore *store, uint64_t id, JobRecord **ret);

/* Job ids: host-wide, never used twice, also across reboots and crashes. Ids are reserved in blocks in
 * DIR/next-id (written and fsynced before the first id of a block is given out; but for the first block by a thread, see
 * job-ids.h), so most calls touch no file. Returns 0 or a negative errno; no id is given out that is not reserved on disk. A damaged or missing
 * next-id is rebuilt above every id that FLOOR (the highest id of a live job) or a stored result has. */
int job_store_take_id(JobStore *store, uint64_t *ret);
void job_store_set_floor(JobStore *store, uint64_t floor);
