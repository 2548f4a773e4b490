/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `cgmove top`: what the running jobs use, live on a terminal, else once. */

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/protocol.h"
#include "lib/values.h"
#include "tools/failure.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/status.h"
#include "tools/terminal.h"
#include "tools/top/feed.h"
#include "tools/top/live.h"
#include "tools/top/screen.h"
#include "tools/top/view.h"
#include "tools/verbs.h"

#define DELAY_DEFAULT (UINT64_C(2) * 1000000)
#define DELAY_LEAST UINT64_C(100000)
#define FIRST_INTERVAL UINT64_C(500000) /* between the two looks that the first figures are from */

static const char help[] =
                "Usage: cgmove top [OPTION...]\n\n"
                "Shows what your running jobs use (root: everybody's): on a terminal live, else once.\n\n"
                "  -d, --delay=TIME    between two looks (seconds, or 500ms, 1min, ...); 2 if not given\n"
                "  -s, --sort=KEY      cpu (if not given), memory, tasks, age or name\n"
                "  -n, --iterations=N  end after N looks\n"
                "  -b, --batch         print one look after the other, for a file or a pipe\n"
                "      --json          print JSON, once\n"
                "  -h, --help          show this help\n\n"
                "Keys: q quits; c, m, t, a, n sort by CPU, memory, tasks, age, name; r reverses;\n"
                "space looks now.\n";

typedef struct Arguments {
        LiveOptions live;
        bool batch;
        bool json;
} Arguments;

/* --- one look after the other ---------------------------------------------------------------------------------------- */

/* Sleeps until something comes from the daemon, or UNTIL (CLOCK_MONOTONIC), or for a second, for the progress. */
static void wait_for_feed(const Feed *feed, Progress *progress) {
        struct pollfd pollfd = { .fd = -1 };
        uint64_t until, now = now_monotonic(), usec = PROGRESS_INTERVAL;

        feed_get_poll(feed, &pollfd.fd, &pollfd.events, &until);
        if (until < now + usec)
                usec = until > now ? until - now : 0;
        (void) poll(&pollfd, 1, (int) ((usec + 999) / 1000));
        progress_tick(progress);
}

/* Returns 0, or an exit status with FAILURE filled. */
static int look(Feed *feed, bool json, Snapshot *ret, Failure *failure) {
        Progress progress;
        int r;

        progress_begin(&progress, json, PROGRESS_DAEMON);
        r = feed_begin(feed, failure);
        if (r != 0)
                return r;
        while ((r = feed_step(feed, ret, failure)) == 0)
                wait_for_feed(feed, &progress);
        progress_end(&progress);
        return r > 0 ? 0 : failure->status;
}

static void pause_until(uint64_t when) {
        uint64_t now;

        while ((now = now_monotonic()) < when)
                (void) poll(NULL, 0, (int) ((when - now + 999) / 1000));
}

/* A look at the time WHEN (CLOCK_MONOTONIC) that has the CPU time since BEFORE, which it replaces. */
static int look_again(Feed *feed, bool json, uint64_t when, Snapshot *before, Failure *failure) {
        Snapshot snapshot;
        int r;

        pause_until(when);
        r = look(feed, json, &snapshot, failure);
        if (r != 0)
                return r;
        snapshot_compare(&snapshot, before);
        snapshot_done(before);
        *before = snapshot;
        return 0;
}

static int print(const Arguments *arguments, Snapshot *snapshot) {
        View view = {
                .key = arguments->live.key,
                .users = getuid() == 0,
                .colour = terminal_has_colour(stdout),
                .columns = terminal_columns(STDOUT_FILENO),
                .now = now_realtime(),
        };

        if (view_write(stdout, &view, snapshot) < 0)
                return -ENOMEM;
        return fflush(stdout) == 0 ? 0 : -errno;
}

static int print_json(const Arguments *arguments, Snapshot *snapshot) {
        json_t *jobs = json_array();

        snapshot_sort(snapshot, arguments->live.key, false);
        for (size_t i = 0; jobs && i < snapshot->n; i++) {
                json_t *job = job_to_json(&snapshot->jobs[i].job);

                if (job)
                        (void) json_object_set_new(job, "cpu_rate_usec",
                                                   output_json_number(snapshot->jobs[i].cpu_rate, false));
                (void) json_array_append_new(jobs, job);
        }
        return output_json(json_pack("{s:o, s:I}", "jobs", jobs, "jobs_left_out",
                                     (json_int_t) snapshot->n_left_out));
}

static int run_batch(const Arguments *arguments, Feed *feed) {
        uint64_t n = arguments->live.iterations ?: arguments->batch ? UINT64_MAX : 1, next = 0;
        _cleanup_(snapshot_done) Snapshot snapshot = { .n = 0 };
        Failure failure;
        int r;

        r = look_again(feed, arguments->json, 0, &snapshot, &failure);
        if (r == 0)
                next = now_monotonic() + FIRST_INTERVAL;
        for (uint64_t i = 0; i < n; i++) {
                if (r == 0 || i > 0)
                        r = look_again(feed, arguments->json, next, &snapshot, &failure);
                next = now_monotonic() + arguments->live.delay;
                if (r != 0) {
                        (void) failure_print(&failure, arguments->json);
                        continue; /* the daemon may be there again for the next */
                }
                if (arguments->json)
                        return print_json(arguments, &snapshot);
                if (i > 0)
                        (void) putchar('\n');
                if (print(arguments, &snapshot) < 0)
                        return output_finish(STATUS_FAILED);
        }
        return output_finish(r);
}

/* --- command line ---------------------------------------------------------------------------------------------------- */

static int take_delay(Arguments *arguments, const char *text) {
        uint64_t delay;

        if (parse_duration(text, &delay) < 0 || delay == LIMIT_NONE)
                return usage_error("top", "\"%s\" is no time (such as 90, 500ms, 5min)", text);
        arguments->live.delay = delay > DELAY_LEAST ? delay : DELAY_LEAST;
        return 0;
}

static int take_iterations(Arguments *arguments, const char *text) {
        uint32_t n;

        if (parse_id(text, &n) < 0 || n == 0)
                return usage_error("top", "\"%s\" is no number of looks", text);
        arguments->live.iterations = n;
        return 0;
}

/* Returns 0 to go on, or the exit status. */
static int take_option(Arguments *arguments, int c) {
        switch (c) {
        case 'd':
                return take_delay(arguments, optarg);
        case 's':
                if (sort_key_from_string(optarg, &arguments->live.key) >= 0)
                        return 0;
                return usage_error("top", "\"%s\" is nothing to sort by (cpu, memory, tasks, age, name)",
                                   optarg);
        case 'n':
                return take_iterations(arguments, optarg);
        case 'b':
                arguments->batch = true;
                return 0;
        case OPTION_JSON:
                arguments->json = true;
                return 0;
        default:
                return STATUS_USAGE;
        }
}

/* Returns -1 to go on, or the exit status. */
static int parse(int argc, char **argv, Arguments *arguments) {
        static const struct option options[] = {
                { "delay", required_argument, NULL, 'd' },
                { "sort", required_argument, NULL, 's' },
                { "iterations", required_argument, NULL, 'n' },
                { "batch", no_argument, NULL, 'b' },
                OPTIONS_COMMON,
        };
        int c, r;

        while ((c = options_next("top", argc, argv, "d:s:n:b", options)) >= 0) {
                if (c == 'h')
                        return options_help(help);
                r = take_option(arguments, c);
                if (r != 0)
                        return r;
        }
        if (optind < argc)
                return usage_error("top", "Too many arguments");
        if (arguments->json && (arguments->batch || arguments->live.iterations > 0))
                return usage_error("top",
                                   "--json prints one look; it goes with neither --batch nor --iterations");
        return -1;
}

int verb_top(int argc, char **argv) {
        Arguments arguments = { .live = { .delay = DELAY_DEFAULT, .first_delay = FIRST_INTERVAL } };
        _cleanup_(feed_freep) Feed *feed = NULL;
        Failure failure;
        int r;

        options_fill_stdio();
        r = parse(argc, argv, &arguments);
        if (r >= 0)
                return r;
        r = feed_new(CGMOVE_PRIVATE_SOCKET, &feed);
        if (r < 0) {
                (void) failure_errno(&failure, r, "Cannot look at the jobs");
                return failure_print(&failure, arguments.json);
        }
        if (!arguments.batch && !arguments.json && screen_is_possible())
                return live_run(&arguments.live, feed);
        return run_batch(&arguments, feed);
}
