/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Loads the policy without ever waiting for a directory service: the files are parsed here, names are looked
 * up by a child that is given limited time (name-lookup.h). */

#include <systemd/sd-event.h>

#include "daemon/name-members.h"
#include "lib/policy.h"
#include "lib/settings.h"

typedef struct PolicyLoader PolicyLoader;

typedef struct PolicyHandler {
        /* ERROR 0: SETTINGS and POLICY (now the callee's, who keeps it until the next one) are complete, but
         * for N_FAILED names that could not be looked up now. Else PROBLEM is one sentence on why not, and
         * the others are NULL. */
        void (*loaded)(int error, const char *problem, const Settings *settings, Policy *policy,
                       size_t n_failed, void *userdata);

        /* After policy_loader_look_up(): all but N_FAILED names of the policy in force have a new answer. */
        void (*looked_up)(size_t n_failed, void *userdata);

        /* After each of both, later: see name-lookup.h. */
        void (*members)(NameMembersState state, const char *names, size_t size, void *userdata);

        void *userdata;
} PolicyHandler;

int policy_loader_new(sd_event *event, const char *conf_dir, const PolicyHandler *handler,
                      PolicyLoader **ret);
PolicyLoader *policy_loader_free(PolicyLoader *loader);
DEFINE_CLEANUP(PolicyLoader, policy_loader_free)

/* Starts a load; the handler is called later, or from within if nothing has to be resolved or the files are
 * bad. Names that cannot be looked up have the ids that they have IN_FORCE. A load under way is given up in
 * favour of the new one. */
void policy_loader_start(PolicyLoader *loader, const Policy *in_force);

/* Looks the names of IN_FORCE up again, and no file, and with more time. It must be there until then. */
void policy_loader_look_up(PolicyLoader *loader, Policy *in_force);
