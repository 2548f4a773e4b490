/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What adoption asks of a manager, over its private socket: the user's own one, or, for root, the system's.
 * org.freedesktop.systemd1(5). Functions return 0, or an exit status with FAILURE filled: failure->lost is set
 * if the connection broke, or there is nobody to connect to. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-bus.h>

#include "lib/source.h"
#include "tools/failure.h"

typedef struct AdoptUnit {
        char id[UNIT_NAME_MAX + 1];
        char load_state[32];
        char control_group[1024]; /* "" if it does not run */
        char **environment;       /* Environment=, "NAME=VALUE", NULL-terminated */
        bool has_environment_file;
        bool socket_activated;  /* its ports are its manager's */
        uint64_t timeout_start; /* microseconds; UINT64_MAX: none */
        uint32_t job;           /* id of the manager's job for it; 0: none */
        pid_t main_pid;         /* 0: none */
        char invocation_id[33]; /* hexadecimal; "" if it never ran */
} AdoptUnit;

void adopt_unit_done(AdoptUnit *unit);

int adopt_manager_open(bool system, sd_bus **ret, Failure *failure);

/* The manager's own environment, which its units inherit; the caller frees *ret with adopt_strv_free(). */
int adopt_manager_environment(sd_bus *bus, char ***ret, Failure *failure);

int adopt_unit_get(sd_bus *bus, const char *name, AdoptUnit *ret, Failure *failure);

int adopt_manager_reload(sd_bus *bus, Failure *failure);

/* The value of the last NAME in LIST, or NULL. */
const char *adopt_environment_find(char *const *list, const char *name);

void adopt_strv_free(char ***list);
