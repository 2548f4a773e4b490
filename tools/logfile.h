/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Where the logs of jobs lie and how they are made: with the user's own rights, never through a link,
 * never where the last logout takes them away. Functions return 0, or an exit status with FAILURE
 * filled. */

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/client.h"
#include "tools/failure.h"

#define LOGFILE_AGE_MAX                                                                                     \
        (UINT64_C(7) * 24 * 3600 * 1000000) /* microseconds that the log of an ended job is kept */
#define LOGFILE_FOLDER_MAX (UINT64_C(256) * 1024 * 1024) /* bytes of all logs; beyond that the oldest go */

/* Where the folder is: ${XDG_STATE_HOME:-$HOME/.local/state}/cgmove, with the caller's home directory by the
 * user database if there is no $HOME. For root neither variable counts unless it leads through folders that
 * are root's alone. Returns 0; -ENOENT: no home directory is known; -ENAMETOOLONG. */
int logfile_folder(char *ret, size_t size);

/* That folder, made if need be (0700), as an absolute path without links. What to do where there is none differs: the
 * sentence does not say it. */
int logfile_directory(char ret[static PATH_MAX], Failure *failure);

/* "job-ID.log", where the daemon says that the log is; from N = 2 on "job-ID-N.log", older logs of other jobs
 * of that number, which begin anew when the package was purged. */
#define LOGFILE_NAME_MAX 48
#define LOGFILE_SAME_MAX 99 /* logs of one number */
void logfile_name(uint64_t id, unsigned n, char ret[static LOGFILE_NAME_MAX]);

/* A new file DIRECTORY/job-ID.log (0600), open for reading and writing; one that has this name gets another.
 * Its path goes to PATH. */
int logfile_create(const char *directory, uint64_t id, char path[static PATH_MAX], int *ret_fd,
                   Failure *failure);

/* WORD as an absolute path; its folder must exist. */
int logfile_absolute(const char *word, char ret[static PATH_MAX], Failure *failure);

/* The file a user named, made if need be: a regular file of the user's own, no link. It keeps what is in it
 * until it is emptied, for a job that is allowed. */
int logfile_open(const char *path, int *ret_fd, Failure *failure);
int logfile_empty(const char *path, int fd, Failure *failure);

/* Opens the log of a job for reading: a regular file that belongs to UID, whose job it is. */
int logfile_open_read(const char *path, uid_t uid, int *ret_fd, Failure *failure);

/* Removes logs of ended jobs from DIRECTORY as the limits above say. Asks the daemon only if there is
 * something to remove. Failing is not worth a word: the next run tries again. */
void logfile_prune(const char *directory, Client **client);
