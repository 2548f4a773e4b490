/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Inside of unit.h: the two ways to a manager. */

#include <systemd/sd-bus.h>

#include "tools/restart/unit.h"

#define UNIT_QUERY_TIMEOUT (UINT64_C(10) * 1000000) /* microseconds */
#define UNIT_RELOAD_TIMEOUT (UINT64_C(90) * 1000000)

typedef struct UnitManagerType {
        int (*get)(UnitManager *manager, const char *name, Unit *ret, Failure *failure);
        int (*reload)(UnitManager *manager, Failure *failure);
        int (*act)(UnitManager *manager, const char *name, UnitAction action, uint64_t timeout,
                   char *ret_result, unit_tick_t tick, void *userdata, Failure *failure);
        int (*start_transient)(UnitManager *manager, const char *name, const char *description,
                               char *const *command, Failure *failure);
        bool (*is_stopping)(UnitManager *manager); /* NULL: never */
        const char *(*result)(const UnitManager *manager); /* NULL: "" */
        UnitManager *(*free)(UnitManager *manager);
} UnitManagerType;

/* The first member of what each way allocates. */
struct UnitManager {
        const UnitManagerType *type;
};

/* Reads a dictionary of properties (a{sv}, entered by this) into UNIT; those that it does not know are
 * skipped. Returns 0 or a negative errno. */
int unit_read_properties(sd_bus_message *message, Unit *unit);
