/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* BPF programs on cgroups (IPAddressDeny=, DevicePolicy=, SocketBindDeny=, RestrictNetworkInterfaces=, ...) are a sandbox that a
 * process leaves with its cgroup: bpf(2) BPF_PROG_QUERY with BPF_F_QUERY_EFFECTIVE. */

/* Compares what is effective at the two cgroup directories over every cgroup attach type this kernel knows.
 * Returns 0 if every program effective at SOURCE_FD is effective at DESTINATION_FD too; 1 if one would be lost, and
 * *ret_what names the kind of the first ("network access", "device access", ...; a constant string);
 * negative errno if it can't be told (-EPERM, -ENOSYS; a kernel without cgroup BPF at all, where nothing can be attached, is 0). */
int sandbox_compare(int source_fd, int destination_fd, const char **ret_what);
