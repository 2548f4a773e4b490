/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/sandbox.h"

#include <errno.h>
#include <linux/bpf.h>
#include <linux/seccomp.h>
#include <linux/version.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/proc.h"

#define PROGRAMS_MAX 1024 /* effective for one type; the kernel lets 64 be attached to one cgroup */

/* enum bpf_attach_type, where the headers may be older than the kernel. */
#define ATTACH_LSM_CGROUP 43   /* Linux 6.0 */
#define ATTACH_UNIX_CONNECT 49 /* Linux 6.7, and the next four */
#define ATTACH_UNIX_SENDMSG 50
#define ATTACH_UNIX_RECVMSG 51
#define ATTACH_UNIX_GETPEERNAME 52
#define ATTACH_UNIX_GETSOCKNAME 53

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 0, 0)
_Static_assert(ATTACH_LSM_CGROUP == BPF_LSM_CGROUP, "the number is the kernel's");
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
_Static_assert(ATTACH_UNIX_CONNECT == BPF_CGROUP_UNIX_CONNECT, "the number is the kernel's");
_Static_assert(ATTACH_UNIX_GETSOCKNAME == BPF_CGROUP_UNIX_GETSOCKNAME, "the number is the kernel's");
#endif

typedef struct AttachType {
        uint32_t type;
        const char *what;
} AttachType;

/* All that attach to cgroups, up to Linux 6.18. The ones of systemd's settings first: they name the loss
 * best. */
static const AttachType attach_types[] = {
        { BPF_CGROUP_DEVICE, "device access" },        /* DevicePolicy=, PrivateDevices= */
        { BPF_CGROUP_INET_INGRESS, "network access" }, /* IPAddressDeny= */
        { BPF_CGROUP_INET_EGRESS, "network access" },
        { BPF_CGROUP_INET4_BIND, "binding of sockets" }, /* SocketBindDeny= */
        { BPF_CGROUP_INET6_BIND, "binding of sockets" },
        { BPF_CGROUP_INET4_POST_BIND, "binding of sockets" },
        { BPF_CGROUP_INET6_POST_BIND, "binding of sockets" },
        { BPF_CGROUP_INET_SOCK_CREATE, "creation of sockets" },
        { BPF_CGROUP_INET_SOCK_RELEASE, "creation of sockets" },
        { BPF_CGROUP_SOCK_OPS, "network connections" },
        { BPF_CGROUP_INET4_CONNECT, "network connections" },
        { BPF_CGROUP_INET6_CONNECT, "network connections" },
        { BPF_CGROUP_INET4_GETPEERNAME, "network connections" },
        { BPF_CGROUP_INET6_GETPEERNAME, "network connections" },
        { BPF_CGROUP_INET4_GETSOCKNAME, "network connections" },
        { BPF_CGROUP_INET6_GETSOCKNAME, "network connections" },
        { BPF_CGROUP_UDP4_SENDMSG, "network messages" },
        { BPF_CGROUP_UDP6_SENDMSG, "network messages" },
        { BPF_CGROUP_UDP4_RECVMSG, "network messages" },
        { BPF_CGROUP_UDP6_RECVMSG, "network messages" },
        { BPF_CGROUP_GETSOCKOPT, "socket options" },
        { BPF_CGROUP_SETSOCKOPT, "socket options" },
        { BPF_CGROUP_SYSCTL, "kernel settings" },
        { ATTACH_LSM_CGROUP, "security hooks" },
        { ATTACH_UNIX_CONNECT, "local sockets" },
        { ATTACH_UNIX_SENDMSG, "local sockets" },
        { ATTACH_UNIX_RECVMSG, "local sockets" },
        { ATTACH_UNIX_GETPEERNAME, "local sockets" },
        { ATTACH_UNIX_GETSOCKNAME, "local sockets" },
};

_Static_assert(ELEMENTSOF(attach_types) == 29, "no type is forgotten");

/* Up to SIZE ids into IDS (NULL, 0: only the number). Returns the number of programs effective at FD;
 * -EINVAL for a type that this kernel does not know; -ENOSPC. */
static int query_programs(int fd, uint32_t type, uint32_t *ids, uint32_t size) {
        union bpf_attr attr = {
                .query = {
                        .target_fd = (uint32_t) fd,
                        .attach_type = type,
                        .query_flags = BPF_F_QUERY_EFFECTIVE,
                        .prog_ids = (uint64_t) (uintptr_t) ids,
                        .prog_cnt = size,
                },
        };

        if (syscall(SYS_bpf, BPF_PROG_QUERY, &attr, sizeof(attr)) < 0)
                return -errno;
        return (int) attr.query.prog_cnt;
}

/* 1 if an id of A is not in B. */
static int lacks_one(const uint32_t *a, int n_a, const uint32_t *b, int n_b) {
        for (int i = 0; i < n_a; i++) {
                bool found = false;

                for (int j = 0; j < n_b && !found; j++)
                        found = a[i] == b[j];
                if (!found)
                        return 1;
        }
        return 0;
}

static int compare_type(int source_fd, int destination_fd, uint32_t type) {
        uint32_t source[PROGRAMS_MAX], destination[PROGRAMS_MAX];
        int n_source, n_destination;

        n_source = query_programs(source_fd, type, source, PROGRAMS_MAX);
        if (n_source <= 0)
                return n_source == -ENOSPC ? -E2BIG : n_source;
        n_destination = query_programs(destination_fd, type, destination, PROGRAMS_MAX);
        if (n_destination < 0)
                return n_destination == -ENOSPC ? -E2BIG : n_destination;
        return lacks_one(source, n_source, destination, n_destination);
}

int sandbox_compare(int source_fd, int destination_fd, const char **ret_what) {
        for (size_t i = 0; i < ELEMENTSOF(attach_types); i++) {
                int r;

                r = query_programs(source_fd, attach_types[i].type, NULL, 0);
                if (r > 0)
                        r = compare_type(source_fd, destination_fd, attach_types[i].type);
                if (r == -EINVAL) /* this kernel doesn't know the type: nothing can be attached */
                        continue;
                if (r < 0)
                        return r;
                if (r > 0) {
                        *ret_what = attach_types[i].what;
                        return 1;
                }
        }
        return 0;
}

bool sandbox_is_possible(int proc_fd, int cgroup_fd) {
        const char *what;
        int r, mode;

        r = sandbox_compare(cgroup_fd, cgroup_fd, &what);
        if (r != -EPERM && r != -ENOSYS)
                return true;

        return proc_get_seccomp(proc_fd, 1, &mode) < 0 || mode != SECCOMP_MODE_FILTER;
}
