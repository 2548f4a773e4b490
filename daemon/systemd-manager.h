/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A systemd manager, asked over its own private socket (/run/systemd/private,
 * /run/user/UID/systemd/private: the way systemctl goes as root), so that nothing depends on a bus daemon.
 * Everything is asynchronous and bounded in time; a broken connection is opened again at the next call.
 * The object paths and interfaces are org.freedesktop.systemd1(5). */

#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "lib/cleanup.h"

typedef struct SystemdManager SystemdManager;

/* A question under way. Freeing it cancels it: its callback is never called afterwards. Free it also after
 * the callback. */
typedef struct SystemdCall SystemdCall;
SystemdCall *systemd_call_free(SystemdCall *call);
DEFINE_CLEANUP(SystemdCall, systemd_call_free)

/* UID_NONE: PID 1. Else the manager of that user; before it is trusted with a question, the peer of its
 * socket must be a process with that uid in user@UID.service/init.scope (CGROUP_OF: the v2 path of a
 * process, from /proc). */
int systemd_manager_new(sd_event *event, uid_t uid, SystemdManager **ret);
SystemdManager *systemd_manager_free(SystemdManager *manager);
DEFINE_CLEANUP(SystemdManager, systemd_manager_free)

/* ERROR: 0, or a negative errno: -ENOENT no such unit or property, -ETIMEDOUT, -ECONNREFUSED and the like;
 * MESSAGE: the manager's own words then, or NULL. Callbacks are never called from within the function that
 * starts the call; in a callback, call and manager may be freed. A function that returns a negative errno
 * has started nothing: a user's manager that is not there shows that way (-ENOENT, -ECONNREFUSED), while
 * PID 1 is tried again until the time is up (10 s; 90 s for unit jobs). */

typedef void (*systemd_pids_t)(int error, const char *message, pid_t main_pid, pid_t control_pid,
                               void *userdata);
/* MainPID and ControlPID of a service; sockets, mounts and swaps have only the latter; 0: none. */
int systemd_manager_get_pids(SystemdManager *manager, const char *unit, systemd_pids_t done, void *userdata,
                             SystemdCall **ret);

typedef void (*systemd_limits_t)(int error, const char *message, uint64_t tasks_max, uint64_t memory_max,
                                 void *userdata);
/* TasksMax and MemoryMax of a slice, loading it if need be (LoadUnit). LIMIT_NONE where infinite. */
int systemd_manager_get_slice_limits(SystemdManager *manager, const char *slice, systemd_limits_t done,
                                     void *userdata, SystemdCall **ret);

typedef struct SystemdPoolLimits {
        uint64_t tasks_max;  /* LIMIT_NONE: infinity */
        uint64_t memory_max; /* LIMIT_NONE: infinity */
        uint64_t cpu_weight; /* LIMIT_NONE: leave alone */
} SystemdPoolLimits;

typedef void (*systemd_done_t)(int error, const char *message, void *userdata);
/* SetUnitProperties(runtime) on a service. */
int systemd_manager_set_limits(SystemdManager *manager, const char *unit, const SystemdPoolLimits *limits,
                               systemd_done_t done, void *userdata, SystemdCall **ret);

/* StartUnit or StopUnit with mode "replace", then follows that job until JobRemoved. Any result but "done"
 * is -EIO and its name is in MESSAGE. */
int systemd_manager_start_unit(SystemdManager *manager, const char *unit, systemd_done_t done,
                               void *userdata, SystemdCall **ret);
int systemd_manager_stop_unit(SystemdManager *manager, const char *unit, systemd_done_t done, void *userdata,
                              SystemdCall **ret);
