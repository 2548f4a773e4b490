/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The files of the job store, below a directory that is root's alone: names, whole writes, bounded reads. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define STORE_NAME_MAX 32 /* "UINT64_MAX.json" and ".UINT64_MAX.json.tmp" fit, with the NUL */
#define STORE_BLOCK 256   /* ids that are reserved at once */

/* "17.json". */
void store_result_name(uint64_t id, char ret[static STORE_NAME_MAX]);

/* The id of such a name as we write it (no leading zero, 1 to INT64_MAX). Returns 0 or -EINVAL. */
int store_result_id(const char *name, uint64_t *ret);

/* Replaces NAME as a whole: a temporary file, then rename(2). MTIME (microseconds): its modification time,
 * 0: now. SYNC: it is on the disk, with its name, when this returns 0. Returns a negative errno else, and
 * nothing is left behind. */
int store_file_write(int dir_fd, const char *name, const char *text, size_t size, uint64_t mtime, bool sync);

/* Reads less than SIZE bytes. Returns 0; -ENOENT; -EBADMSG for what is no regular file or longer; another
 * negative errno. */
int store_file_read(int dir_fd, const char *name, char *text, size_t size, size_t *ret_size);

/* Calls EACH for the id and time (mtime, microseconds) of every result in FOLDER_FD, in no order, until it
 * returns non-zero. */
typedef int (*store_each_result_t)(uint64_t id, uint64_t time, void *userdata);
int store_each_result(int folder_fd, store_each_result_t each, void *userdata);

/* Calls EACH for every user who has a folder, until it returns non-zero, which is passed on. */
typedef int (*store_each_folder_t)(uid_t uid, void *userdata);
int store_each_folder(int dir_fd, store_each_folder_t each, void *userdata);

/* Reserves the next STORE_BLOCK ids, all above FLOOR: [*ret_first, *ret_end). See job_store_take_id(). */
int store_reserve_ids(int dir_fd, uint64_t floor, uint64_t *ret_first, uint64_t *ret_end);
