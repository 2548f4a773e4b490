/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The private socket of a daemon that nobody hands one: tree = "direct", for hosts where PID 1 is not systemd. */

/* Listens at NAME in the folder DIR, which is made if it is not there; everybody may connect. What an earlier daemon
 * has left is replaced. -EADDRINUSE if somebody listens there. */
int own_socket_open(const char *dir, const char *name, int *ret_fd);
