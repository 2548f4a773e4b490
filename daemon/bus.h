/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The object tree of org.cgmove1(5): /org/cgmove1 and /org/cgmove1/job/N, on the private socket with its
 * methods, on the system bus read-only. */

#include <systemd/sd-bus.h>

#include "daemon/connection.h"
#include "daemon/job-view.h"

/* With the connection as userdata of every handler. */
int bus_add_private_objects(Connection *connection);

/* With the daemon as userdata. */
int bus_add_public_objects(sd_bus *bus, Daemon *daemon);

typedef enum JobDetail {
        JOB_PROPERTIES, /* what the record says */
        JOB_USAGE,      /* and its outcome, and what the kernel says of a live job */
} JobDetail;

/* Appends one a{sv}. */
int bus_append_job(sd_bus_message *message, const JobView *view, JobDetail detail);

/* sd_bus_property_get_t over a JobView as userdata: the same fields by name. */
int bus_get_job_property(sd_bus *bus, const char *path, const char *interface, const char *property,
                         sd_bus_message *reply, void *userdata, sd_bus_error *ret_error);

#define JOB_PATH_MAX 64
void bus_job_path(uint64_t id, char ret[static JOB_PATH_MAX]);

/* The job ID if CALLER may know of it: a live one, or a finished one that is read into *ret_finished (freed
 * by the caller). Returns 0, or a negative errno with RET_ERROR set. */
int bus_find_job(Daemon *daemon, const Caller *caller, uint64_t id, JobView *ret, JobRecord **ret_finished,
                 sd_bus_error *ret_error);

/* GetSessions() of the manager; see bus-sessions.c. */
int bus_get_sessions(sd_bus_message *message, void *userdata, sd_bus_error *ret_error);

/* Vtables of bus-manager.c and bus-job.c. */
extern const sd_bus_vtable bus_manager_vtable[];
extern const sd_bus_vtable bus_manager_public_vtable[];
extern const sd_bus_vtable bus_job_vtable[];
extern const sd_bus_vtable bus_job_public_vtable[];
int bus_job_find(sd_bus *bus, const char *path, const char *interface, void *userdata, void **ret_found,
                 sd_bus_error *ret_error);
int bus_job_public_find(sd_bus *bus, const char *path, const char *interface, void *userdata, void **ret_found,
                        sd_bus_error *ret_error);
int bus_job_public_enumerate(sd_bus *bus, const char *prefix, void *userdata, char ***ret_nodes,
                             sd_bus_error *ret_error);
int bus_job_enumerate(sd_bus *bus, const char *prefix, void *userdata, char ***ret_nodes, sd_bus_error *ret_error);
