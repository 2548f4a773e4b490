/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* BPF programs on cgroups (IPAddressDeny=, DevicePolicy=, SocketBindDeny=, RestrictNetworkInterfaces=, ...)
 * are a sandbox that a process leaves with its cgroup: bpf(2) BPF_PROG_QUERY with BPF_F_QUERY_EFFECTIVE,
 * which needs CAP_NET_ADMIN.
 *
 * Programs that only count (IPAccounting=) are taken for a sandbox, too. What a program does can be looked
 * at through a descriptor only, and BPF_PROG_GET_FD_BY_ID and BPF_OBJ_GET_INFO_BY_FD with instructions need
 * CAP_SYS_ADMIN; its name would not tell either, as systemd gives the one that counts and the one that
 * denies the same ("sd_fw_ingress", "sd_fw_egress"). */

#include <stdbool.h>

/* Compares what is effective at the two cgroup directories over every cgroup attach type this kernel knows.
 * Returns 0 if every program effective at SOURCE_FD is effective at DESTINATION_FD too; 1 if one would be
 * lost, and *ret_what names the kind of the first ("network access", "device access", ...; a constant
 * string); negative errno if it can't be told: -EPERM; -ENOSYS (no bpf(2), perhaps only for us: a seccomp
 * filter);
 * -EBADF if one is no cgroup v2 directory; -E2BIG for more programs than anybody has. A kernel with bpf(2)
 * but without cgroup BPF, where nothing can be attached, is 0. One system call a type while SOURCE_FD has
 * none. */
int sandbox_compare(int source_fd, int destination_fd, const char **ret_what);

/* Whether this system can have such programs at all. In a container whose system call filter forbids bpf(2),
 * PID 1 is under the same filter and cannot attach any to a unit (the host's own are effective everywhere in
 * the container alike): then there is nothing to compare, and sandbox_compare() must not be asked. Elsewhere
 * a refusal of bpf(2) is one of ours alone, and no excuse. PROC_FD: /proc; CGROUP_FD: any cgroup. */
bool sandbox_is_possible(int proc_fd, int cgroup_fd);
