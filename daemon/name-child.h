/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The process that asks directory services, in the place of the daemon: it may hang, crash, or be killed.
 * What it finds it writes into a pipe: a NameAnswer for each name of the policy, in the order of
 * policy_resolve(), then a NameMembers and the names of all users whom the policy lets do anything (see
 * policy_lets_user()), sorted by bytes, each once, with a newline each. */

#include <stdint.h>
#include <sys/types.h>

#include "daemon/name-members.h"
#include "lib/policy.h"

typedef enum NameSources {
        NAME_SOURCES_ALL,   /* as nsswitch.conf(5) says */
        NAME_SOURCES_LOCAL, /* /etc/passwd and /etc/group alone, which always answer; what they lack stays
                               unknown */
} NameSources;

typedef struct NameAnswer {
        uint32_t id;
        int32_t error; /* negative errno: cannot be told now */
} NameAnswer;

typedef struct NameMembers {
        uint32_t n_bytes;
        uint32_t state; /* NameMembersState */
} NameMembers;

/* WITH_NAMES: else the ids that POLICY has are taken as they are, and there are no answers. The process gets
 * SIGKILL from whoever loses patience; the kernel reaps it (SIGCHLD is ignored). Returns 0 or a negative
 * errno; *ret_pidfd is -1 if it has ended already; the caller closes both. */
int name_child_start(Policy *policy, NameSources sources, bool with_names, int *ret_pidfd, int *ret_pipe);
