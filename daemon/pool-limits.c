/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/pool-limits.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/sysinfo.h>

#include "lib/cleanup.h"
#include "lib/values.h"

#define SHARE 4

static int read_number(const char *path, uint64_t *ret) {
        _cleanup_fclose_ FILE *file = fopen(path, "re");
        uint64_t value;

        if (!file)
                return -errno;
        if (fscanf(file, "%" SCNu64, &value) != 1 || value == 0)
                return -EBADMSG;
        *ret = value;
        return 0;
}

static uint64_t smaller(uint64_t a, uint64_t b) {
        return a < b ? a : b;
}

int machine_read(Machine *ret) {
        uint64_t pid_max, threads_max;
        struct sysinfo info;
        int r;

        r = read_number("/proc/sys/kernel/pid_max", &pid_max);
        if (r < 0)
                return r;
        r = read_number("/proc/sys/kernel/threads-max", &threads_max);
        if (r < 0)
                return r;
        if (sysinfo(&info) < 0)
                return -errno;

        *ret = (Machine){
                .tasks = smaller(pid_max, threads_max),
                .memory = (uint64_t) info.totalram * info.mem_unit,
        };
        return 0;
}

bool pool_limits_need_slice(const Settings *settings) {
        return !settings->pool_tasks_max_set || !settings->pool_memory_max_set;
}

void pool_limits_choose(const Settings *settings, const Machine *machine, uint64_t slice_tasks,
                        uint64_t slice_memory, SystemdPoolLimits *ret) {
        *ret = (SystemdPoolLimits){
                .tasks_max = settings->pool_tasks_max_set ? settings->pool.tasks_max
                                                          : smaller(slice_tasks, machine->tasks / SHARE),
                .memory_max = settings->pool_memory_max_set ? settings->pool.memory_max
                                                            : smaller(slice_memory, machine->memory / SHARE),
                .cpu_weight = LIMIT_NONE,
        };
        if (settings->pool_cpu_weight_set && settings->pool.cpu_weight > 0)
                ret->cpu_weight = settings->pool.cpu_weight;
}
