/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* cgroup v2 as files (Documentation/admin-guide/cgroup-v2.rst), always relative to a directory descriptor.
 * All functions return 0 or a negative errno; none follows a symbolic link or leaves the directory. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Opens the group with the absolute PATH (as in /proc/PID/cgroup) below ROOT_FD. -ENOENT if it is gone. */
int cgroup_open(int root_fd, const char *path, int *ret_fd);

/* Makes the group NAME (one component) below PARENT_FD and opens it. -EEXIST. */
int cgroup_create(int parent_fd, const char *name, int *ret_fd);

/* Removes the empty group NAME and empty groups below it. -EBUSY if a process is in it; 0 if it is gone
 * already. */
int cgroup_remove(int parent_fd, const char *name);

/* Reads at most SIZE - 1 bytes of the attribute NAME (may be "job-1/cgroup.events") and terminates them. */
int cgroup_read(int fd, const char *name, char *buffer, size_t size);
int cgroup_write(int fd, const char *name, const char *value);
int cgroup_write_u64(int fd, const char *name, uint64_t value); /* LIMIT_NONE: "max" */
int cgroup_read_u64(int fd, const char *name, uint64_t *ret);   /* "max": LIMIT_NONE */

/* The same of the group that is LEVELS groups above FD: of FD itself with 0. */
int cgroup_read_u64_above(int fd, unsigned levels, const char *name, uint64_t *ret);

/* Writes PID to cgroup.procs: the whole thread group migrates. -ESRCH, -ENODEV (the group is being removed),
 * -EINVAL (a kernel thread), -EACCES (the group is its user's and we lack CAP_DAC_OVERRIDE). */
int cgroup_attach(int fd, pid_t pid);

int cgroup_freeze(int fd, bool freeze);

/* The switch of the group FD, to thaw it with when there are no descriptors left. */
int cgroup_open_freezer(int fd, int *ret_freezer);
int cgroup_thaw(int freezer);

typedef struct CgroupEvents {
        bool populated; /* a process lives in it or below it */
        bool frozen;    /* all of them are frozen, by this group or one above it */
} CgroupEvents;
int cgroup_get_events(int fd, const char *name, CgroupEvents *ret); /* NAME: "cgroup.events" or "job-1/cgroup.events" */

/* True if the group is frozen, or is being frozen by its own switch: a process moved out of it would be
 * thawed. */
int cgroup_is_frozen(int fd, bool *ret);

/* True if a switch of the group or of one above it, LEVELS groups in all, says that its processes shall not
 * run, whether or not all of them stand still yet. Other than "frozen" of cgroup.events, which waits for a
 * neighbour that cannot freeze at the moment, while a process that has frozen would run if it were moved. Also
 * true if that cannot be told, since there are more than 64 groups above one another. */
int cgroup_is_told_to_freeze(int fd, unsigned levels, bool *ret);

/* cgroup.kill: SIGKILL to every process in it and below it, forks included; but for a process whose first thread has ended
 * while others live, which the kernel passes over (seen with Linux 6.18). */
int cgroup_kill(int fd);

/* Value of KEY in a flat keyed file such as memory.events or cpu.stat. -ENODATA without that key. */
int cgroup_read_key(int fd, const char *name, const char *key, uint64_t *ret);

/* Calls EACH for every process of the group itself (not below it) until it returns non-zero, which is passed
 * on. A process outside our PID namespace shows as 0 and is passed on as such. */
typedef int (*cgroup_each_t)(pid_t pid, void *userdata);
int cgroup_each_process(int fd, cgroup_each_t each, void *userdata);

/* The record of a job: the extended attribute "user.cgmove.job" of its cgroup.kill.
 *
 * Why there: a "trusted." attribute would need CAP_SYS_ADMIN, which the daemon does without; a "user." one
 * on the directory could be read by everybody. xattr(7) asks for read permission on the inode for "user."
 * attributes, and the kernel makes cgroup.kill writable by root and readable by nobody (mode 0200), so that
 * only root can read or write it. It lives and dies with the group, like any attribute of it. */
int cgroup_set_record(int fd, const char *text, size_t size);
int cgroup_get_record(int fd, char *buffer, size_t size, size_t *ret_size); /* -ENODATA: none */
