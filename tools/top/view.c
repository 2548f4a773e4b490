/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/top/view.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tools/display.h"
#include "tools/table.h"
#include "tools/user-name.h"

static const char keys[] =
                "q quit   sort by: c CPU, m memory, t tasks, a age, n name   r reverse   space now";

#define LINES_AROUND 4 /* summary, keys or problem, blank, headings */

static void write_line(FILE *f, const View *view, const char *text, const char *sequence) {
        _cleanup_free_ char *escaped = display_escape(text, strlen(text), false), *shortened = NULL;

        if (escaped && view->columns > 0)
                shortened = display_shorten(escaped, view->columns);
        if (!view->colour)
                sequence = "";
        (void) fprintf(f, "%s%s%s\n", sequence, shortened ?: escaped ?: "", sequence[0] ? "\x1b[0m" : "");
}

/* In percent of one processor; "-" if it is not known. */
static void format_rate(uint64_t rate, char *buffer, size_t size) {
        if (rate == UINT64_MAX)
                (void) snprintf(buffer, size, "-");
        else if (rate < 10000000) /* ten processors */
                (void) snprintf(buffer, size, "%" PRIu64 ".%" PRIu64, rate / 10000, rate / 1000 % 10);
        else
                (void) snprintf(buffer, size, "%" PRIu64, rate / 10000);
}

static void format_memory(uint64_t bytes, char *buffer, size_t size) {
        if (bytes == UINT64_MAX)
                (void) snprintf(buffer, size, "-");
        else
                display_bytes(bytes, buffer, size);
}

static void format_count(uint64_t value, char *buffer, size_t size) {
        if (value == UINT64_MAX)
                (void) snprintf(buffer, size, "-");
        else
                (void) snprintf(buffer, size, "%" PRIu64, value);
}

static void add_part(char *text, size_t size, uint64_t value, void (*format)(uint64_t, char *, size_t),
                     const char *unit) {
        char word[32];
        size_t n = strlen(text);

        if (value == UINT64_MAX)
                return;
        format(value, word, sizeof(word));
        (void) snprintf(text + n, size - n, ", %s %s", word, unit);
}

static void write_summary(FILE *f, const View *view, const Snapshot *snapshot) {
        size_t n = snapshot->n + snapshot->n_left_out, length;
        time_t seconds = (time_t) (view->now / 1000000);
        UsageSum sum = snapshot_sum(snapshot);
        char text[256], clock[16] = "";
        struct tm tm;

        if (localtime_r(&seconds, &tm))
                (void) strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
        (void) snprintf(text, sizeof(text), "%s  %zu job%s", clock, n, n == 1 ? "" : "s");
        add_part(text, sizeof(text), sum.tasks, format_count, sum.tasks == 1 ? "task" : "tasks");
        add_part(text, sizeof(text), sum.cpu_rate, format_rate, "% CPU");
        add_part(text, sizeof(text), sum.memory, format_memory, "memory");
        length = strlen(text);
        if (n > 1)
                (void) snprintf(text + length, sizeof(text) - length, ", by %s%s",
                                sort_key_to_string(view->key), view->reverse ? " (reversed)" : "");
        write_line(f, view, text, "\x1b[1m");
}

static int add_job(Table *table, const View *view, const JobUsage *usage) {
        char id[24], user[USER_NAME_SIZE], rate[32], memory[32], tasks[32], age[32];
        const char *cells[TABLE_COLUMNS_MAX] = { NULL };
        const Job *job = &usage->job;
        size_t n = 0;

        format_count(job->id, id, sizeof(id));
        format_rate(usage->cpu_rate, rate, sizeof(rate));
        format_memory(job->memory_current, memory, sizeof(memory));
        format_count(job->tasks, tasks, sizeof(tasks));
        display_span(view->now > job->created ? view->now - job->created : 0, age, sizeof(age));
        cells[n++] = id;
        if (view->users)
                cells[n++] = user_name((uid_t) job->uid, user);
        cells[n++] = job->name[0] ? job->name : "-";
        cells[n++] = rate;
        cells[n++] = memory;
        cells[n++] = tasks;
        cells[n++] = age;
        cells[n] = job->command;
        return table_add(table, cells);
}

static int make_table(const View *view, const Snapshot *snapshot, size_t n_shown, Table **ret) {
        static const char *const headings[] = { "JOB",   "USER", "NAME",    "CPU %", "MEMORY",
                                                "TASKS", "AGE",  "COMMAND", NULL };
        static const char *const headings_own[] = { "JOB",   "NAME", "CPU %",   "MEMORY",
                                                    "TASKS", "AGE",  "COMMAND", NULL };
        _cleanup_(table_freep) Table *table = NULL;
        size_t first = view->users ? 3 : 2; /* of the numbers */
        int r;

        r = table_new(view->users ? headings : headings_own, &table);
        if (r < 0)
                return r;
        table_set_kind(table, 0, TABLE_NUMBER);
        for (size_t i = first; i < first + 4; i++)
                table_set_kind(table, i, TABLE_NUMBER);
        for (size_t i = 0; r >= 0 && i < n_shown; i++)
                r = add_job(table, view, &snapshot->jobs[i]);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(table);
        return 0;
}

static int write_jobs(FILE *f, const View *view, const Snapshot *snapshot) {
        _cleanup_(table_freep) Table *table = NULL;
        size_t room = SIZE_MAX, n = snapshot->n, n_more;
        char text[64];
        int r;

        if (view->rows > 0)
                room = view->rows > LINES_AROUND ? view->rows - LINES_AROUND : 0;
        if (snapshot->n > room || snapshot->n_left_out > 0)
                n = snapshot->n < room ? snapshot->n : room > 0 ? room - 1 : 0; /* a line for the rest */
        r = make_table(view, snapshot, n, &table);
        if (r < 0)
                return r;
        table_write(f, table, view->columns, view->colour, n);
        n_more = snapshot->n - n + snapshot->n_left_out;
        if (n_more > 0 && room > 0) {
                (void) snprintf(text, sizeof(text), "... and %zu more", n_more);
                write_line(f, view, text, "");
        }
        return 0;
}

int view_write(FILE *f, const View *view, Snapshot *snapshot) {
        if (snapshot) {
                snapshot_sort(snapshot, view->key, view->reverse);
                write_summary(f, view, snapshot);
        } else
                write_line(f, view, "cgmove top", "\x1b[1m");
        if (view->rows == 1)
                return 0;
        if (view->problem)
                write_line(f, view, view->problem, "\x1b[31m");
        else if (view->keys)
                write_line(f, view, keys, "");
        if (view->rows > 0 && view->rows < LINES_AROUND)
                return 0;
        if (view->keys || view->problem)
                (void) fputc('\n', f);
        if (snapshot && snapshot->n == 0)
                write_line(f, view, "No running jobs.", "");
        return snapshot && snapshot->n > 0 ? write_jobs(f, view, snapshot) : 0;
}
