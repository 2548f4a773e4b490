/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The ids of jobs, from blocks that are reserved on the disk. A disk may take seconds for that, with the processes of a move
 * in the ice: so the next block is reserved by a thread while there is half of one left. */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Of the thread alone while it runs. */
typedef struct IdsAhead {
        int dir_fd;
        uint64_t floor;
        int error; /* negative errno, or 0: there are */
        uint64_t first, end;
} IdsAhead;

typedef struct JobIds {
        int dir_fd;
        uint64_t floor;
        uint64_t next, end; /* what is left of the block */
        pthread_t thread;
        bool is_begun; /* and not joined yet */
        IdsAhead ahead;
} JobIds;

/* Takes no ownership of DIR_FD. */
void job_ids_init(JobIds *ids, int dir_fd);
void job_ids_done(JobIds *ids);

/* See job_store_take_id(). Waits for the disk when a block is used up before the thread has the next one. */
int job_ids_take(JobIds *ids, uint64_t *ret);
void job_ids_set_floor(JobIds *ids, uint64_t floor);
