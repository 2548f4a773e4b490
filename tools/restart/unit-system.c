/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The system manager, through the daemon: GetUnit, RestartUnit and StartUnit of org.cgmove1.Job, which work
 * from inside of the restart job and for its unit alone. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/client.h"
#include "tools/restart/unit-private.h"
#include "tools/status.h"

#define GIVE_UP (UINT64_C(60) * 1000000) /* for which the daemon may be away */

typedef struct SystemManager {
        UnitManager manager;
        uint64_t job;
        Client *client;
} SystemManager;

static int system_get(UnitManager *manager, const char *name, Unit *ret, Failure *failure) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        SystemManager *m = (SystemManager *) manager;
        Unit unit = { .id = "" };
        int r;

        r = client_call_job(&m->client, m->job, "GetUnit", UNIT_QUERY_TIMEOUT, GIVE_UP, NULL, &reply,
                            failure);
        if (r != 0)
                return r;
        r = unit_read_properties(reply, &unit);
        if (r < 0)
                return client_bad_message(r, failure);
        *ret = unit;
        return 0;
}

static int system_reload(UnitManager *manager, Failure *failure) {
        return failure_set(failure, STATUS_REFUSED, "NeedsReload",
                           "Files of the unit have changed, and PID 1 is reloaded by root only: \"systemctl "
                           "daemon-reload\".");
}

/* A daemon that goes away in the middle does not take the manager's job along, and each job is asked for
 * once. */
static int system_act(UnitManager *manager, const char *name, UnitAction action, uint64_t timeout,
                      char *ret_result, unit_tick_t tick, void *userdata, Failure *failure) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        SystemManager *m = (SystemManager *) manager;
        const char *result;
        int r;

        r = client_call_job(&m->client, m->job, action == UNIT_RESTART ? "RestartUnit" : "StartUnit",
                            timeout, 0, NULL, &reply, failure);
        if (r != 0 && (failure->lost || strcmp(failure->code, "Timeout") == 0)) {
                m->client = client_free(m->client);
                (void) strcpy(ret_result, "running");
                return 0;
        }
        if (r != 0)
                return r;
        r = sd_bus_message_read(reply, "s", &result);
        if (r < 0)
                return client_bad_message(r, failure);
        (void) snprintf(ret_result, UNIT_WORD_MAX, "%s", result);
        return 0;
}

static int system_start_transient(UnitManager *manager, const char *name, const char *description,
                                  char *const *command, Failure *failure) {
        return failure_set(failure, STATUS_FAILED, "Unsupported",
                           "The system manager starts no units for users.");
}

static UnitManager *system_free(UnitManager *manager) {
        SystemManager *m = (SystemManager *) manager;

        (void) client_free(m->client);
        free(m);
        return NULL;
}

static const UnitManagerType system_type = {
        .get = system_get,
        .reload = system_reload,
        .act = system_act,
        .start_transient = system_start_transient,
        .free = system_free,
};

int unit_manager_open_system(uint64_t job, UnitManager **ret, Failure *failure) {
        SystemManager *m = calloc(1, sizeof(*m));

        if (!m)
                return failure_errno(failure, ENOMEM, "Cannot reach the system manager");
        m->manager.type = &system_type;
        m->job = job;
        *ret = &m->manager;
        return 0;
}
