/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The manager on its bus, PID 1 or a user's: org.freedesktop.systemd1(5). */

#define SYSTEMD_NAME "org.freedesktop.systemd1"
#define SYSTEMD_PATH "/org/freedesktop/systemd1"
#define SYSTEMD_UNIT_PREFIX SYSTEMD_PATH "/unit"
#define SYSTEMD_MANAGER SYSTEMD_NAME ".Manager"
#define SYSTEMD_UNIT SYSTEMD_NAME ".Unit"
#define SYSTEMD_SERVICE SYSTEMD_NAME ".Service"
