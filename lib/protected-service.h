/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdbool.h>

/* The services of the system manager that no policy can have restarted, by their full name: the machine, its
 * logins, or cgmove itself stand on them. */
bool system_service_is_protected(const char *name);
