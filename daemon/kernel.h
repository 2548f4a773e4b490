/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The kernel's two file systems that facts come from and moves go to, as trusted directories: a test puts a
 * false /proc and a false cgroup tree in their place. */

#include <stdint.h>

#include "lib/cleanup.h"

typedef struct Kernel {
        int cgroup_fd; /* root of the cgroup v2 tree */
        int proc_fd;   /* /proc */
        int fdinfo_fd; /* /proc/self/fdinfo */
} Kernel;

#define KERNEL_INIT { .cgroup_fd = -1, .proc_fd = -1, .fdinfo_fd = -1 }

/* Opens the directories. Returns 0 or a negative errno. */
int kernel_open(const char *cgroup_root, Kernel *ret);
void kernel_done(Kernel *kernel);
