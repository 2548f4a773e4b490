/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Whether targets are main or control processes of their units: asks the managers concerned, each unit once, and nobody
 * about targets that are passed over. A user's manager may be anything of the user's: so there is one deadline over all
 * that is asked. */

#include <systemd/sd-bus.h>

#include "daemon/tree.h"

typedef struct Daemon Daemon;
typedef struct MainProcessQuery MainProcessQuery;

/* ERROR 0: unit_process of every target that may be one is YES or NO. Else a manager that runs did not
 * answer (in time). DONE may be called from within main_process_query_new(), and may free the query. */
typedef void (*main_process_done_t)(int error, const char *message, void *userdata);

/* *ret_query is set before DONE is called. */
int main_process_query_new(Daemon *daemon, Targets *targets, main_process_done_t done, void *userdata,
                           MainProcessQuery **ret_query);
/* After DONE without an error: looks at the targets that have been added since, and calls DONE again,
 * perhaps from within. These are frozen meanwhile, and so the deadline is a short one. */
void main_process_query_resume(MainProcessQuery *query);

/* What DONE was told, for whoever asked: sets *RET_ERROR and returns as sd_bus_error_*() does. */
int main_process_refusal(int error, const char *message, sd_bus_error *ret_error);

MainProcessQuery *main_process_query_free(MainProcessQuery *query);
