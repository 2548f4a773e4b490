/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/top/live.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/display.h"
#include "tools/output.h"
#include "tools/status.h"
#include "tools/terminal.h"
#include "tools/top/screen.h"
#include "tools/top/view.h"

#define SECOND UINT64_C(1000000)
/* A daemon with thousands of jobs is asked less often: for no more than this part of the time. */
#define SHARE 10
/* After one that took long, because the daemon hung or the host slept, it is not left alone for longer than this. */
#define SHARE_MAX (30 * SECOND)

typedef struct Live {
        const LiveOptions *options;
        Feed *feed;
        Snapshot snapshot;
        uint64_t n_looks; /* that had an answer */
        uint64_t n_counted; /* of --iterations: with figures for the CPU, which the first one has not, and failed ones */
        uint64_t next;    /* look, CLOCK_MONOTONIC */
        uint64_t seen_at; /* when SNAPSHOT was complete; 0: never */
        Failure failure;  /* status 0: none */
        SortKey key;
        bool reverse;
        bool leave;
        bool is_complete; /* all looks that were asked for */
} Live;

static uint64_t delay_of(const Live *live) {
        return live->n_looks < 2 ? live->options->first_delay : live->options->delay;
}

/* --- looking --------------------------------------------------------------------------------------------------------- */

static void count_look(Live *live) {
        if (live->options->iterations > 0 && ++live->n_counted >= live->options->iterations)
                live->leave = live->is_complete = true;
}

/* Returns true if there is something new to show. */
static bool begin_look(Live *live) {
        live->next = now_monotonic() + live->options->delay;
        if (feed_begin(live->feed, &live->failure) == 0)
                return false;
        count_look(live);
        return true;
}

static void take_snapshot(Live *live, Snapshot *snapshot, uint64_t began) {
        uint64_t now = now_monotonic(), share = (now - began) * SHARE, least;

        snapshot_compare(snapshot, &live->snapshot);
        snapshot_done(&live->snapshot);
        live->snapshot = *snapshot;
        live->failure.status = 0;
        live->seen_at = now;
        if (live->n_looks++ > 0)
                count_look(live);
        least = now + (share < SHARE_MAX ? share : SHARE_MAX);
        live->next = began + delay_of(live) > least ? began + delay_of(live) : least;
}

/* Returns true if there is something new to show. */
static bool go_on(Live *live) {
        uint64_t began = feed_since(live->feed);
        Snapshot snapshot;
        int r;

        r = feed_step(live->feed, &snapshot, &live->failure);
        if (r > 0)
                take_snapshot(live, &snapshot, began);
        else if (r < 0)
                count_look(live);
        return r != 0;
}

/* --- showing --------------------------------------------------------------------------------------------------------- */

/* What keeps the figures from being of now. */
static const char *describe_problem(const Live *live, char *buffer, size_t size) {
        uint64_t now = now_monotonic(), since = feed_since(live->feed);
        char span[32], age[64] = "";

        if (live->failure.status != 0)
                return live->failure.message;
        if (since == 0 || now - since < SECOND)
                return NULL;
        display_span((now - since) / SECOND * SECOND, span, sizeof(span));
        if (live->seen_at > 0)
                (void) snprintf(age, sizeof(age), "; what is shown is older than that");
        (void) snprintf(buffer, size, "The daemon has not answered for %s%s.", span, age);
        return buffer;
}

static void draw(Live *live) {
        View view = {
                .key = live->key,
                .reverse = live->reverse,
                .users = getuid() == 0,
                .colour = terminal_has_colour(stdout),
                .keys = true,
                .now = now_realtime(),
        };
        _cleanup_free_ char *text = NULL;
        _cleanup_fclose_ FILE *f = NULL;
        char problem[256];
        size_t size;

        terminal_size(STDOUT_FILENO, &view.rows, &view.columns);
        view.problem = describe_problem(live, problem, sizeof(problem));
        f = open_memstream(&text, &size);
        if (f && view_write(f, &view, live->seen_at > 0 ? &live->snapshot : NULL) >= 0 && fflush(f) == 0)
                screen_draw(text, view.rows);
}

/* --- keys ------------------------------------------------------------------------------------------------------------ */

static void take_key(Live *live, char key) {
        const char word[] = { key, '\0' };

        if (key == 'q' || key == 'Q')
                live->leave = true;
        else if (key == 'r')
                live->reverse = !live->reverse;
        else if (key == ' ' && feed_since(live->feed) == 0)
                live->next = 0;
        else if (sort_key_from_string(word, &live->key) >= 0)
                live->reverse = false;
}

/* How many bytes an arrow has, or another key with a sequence (ECMA-48, 5.4; SS3 of the VT220); none means anything here. */
static size_t sequence_length(const char *text, size_t n) {
        size_t i = 1;

        if (i < n && (text[i] == '[' || text[i] == 'O'))
                for (i++; i < n && (text[i] < 0x40 || text[i] > 0x7e); i++)
                        ;
        return i < n ? i + 1 : n;
}

static void take_keys(Live *live) {
        char buffer[64];
        size_t n = screen_read(buffer, sizeof(buffer));

        for (size_t i = 0; i < n;)
                if (buffer[i] == '\x1b')
                        i += sequence_length(buffer + i, n - i);
                else
                        take_key(live, buffer[i++]);
}

/* --- the loop -------------------------------------------------------------------------------------------------------- */

/* Until the next look, or the next second: the clock. */
static unsigned wait_a_while(Live *live) {
        uint64_t now = now_monotonic(), until, usec = SECOND;
        short events;
        int fd;

        feed_get_poll(live->feed, &fd, &events, &until);
        if (feed_since(live->feed) == 0 && live->next < until)
                until = live->next;
        if (until < now + usec)
                usec = until > now ? until - now : 0;
        return screen_wait(fd, events, (int) ((usec + 999) / 1000));
}

static void turn(Live *live) {
        unsigned events;

        if (feed_since(live->feed) == 0 && now_monotonic() >= live->next && begin_look(live))
                draw(live);
        events = wait_a_while(live);
        if (events & SCREEN_END)
                live->leave = true;
        if (events & SCREEN_KEYS)
                take_keys(live);
        /* not for each of many answers */
        if (go_on(live) || events != SCREEN_OTHER)
                draw(live);
}

int live_run(const LiveOptions *options, Feed *feed) {
        Live live = { .options = options, .feed = feed, .key = options->key };
        int sig, r;

        r = screen_open();
        if (r < 0) {
                (void) failure_errno(&live.failure, r, "Cannot use the terminal");
                return failure_print(&live.failure, false);
        }
        draw(&live);
        while (!live.leave)
                turn(&live);
        screen_close();
        snapshot_done(&live.snapshot);

        sig = screen_signal();
        if (sig != 0) {
                sigset_t set;

                (void) signal(sig, SIG_DFL);
                (void) sigemptyset(&set);
                (void) sigaddset(&set, sig);
                (void) sigprocmask(SIG_UNBLOCK, &set, NULL);
                (void) raise(sig);
        }
        return live.is_complete && live.failure.status != 0 ? failure_print(&live.failure, false) : 0;
}
