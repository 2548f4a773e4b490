/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A service as its manager tells it, and the few things that a restart asks of that manager.
 *
 * A user's own manager is asked over its private socket (/run/user/UID/systemd/private), which needs no bus
 * daemon; the system manager is asked through cgmoved, for whoever has neither bus nor polkit. Property
 * names and values are those of org.freedesktop.systemd1(5). Functions return 0, or an exit status with
 * FAILURE filled; failure->lost is set when the manager is gone, not just unwilling. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/cleanup.h"
#include "lib/source.h"
#include "tools/failure.h"
#include "tools/output.h"

#define UNIT_WORD_MAX 32
#define UNIT_PATH_MAX 1024

/* Of fixed size, so that one state can be compared with another. "" and 0 where the manager knows none. */
typedef struct Unit {
        char id[UNIT_NAME_MAX + 1];       /* the name it has after aliases are resolved */
        char load_state[UNIT_WORD_MAX];   /* loaded, not-found, masked, bad-setting, error */
        char active_state[UNIT_WORD_MAX]; /* active, reloading, inactive, failed, activating, deactivating */
        char sub_state[UNIT_WORD_MAX]; /* running, auto-restart, start-limit..., see systemctl --state=help
                                        */
        char unit_file_state[UNIT_WORD_MAX];
        char result[UNIT_WORD_MAX]; /* success, exit-code, signal, timeout, start-limit-hit, ... */
        char kill_mode[UNIT_WORD_MAX];
        char restart[UNIT_WORD_MAX]; /* Restart= */
        char type[UNIT_WORD_MAX];
        char control_group[UNIT_PATH_MAX];
        char fragment_path[UNIT_PATH_MAX];
        bool need_daemon_reload;
        bool socket_activated; /* TriggeredBy= has a socket */
        pid_t main_pid;
        pid_t control_pid;
        uint32_t n_restarts;
        uint64_t timeout_start, timeout_stop, restart_delay; /* microseconds; UINT64_MAX: infinity */
        uint64_t start_limit_interval;                       /* microseconds; 0: no limit */
        uint32_t start_limit_burst;
        uint32_t job;            /* id of the manager's job for it; 0: none */
        uint64_t active_enter;   /* CLOCK_MONOTONIC, microseconds; 0: never */
        uint64_t inactive_enter; /* the same */
        char invocation_id[33];  /* hexadecimal; "" if it never ran */
} Unit;

typedef struct UnitManager UnitManager;

/* The caller's own user manager. Fails (lost) if it does not run. */
int unit_manager_open_user(UnitManager **ret, Failure *failure);

/* The system manager, for the restart job JOB that the calling process is in, through cgmoved, which lets
 * that job see and restart that one unit only. */
int unit_manager_open_system(uint64_t job, UnitManager **ret, Failure *failure);

UnitManager *unit_manager_free(UnitManager *manager);
DEFINE_CLEANUP(UnitManager, unit_manager_free)

/* NAME with ".service" behind it if it has no suffix, into a buffer of UNIT_NAME_MAX + 1. Usage error if
 * that is no valid unit name (templates, globs, paths), or no service. Pure. */
int unit_name_complete(const char *name, char *ret, Failure *failure);

/* Loads the unit if it is not, and reads its state. A unit that does not exist has load_state "not-found".
 */
int unit_get(UnitManager *manager, const char *name, Unit *ret, Failure *failure);

/* Has the manager read all unit files again (a user manager only). */
int unit_manager_reload(UnitManager *manager, Failure *failure);

/* Whether a user's manager is about to end and stops all of its units; false if that cannot be told, and
 * always of the system manager, which takes this job along. */
bool unit_manager_is_stopping(UnitManager *manager);

typedef enum UnitAction {
        UNIT_RESTART, /* RestartUnit, mode replace; after ResetFailedUnit if it has failed, or is about to
                         start again */
        UNIT_START,   /* StartUnit, the same */
        UNIT_STOP,    /* StopUnit */
} UnitAction;

typedef void (*unit_tick_t)(void *userdata);

/* One job of the manager, followed by its object path until it is removed; RESULT (UNIT_WORD_MAX bytes) gets
 * its end: done, failed, timeout, canceled, dependency, skipped. After TIMEOUT microseconds "running": the
 * job goes on. TICK (may be NULL) is called some times a second. */
int unit_act(UnitManager *manager, const char *name, UnitAction action, uint64_t timeout, char *ret_result,
             unit_tick_t tick, void *userdata, Failure *failure);

/* How the job of the last unit_act() has ended, as far as that is known by now: as RESULT there, or "" where
 * nothing more than that is ever known. */
const char *unit_result(const UnitManager *manager);

/* Starts COMMAND as a transient service of a user manager, which starts it again should it fail, and forgets
 * it when it has ended. Returns when COMMAND has said that it is ready (sd_notify(3)). */
int unit_start_transient(UnitManager *manager, const char *name, const char *description,
                         char *const *command, Failure *failure);
