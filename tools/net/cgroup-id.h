/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The paths of cgroups whose ids are known. The id is the inode number of the cgroup's directory (64-bit
 * kernels); open_by_handle_at(2) needs privilege, so the tree is walked from the top, level by level. */

#include <stddef.h>
#include <stdint.h>

#define CGROUP_ID_PATH_MAX 512
#define CGROUP_ID_GROUPS_MAX                                                                                \
        16384 /* after so many the walk ends: anyone's service can have as many as it likes */

typedef struct CgroupId {
        uint64_t id;
        char path[CGROUP_ID_PATH_MAX]; /* absolute; "" until it is found, or if it is longer */
} CgroupId;

/* Fills the paths of those of the N groups that exist below ROOT_FD, a directory. Returns 0 or -ENOMEM; what
 * cannot be read is skipped. */
int cgroup_ids_find(int root_fd, CgroupId *groups, size_t n);

/* The root of the cgroup v2 hierarchy of this host, as an O_PATH descriptor; -ENODATA without one. */
int cgroup_root_open(void);
