/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Looks up the names of a policy without ever waiting for a directory service: a child process does it
 * (name-child.h), and has limited time. If it does not end in time, or ends badly, another one does with
 * local files alone. Then those whose users are local work as ever, what is unknown is marked (see
 * policy_resolve()), and the caller tries again later. */

#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "daemon/name-members.h"
#include "lib/policy.h"

typedef struct NameLookup NameLookup;

typedef struct NameHandler {
        /* The policy has its ids; N_FAILED of its names could not be looked up now. ERROR: a negative errno
         * if not even local files could be read; then it has what it had. Called from within
         * name_lookup_start() if there are no names. */
        void (*names)(int error, size_t n_failed, void *userdata);

        /* Later: the users whom the policy lets do anything, as allowed_encode() wants them; NULL if not
         * even local ones could be found. */
        void (*members)(NameMembersState state, const char *names, size_t size, void *userdata);

        void *userdata;
} NameHandler;

int name_lookup_new(sd_event *event, const NameHandler *handler, NameLookup **ret);
NameLookup *name_lookup_free(NameLookup *lookup);
DEFINE_CLEANUP(NameLookup, name_lookup_free)

/* POLICY stays the caller's, and must be there until members() was called or name_lookup_cancel(). PATIENCE:
 * microseconds for all its names. A look-up under way is given up. */
void name_lookup_start(NameLookup *lookup, Policy *policy, uint64_t patience);
void name_lookup_cancel(NameLookup *lookup);
