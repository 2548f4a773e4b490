/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The cgroups of pools, as directories below the root of the tree. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "daemon/systemd-manager.h"

#define POOL_PATH_MAX 128
#define POOL_UNIT_MAX 32

/* "/user.slice/user-cgmove.slice/user-cgmove-UID.slice/cgmove@UID.service" */
void pool_tree_path(uid_t uid, char ret[static POOL_PATH_MAX]);
void pool_tree_unit(uid_t uid, char ret[static POOL_UNIT_MAX]);

/* The controllers that jobs can have limits of, as bits in this order. */
extern const char *const pool_controllers[];
#define N_POOL_CONTROLLERS 3

/* Hands on to the groups below FD what controllers are available there, and tells which are in force. A
 * host without a controller is no error: its limits are then missing, and are shown as such. */
int pool_tree_enable_controllers(int fd, unsigned *ret_controllers);

/* True if the group "keeper" is there. POPULATED: and a process lives in it. */
bool pool_tree_has_keeper(int fd, bool populated);

/* True if the keeper has been sent a signal that it has not taken yet: it ends by any that it gets, and PID 1
 * sends one to the main process of a unit before the others' (unit_kill_context() of systemd). */
bool pool_tree_keeper_is_told(int fd, int proc_fd);

/* True if a process lives in any other group than the keeper's. Also when it cannot be told. */
bool pool_tree_is_used(int fd);

/* Calls EACH with the uid of every pool that has a group "keeper"; until it returns non-zero, which is
 * passed on. */
typedef int (*pool_tree_each_t)(uid_t uid, int fd, void *userdata);
int pool_tree_each(int root_fd, pool_tree_each_t each, void *userdata);

/* TREE_DIRECT: makes the groups of the pool, with its limits where the tree has the controllers. -EEXIST
 * is not an error. */
int pool_tree_create(int root_fd, uid_t uid, const SystemdPoolLimits *limits);
/* Removes them, as far as they are empty. -EBUSY if a process is in the pool. */
int pool_tree_remove(int root_fd, uid_t uid);
