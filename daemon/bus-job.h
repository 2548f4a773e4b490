/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Inside of the object org.cgmove1.Job: handlers of bus-job-inside.c and bus-job-unit.c, with a JobCall as
 * userdata, and what all of them begin with. */

#include <stdbool.h>
#include <systemd/sd-bus.h>

#include "daemon/connection.h"

/* Only an empty dictionary is understood where an option may come later. */
int bus_job_refuse_options(sd_bus_message *call, sd_bus_error *ret_error);

/* An error (NoSuchJob) for a job that has ended. */
int bus_job_need_live(const JobView *view, sd_bus_error *ret_error);

/* Whether the caller is a process of the job, and its owner's: what others say of it would be hearsay. */
bool bus_job_caller_is_inside(const JobCall *call);

/* What a job tells of itself. */
int bus_job_finish(sd_bus_message *message, void *userdata, sd_bus_error *ret_error);
int bus_job_report(sd_bus_message *message, void *userdata, sd_bus_error *ret_error);

/* What a job that restarts a system unit has done. */
int bus_job_get_unit(sd_bus_message *message, void *userdata, sd_bus_error *ret_error);
int bus_job_restart_unit(sd_bus_message *message, void *userdata, sd_bus_error *ret_error);
int bus_job_start_unit(sd_bus_message *message, void *userdata, sd_bus_error *ret_error);
