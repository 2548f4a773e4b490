/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* org.cgmove1 on the system bus: introspection, properties and signals, read-only. Nothing depends on it: it
 * comes and goes with the bus daemon. */

#include "lib/cleanup.h"
#include "lib/job-record.h"

typedef struct Daemon Daemon;
typedef struct SystemBus SystemBus;

int system_bus_new(Daemon *daemon, SystemBus **ret);
SystemBus *system_bus_free(SystemBus *self);
DEFINE_CLEANUP(SystemBus, system_bus_free)

/* The signals JobNew and JobRemoved; SELF may be NULL. */
void system_bus_job_new(SystemBus *self, const JobRecord *record);
void system_bus_job_removed(SystemBus *self, const JobRecord *record);
