/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>

#include "daemon/name-lookup.h"
#include "daemon/policy-loader.h"
#include "lib/cleanup.h"
#include "lib/policy-file.h"
#include "lib/values.h"

/* Clients of a daemon that has just been started wait for the names, 15 s at most; a second look has time.
 */
#define FIRST_PATIENCE (5 * USEC_PER_SEC)
#define AGAIN_PATIENCE (60 * USEC_PER_SEC)

struct PolicyLoader {
        char *conf_dir;
        PolicyHandler handler;
        NameLookup *lookup;

        /* the load under way */
        Settings settings;
        Policy *policy; /* until it is handed on; NULL while names of one in force are looked up again */
};

static void fail(PolicyLoader *loader, int error, const char *problem) {
        loader->policy = policy_free(loader->policy);
        loader->handler.loaded(error, problem, NULL, NULL, 0, loader->handler.userdata);
}

static void on_names(int error, size_t n_failed, void *userdata) {
        PolicyLoader *loader = userdata;
        Policy *policy;

        if (!loader->policy) {
                loader->handler.looked_up(error < 0 ? 1 : n_failed, loader->handler.userdata);
                return;
        }
        if (error < 0) {
                fail(loader, error, "The users and groups of the policy could not be looked up.");
                return;
        }
        policy = TAKE_PTR(loader->policy);
        loader->handler.loaded(0, NULL, &loader->settings, policy, n_failed, loader->handler.userdata);
}

static void on_members(NameMembersState state, const char *names, size_t size, void *userdata) {
        const PolicyLoader *loader = userdata;

        loader->handler.members(state, names, size, loader->handler.userdata);
}

void policy_loader_start(PolicyLoader *loader, const Policy *in_force) {
        PolicyProblem problem = {};
        int r;

        name_lookup_cancel(loader->lookup);
        loader->policy = policy_free(loader->policy);
        r = policy_files_load(loader->conf_dir, POLICY_TRUST_ROOT, &loader->settings, &loader->policy,
                              &problem);
        if (r < 0)
                fail(loader, r, problem.text ? problem.text : strerror(-r));
        policy_problem_clear(&problem);
        if (r < 0)
                return;

        policy_inherit(loader->policy, in_force);
        name_lookup_start(loader->lookup, loader->policy, FIRST_PATIENCE);
}

void policy_loader_look_up(PolicyLoader *loader, Policy *in_force) {
        if (!loader->policy) /* else a load is under way */
                name_lookup_start(loader->lookup, in_force, AGAIN_PATIENCE);
}

int policy_loader_new(sd_event *event, const char *conf_dir, const PolicyHandler *handler,
                      PolicyLoader **ret) {
        _cleanup_(policy_loader_freep) PolicyLoader *loader = NULL;
        NameHandler names = { .names = on_names, .members = on_members };
        int r;

        loader = calloc(1, sizeof(*loader));
        if (!loader)
                return -ENOMEM;
        loader->handler = *handler;
        loader->conf_dir = strdup(conf_dir);
        if (!loader->conf_dir)
                return -ENOMEM;

        names.userdata = loader;
        r = name_lookup_new(event, &names, &loader->lookup);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(loader);
        return 0;
}

PolicyLoader *policy_loader_free(PolicyLoader *loader) {
        if (!loader)
                return NULL;

        name_lookup_free(loader->lookup);
        policy_free(loader->policy);
        free(loader->conf_dir);
        free(loader);
        return NULL;
}
