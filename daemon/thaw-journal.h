/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Foreign cgroups that the daemon has frozen for a moment (see tree.h). Each is noted in a file of its own
 * under DIR (/run/cgmove/frozen) before it is frozen, so that whatever becomes of the daemon the next one
 * thaws it. */

#include "lib/cleanup.h"

typedef struct FrozenGroup FrozenGroup;

/* Notes PATH, then freezes the group GROUP_FD. Freeing it thaws. Returns 0 or a negative errno. */
int frozen_group_new(int dir_fd, const char *path, int group_fd, FrozenGroup **ret);
FrozenGroup *frozen_group_free(FrozenGroup *group);
DEFINE_CLEANUP(FrozenGroup, frozen_group_free)

const char *frozen_group_path(const FrozenGroup *group);
int frozen_group_fd(const FrozenGroup *group);

/* At daemon start: thaws what an earlier daemon has left frozen. Returns 0 or a negative errno if something
 * could not be thawed; it stays noted. */
int thaw_journal_replay(int dir_fd, int cgroup_root_fd);
