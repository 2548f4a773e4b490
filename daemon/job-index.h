/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Which results a user has, and when those jobs ended: who ended first comes first. */

#include <stddef.h>
#include <stdint.h>

typedef struct JobIndexItem {
        uint64_t id;
        uint64_t time; /* CLOCK_REALTIME, microseconds */
} JobIndexItem;

typedef struct JobIndex {
        JobIndexItem *items; /* with a gap at the front, so that dropping the oldest is cheap */
        size_t first, end, size;
} JobIndex;

/* Fills an empty index from a folder of the store. Returns 0 or a negative errno. */
int job_index_read(JobIndex *index, int folder_fd);
void job_index_done(JobIndex *index);

/* Makes room for one item. Returns 0 or -ENOMEM. */
int job_index_reserve(JobIndex *index);

/* Never fails after job_index_reserve(). ID must not be in it: see job_index_forget(), which looks through all. */
void job_index_add(JobIndex *index, uint64_t id, uint64_t time);
void job_index_forget(JobIndex *index, uint64_t id);

/* Whatever is said to have ended after NOW ended at TIME instead, so that it is older than what ends from now on. */
void job_index_put_back(JobIndex *index, uint64_t now, uint64_t time);

/* Ascending. The caller frees *ret. Returns 0 or -ENOMEM. */
int job_index_copy_ids(const JobIndex *index, uint64_t **ret, size_t *ret_n);

/* The oldest first. Both call DROPPED for every id that is dropped; the first asks before when it really ENDED, at TIME or
 * later for what is to stay. */
typedef void (*job_index_dropped_t)(uint64_t id, void *userdata);
typedef uint64_t (*job_index_ended_t)(uint64_t id, void *userdata);
void job_index_drop_older(JobIndex *index, uint64_t time, job_index_ended_t ended, job_index_dropped_t dropped,
                          void *userdata);
void job_index_drop_down_to(JobIndex *index, size_t n, job_index_dropped_t dropped, void *userdata);
