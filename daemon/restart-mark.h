/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What must not be forgotten of a restart of a system unit, whatever becomes of the daemon: a file for each
 * job, named by its id, in a folder of root's (/run/cgmove/restarts; not beyond a reboot). It is there from
 * before PID 1 is asked for the restart until nothing is left to be done about it. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/source.h"

#define RESTART_MARK_MAX (UNIT_NAME_MAX + 64) /* bytes of a file */

typedef struct RestartMark {
        uint64_t job;
        bool was_up;   /* before the restart */
        bool starting; /* its failure was reset or is about to be, and it is not started again yet */
        unsigned n_starts;
        char unit[UNIT_NAME_MAX + 1];
} RestartMark;

/* "1 JOB WAS_UP STARTING N_STARTS UNIT\n" in BUFFER. Returns its length. Pure. */
size_t restart_mark_encode(const RestartMark *mark, char buffer[static RESTART_MARK_MAX]);

/* Returns 0; -EBADMSG for what restart_mark_encode() does not write. Pure. */
int restart_mark_decode(const char *text, size_t size, RestartMark *ret);

/* Writes it in place of an earlier one, as a whole or not at all. Returns 0 or a negative errno. */
int restart_mark_write(int dir_fd, const RestartMark *mark);
void restart_mark_remove(int dir_fd, uint64_t job);

/* Calls EACH for every mark of the folder; what is none is removed. */
typedef void (*restart_mark_each_t)(const RestartMark *mark, void *userdata);
int restart_mark_each(int dir_fd, restart_mark_each_t each, void *userdata);
