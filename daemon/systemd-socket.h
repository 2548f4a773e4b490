/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The private socket of a manager, and whose word is taken for a manager's. */

#include <sys/types.h>

#include "daemon/kernel.h"

/* Connects to PID 1 (UID_NONE), or to the manager of user UID: its peer must be a process with that uid in
 * user@UID.service/init.scope, or it is -EPERM. So it is if a link or a mount of the user's lies on the way:
 * no file system of his is ever asked. The descriptor does not block. Returns 0 or a negative errno. */
int systemd_socket_open(const Kernel *kernel, uid_t uid, int *ret);
