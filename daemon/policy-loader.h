/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Loads the policy without ever waiting for a directory service: the files are parsed here, names are
 * resolved in a child process that is given limited time. */

#include <systemd/sd-event.h>

#include "lib/policy.h"
#include "lib/settings.h"

typedef struct PolicyLoader PolicyLoader;

/* ERROR 0: SETTINGS and POLICY (now the callee's) are complete. Else PROBLEM is one sentence on why not, and
 * the others are NULL. */
typedef void (*policy_loaded_t)(int error, const char *problem, const Settings *settings, Policy *policy,
                                void *userdata);

int policy_loader_new(sd_event *event, const char *conf_dir, policy_loaded_t loaded, void *userdata,
                      PolicyLoader **ret);
PolicyLoader *policy_loader_free(PolicyLoader *loader);
DEFINE_CLEANUP(PolicyLoader, policy_loader_free)

/* Starts a load; LOADED is called later, or from within if nothing has to be resolved or the files are bad.
 * A load under way is given up in favour of the new one. */
void policy_loader_start(PolicyLoader *loader);
