/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A systemd manager, asked over its own private socket (/run/systemd/private,
 * /run/user/UID/systemd/private: the way systemctl goes as root), so that nothing depends on a bus daemon.
 * Everything is asynchronous and bounded in time; a broken connection is opened again at the next call.
 * The object paths and interfaces are org.freedesktop.systemd1(5). */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "daemon/kernel.h"
#include "lib/cleanup.h"
#include "lib/source.h"

typedef struct SystemdManager SystemdManager;

/* A question under way. Freeing it cancels it: its callback is never called afterwards. Free it also after
 * the callback. */
typedef struct SystemdCall SystemdCall;
SystemdCall *systemd_call_free(SystemdCall *call);
DEFINE_CLEANUP(SystemdCall, systemd_call_free)

/* UID_NONE: PID 1. Else the manager of that user, see systemd-socket.h: another process of the user's may
 * still answer in its place, and so what it makes us take in is bounded (bus-bounds.h), and never more than
 * one message is read in a turn of the loop; beyond that it is an error, -EMSGSIZE. KERNEL must outlive it. */
int systemd_manager_new(sd_event *event, const Kernel *kernel, uid_t uid, SystemdManager **ret);
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

/* --- restarts ------------------------------------------------------------------------------------------ */

#define SYSTEMD_WORD_MAX 32
#define SYSTEMD_PATH_MAX 1024

/* A service as its manager tells it; the properties of these names in org.freedesktop.systemd1(5). "" and 0
 * where there is none; a text that is too long is cut. */
typedef struct SystemdService {
        char id[UNIT_NAME_MAX + 1]; /* after aliases are resolved */
        char load_state[SYSTEMD_WORD_MAX];
        char active_state[SYSTEMD_WORD_MAX];
        char sub_state[SYSTEMD_WORD_MAX];
        char unit_file_state[SYSTEMD_WORD_MAX];
        char result[SYSTEMD_WORD_MAX];
        char kill_mode[SYSTEMD_WORD_MAX];
        char restart[SYSTEMD_WORD_MAX];
        char type[SYSTEMD_WORD_MAX];
        char control_group[SYSTEMD_PATH_MAX];
        char fragment_path[SYSTEMD_PATH_MAX];
        char invocation_id[33]; /* hexadecimal */
        bool need_daemon_reload;
        bool socket_activated; /* TriggeredBy has a socket */
        uint32_t main_pid, control_pid;
        uint32_t n_restarts, start_limit_burst;
        uint32_t job; /* of the manager; 0: none */
        uint64_t timeout_start, timeout_stop, restart_delay, start_limit_interval; /* microseconds */
        uint64_t active_enter, inactive_enter;                                     /* CLOCK_MONOTONIC */
} SystemdService;

/* SERVICE is good within the callback; NULL on an error. */
typedef void (*systemd_service_t)(int error, const char *message, const SystemdService *service,
                                  void *userdata);
/* LoadUnit, then the unit's properties. A service that does not exist has the load_state "not-found". */
int systemd_manager_get_service(SystemdManager *manager, const char *unit, systemd_service_t done,
                                void *userdata, SystemdCall **ret);

/* Nothing was done, since the unit was not what it was thought to be. */
#define SYSTEMD_RESULT_NOTHING "nothing"

/* RESULT: "done", "failed", "timeout", "canceled", "dependency", ... of the unit job, see JobRemoved;
 * "unknown" if the manager was executed anew in between, so that nobody saw its end. NULL on an error. */
typedef void (*systemd_result_t)(int error, const char *message, const char *result, void *userdata);

/* What a unit was seen to be; between that and the restart somebody may stop it, and then it has to stay so. */
typedef enum SystemdRestart {
        SYSTEMD_RESTART_UP,      /* a job "try-restart" */
        SYSTEMD_RESTART_LOOPING, /* about to be restarted by its own Restart=: the same, after ResetFailedUnit */
        SYSTEMD_RESTART_FAILED, /* ResetFailedUnit, and RestartUnit: a stop of what has failed is none */
} SystemdRestart;

/* One restart, followed until JobRemoved: it is never sent twice, also when the connection breaks. TIMEOUT
 * (microseconds) ends the following, with -ETIMEDOUT; the job of the manager goes on. UNIT: the name it has
 * after aliases are resolved. ResetFailedUnit: a unit that was started too often (StartLimitBurst=) is not
 * started by a restart either. The result is SYSTEMD_RESULT_NOTHING if the unit was found stopped, or is being
 * stopped; the error -EDEADLK if that, or something else that a restart would undo, is queued. */
int systemd_manager_restart_unit(SystemdManager *manager, const char *unit, SystemdRestart how,
                                 uint64_t timeout, systemd_result_t done, void *userdata, SystemdCall **ret);

/* ResetFailedUnit, then StartUnit with mode "replace", followed likewise; safe to repeat. */
int systemd_manager_revive_unit(SystemdManager *manager, const char *unit, uint64_t timeout,
                                systemd_result_t done, void *userdata, SystemdCall **ret);
