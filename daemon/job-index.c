/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/job-index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/job-store-file.h"

void job_index_done(JobIndex *index) {
        free(index->items);
        *index = (JobIndex){ 0 };
}

int job_index_reserve(JobIndex *index) {
        size_t n = index->end - index->first, size;
        JobIndexItem *items;

        if (index->end < index->size)
                return 0;
        if (index->first > n) { /* half of it is gap */
                memmove(index->items, index->items + index->first, n * sizeof(*index->items));
                index->first = 0;
                index->end = n;
                return 0;
        }
        size = index->size > 0 ? 2 * index->size : 16;
        items = reallocarray(index->items, size, sizeof(*items));
        if (!items)
                return -ENOMEM;
        index->items = items;
        index->size = size;
        return 0;
}

void job_index_add(JobIndex *index, uint64_t id, uint64_t time) {
        size_t i = index->end;

        /* they are added nearly in the order in which they ended */
        while (i > index->first && index->items[i - 1].time > time)
                i--;
        memmove(index->items + i + 1, index->items + i, (index->end - i) * sizeof(*index->items));
        index->items[i] = (JobIndexItem){ id, time };
        index->end++;
}

void job_index_forget(JobIndex *index, uint64_t id) {
        size_t kept = index->first;

        for (size_t i = index->first; i < index->end; i++)
                if (index->items[i].id != id)
                        index->items[kept++] = index->items[i];
        index->end = kept;
}

static int compare_numbers(uint64_t x, uint64_t y) {
        return x < y ? -1 : x > y;
}

static int compare_ids(const void *a, const void *b) {
        return compare_numbers(*(const uint64_t *) a, *(const uint64_t *) b);
}

static int compare_times(const void *a, const void *b) {
        const JobIndexItem *x = a, *y = b;
        int r = compare_numbers(x->time, y->time);

        return r != 0 ? r : compare_numbers(x->id, y->id);
}

static int read_each(uint64_t id, uint64_t time, void *userdata) {
        JobIndex *index = userdata;
        int r;

        r = job_index_reserve(index);
        if (r < 0)
                return r;
        index->items[index->end++] = (JobIndexItem){ id, time };
        return 0;
}

int job_index_read(JobIndex *index, int folder_fd) {
        int r;

        r = store_each_result(folder_fd, read_each, index);
        if (r < 0)
                return r;
        if (index->end > 0)
                qsort(index->items, index->end, sizeof(*index->items), compare_times);
        return 0;
}

int job_index_copy_ids(const JobIndex *index, uint64_t **ret, size_t *ret_n) {
        size_t n = index->end - index->first;
        uint64_t *ids;

        ids = calloc(n > 0 ? n : 1, sizeof(*ids));
        if (!ids)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                ids[i] = index->items[index->first + i].id;
        qsort(ids, n, sizeof(*ids), compare_ids);
        *ret = ids;
        *ret_n = n;
        return 0;
}

void job_index_put_back(JobIndex *index, uint64_t now, uint64_t time) {
        for (size_t i = index->end; i > index->first && index->items[i - 1].time > now; i--)
                index->items[i - 1].time = time;
}

/* Those from FIRST to I have been looked through, of which N_KEPT, the first of them, stay. */
static void close_gap(JobIndex *index, size_t i, size_t n_kept) {
        size_t n = index->end - i;

        if (n_kept == 0) { /* the usual case */
                index->first = i;
                return;
        }
        memmove(index->items + index->first + n_kept, index->items + i, n * sizeof(*index->items));
        index->end = index->first + n_kept + n;
        qsort(index->items + index->first, n_kept + n, sizeof(*index->items), compare_times);
}

void job_index_drop_older(JobIndex *index, uint64_t time, job_index_ended_t ended, job_index_dropped_t dropped,
                          void *userdata) {
        size_t i, n_kept = 0;

        for (i = index->first; i < index->end && index->items[i].time < time; i++) {
                JobIndexItem item = index->items[i];

                item.time = ended(item.id, userdata);
                if (item.time < time)
                        dropped(item.id, userdata);
                else
                        index->items[index->first + n_kept++] = item;
        }
        close_gap(index, i, n_kept);
}

void job_index_drop_down_to(JobIndex *index, size_t n, job_index_dropped_t dropped, void *userdata) {
        while (index->end - index->first > n)
                dropped(index->items[index->first++].id, userdata);
}
