/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/top/snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define INTERVAL_LEAST UINT64_C(20000) /* microseconds; less than this says nothing of the CPU time */

void snapshot_done(Snapshot *snapshot) {
        for (size_t i = 0; i < snapshot->n; i++)
                job_done(&snapshot->jobs[i].job);
        free(snapshot->jobs);
        *snapshot = (Snapshot){ .n = 0 };
}

int snapshot_add(Snapshot *snapshot, Job *job, uint64_t when) {
        JobUsage *jobs = reallocarray(snapshot->jobs, snapshot->n + 1, sizeof(JobUsage));

        if (!jobs)
                return -ENOMEM;
        snapshot->jobs = jobs;
        jobs[snapshot->n++] = (JobUsage){ .job = *job, .when = when, .cpu_rate = UINT64_MAX };
        *job = (Job){ .id = 0 };
        return 0;
}

static const JobUsage *find_job(const Snapshot *snapshot, uint64_t id) {
        for (size_t i = 0; i < snapshot->n; i++)
                if (snapshot->jobs[i].job.id == id)
                        return &snapshot->jobs[i];
        return NULL;
}

void snapshot_compare(Snapshot *snapshot, const Snapshot *before) {
        for (size_t i = 0; i < snapshot->n; i++) {
                JobUsage *now = &snapshot->jobs[i];
                const JobUsage *then = find_job(before, now->job.id);

                now->cpu_rate = UINT64_MAX;
                if (!then || now->job.cpu_usage == UINT64_MAX || now->job.cpu_usage < then->job.cpu_usage ||
                    now->when < then->when + INTERVAL_LEAST)
                        continue;
                now->cpu_rate = (uint64_t) ((double) (now->job.cpu_usage - then->job.cpu_usage) * 1e6 /
                                            (double) (now->when - then->when));
        }
}

static const char *const sort_keys[SORT_KEYS] = {
        [SORT_CPU] = "cpu", [SORT_MEMORY] = "memory", [SORT_TASKS] = "tasks",
        [SORT_AGE] = "age", [SORT_NAME] = "name",
};

const char *sort_key_to_string(SortKey key) {
        return sort_keys[key];
}

int sort_key_from_string(const char *word, SortKey *ret) {
        for (int i = 0; i < SORT_KEYS; i++)
                if (strcmp(word, sort_keys[i]) == 0 || (word[0] == sort_keys[i][0] && !word[1])) {
                        *ret = (SortKey) i;
                        return 0;
                }
        return -EINVAL;
}

typedef struct Order {
        SortKey key;
        bool reverse;
} Order;

/* What is sorted by, the largest first; UINT64_MAX: not known. */
static uint64_t value_of(const JobUsage *usage, SortKey key) {
        switch (key) {
        case SORT_CPU:
                return usage->cpu_rate;
        case SORT_MEMORY:
                return usage->job.memory_current;
        case SORT_TASKS:
                return usage->job.tasks;
        case SORT_AGE: /* the oldest first, so the smallest time */
                return UINT64_MAX - 1 - usage->job.created;
        case SORT_NAME:
        case SORT_KEYS:
                break;
        }
        return 0;
}

static int compare_numbers(uint64_t a, uint64_t b, bool reverse) {
        if (a == b)
                return 0;
        if (a == UINT64_MAX || b == UINT64_MAX)
                return a == UINT64_MAX ? 1 : -1;
        return (a > b) == reverse ? 1 : -1;
}

static int compare_names(const char *a, const char *b, bool reverse) {
        if (!a[0] || !b[0])
                return !a[0] - !b[0];
        return reverse ? strcmp(b, a) : strcmp(a, b);
}

static int compare_jobs(const void *a, const void *b, void *userdata) {
        const JobUsage *x = a, *y = b;
        const Order *order = userdata;
        int r;

        if (order->key == SORT_NAME)
                r = compare_names(x->job.name, y->job.name, order->reverse);
        else
                r = compare_numbers(value_of(x, order->key), value_of(y, order->key), order->reverse);
        return r != 0 ? r : (x->job.id > y->job.id) - (x->job.id < y->job.id);
}

void snapshot_sort(Snapshot *snapshot, SortKey key, bool reverse) {
        Order order = { .key = key, .reverse = reverse };

        if (snapshot->n > 1)
                qsort_r(snapshot->jobs, snapshot->n, sizeof(JobUsage), compare_jobs, &order);
}

static void add_known(uint64_t *sum, uint64_t value) {
        if (value != UINT64_MAX)
                *sum = *sum == UINT64_MAX ? value : *sum + value;
}

UsageSum snapshot_sum(const Snapshot *snapshot) {
        UsageSum sum = { .cpu_rate = UINT64_MAX, .tasks = UINT64_MAX, .memory = UINT64_MAX };

        for (size_t i = 0; i < snapshot->n; i++) {
                add_known(&sum.cpu_rate, snapshot->jobs[i].cpu_rate);
                add_known(&sum.tasks, snapshot->jobs[i].job.tasks);
                add_known(&sum.memory, snapshot->jobs[i].job.memory_current);
        }
        return sum;
}
