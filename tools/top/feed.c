/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/top/feed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

#include "lib/protocol.h"
#include "tools/client.h"
#include "tools/connect.h"
#include "tools/output.h"

#define CALLS_MAX 8 /* that wait for an answer at a time */

struct Feed {
        char *path;
        sd_bus *bus;
        uint64_t since;
        bool listed;
        bool failed;
        Failure failure;
        uint64_t ids[FEED_JOBS_MAX];
        size_t n_ids, n_asked, n_waiting;
        Snapshot snapshot; /* as far as it is known */
};

int feed_new(const char *socket_path, Feed **ret) {
        _cleanup_(feed_freep) Feed *feed = calloc(1, sizeof(*feed));

        if (!feed)
                return -ENOMEM;
        feed->path = strdup(socket_path);
        if (!feed->path)
                return -ENOMEM;
        *ret = TAKE_PTR(feed);
        return 0;
}

Feed *feed_free(Feed *feed) {
        if (!feed)
                return NULL;
        snapshot_done(&feed->snapshot);
        (void) sd_bus_close_unref(feed->bus);
        free(feed->path);
        free(feed);
        return NULL;
}

uint64_t feed_since(const Feed *feed) {
        return feed->since;
}

/* What was under way is over. */
static void clear(Feed *feed) {
        snapshot_done(&feed->snapshot);
        feed->since = 0;
        feed->listed = feed->failed = false;
        feed->n_ids = feed->n_asked = feed->n_waiting = 0;
}

static void close_bus(Feed *feed) {
        clear(feed);
        feed->bus = sd_bus_close_unref(feed->bus);
}

/* For callbacks: the first failure counts, and feed_step() tells it. */
static void fail(Feed *feed, const Failure *failure) {
        if (!feed->failed)
                feed->failure = *failure;
        feed->failed = true;
}

static void fail_errno(Feed *feed, int error) {
        Failure failure;

        (void) client_bad_message(error, &failure);
        fail(feed, &failure);
}

/* --- calls --------------------------------------------------------------------------------------------------------- */

static void ask_on(Feed *feed);

static bool is_no_such_job(sd_bus_message *answer) {
        return sd_bus_message_is_method_error(answer, CGMOVE_ERROR_NO_SUCH_JOB) > 0;
}

static int on_job(sd_bus_message *answer, void *userdata, sd_bus_error *error) {
        Feed *feed = userdata;
        Failure failure;
        Job job;
        int r;

        feed->n_waiting--;
        if (sd_bus_message_is_method_error(answer, NULL) > 0) {
                if (!is_no_such_job(answer)) { /* else it has ended meanwhile */
                        (void) client_fail_answer(feed->bus, answer, &failure);
                        fail(feed, &failure);
                }
        } else {
                r = job_read(answer, &job);
                if (r >= 0) {
                        if (job_is_running(&job))
                                r = snapshot_add(&feed->snapshot, &job, now_monotonic());
                        job_done(&job);
                }
                if (r < 0)
                        fail_errno(feed, r);
        }
        ask_on(feed);
        return 1;
}

static int ask_for(Feed *feed, uint64_t id) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
        int r;

        r = sd_bus_message_new_method_call(feed->bus, &message, NULL, CGMOVE_PATH, CGMOVE_MANAGER_INTERFACE,
                                           "GetJob");
        if (r >= 0)
                r = sd_bus_message_append_basic(message, 't', &id);
        return r < 0 ? r : sd_bus_call_async(feed->bus, NULL, message, on_job, feed, CLIENT_TIMEOUT);
}

static void ask_on(Feed *feed) {
        while (!feed->failed && feed->n_asked < feed->n_ids && feed->n_waiting < CALLS_MAX) {
                int r = ask_for(feed, feed->ids[feed->n_asked++]);

                if (r < 0)
                        fail_errno(feed, r);
                else
                        feed->n_waiting++;
        }
}

static int read_list(Feed *feed, sd_bus_message *answer) {
        _cleanup_(job_list_done) JobList list = { .n = 0 };
        size_t first;
        int r;

        r = job_list_read(answer, &list);
        if (r < 0)
                return r;
        first = list.n > FEED_JOBS_MAX ? list.n - FEED_JOBS_MAX : 0;
        feed->snapshot.n_left_out = first;
        for (size_t i = first; i < list.n; i++)
                feed->ids[feed->n_ids++] = list.jobs[i].id;
        feed->listed = true;
        return 0;
}

static int on_list(sd_bus_message *answer, void *userdata, sd_bus_error *error) {
        Feed *feed = userdata;
        Failure failure;
        int r;

        if (sd_bus_message_is_method_error(answer, NULL) > 0) {
                (void) client_fail_answer(feed->bus, answer, &failure);
                fail(feed, &failure);
                return 1;
        }
        r = read_list(feed, answer);
        if (r < 0)
                fail_errno(feed, r);
        ask_on(feed);
        return 1;
}

static int ask_list(Feed *feed) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
        int r;

        r = sd_bus_message_new_method_call(feed->bus, &message, NULL, CGMOVE_PATH, CGMOVE_MANAGER_INTERFACE,
                                           "ListJobs");
        if (r >= 0)
                r = sd_bus_message_append(message, "a{sv}", 0);
        return r < 0 ? r : sd_bus_call_async(feed->bus, NULL, message, on_list, feed, CLIENT_TIMEOUT);
}

/* --- the connection ------------------------------------------------------------------------------------------------ */

static int open_bus(Feed *feed) {
        int fd, r;

        r = sd_bus_new(&feed->bus);
        if (r < 0)
                return r;
        fd = connect_private_now(feed->path);
        if (fd < 0)
                return fd;
        r = sd_bus_set_fd(feed->bus, fd, fd);
        if (r < 0) {
                (void) close(fd);
                return r;
        }
        return sd_bus_start(feed->bus);
}

int feed_begin(Feed *feed, Failure *failure) {
        int r = 0;

        if (feed->since > 0)
                return 0;
        clear(feed);
        if (!feed->bus)
                r = open_bus(feed);
        if (r >= 0)
                r = ask_list(feed);
        if (r < 0) {
                close_bus(feed);
                return client_fail_connection(r, failure);
        }
        feed->since = now_monotonic();
        return 0;
}

void feed_get_poll(const Feed *feed, int *ret_fd, short *ret_events, uint64_t *ret_until) {
        int events = feed->bus ? sd_bus_get_events(feed->bus) : -1;
        uint64_t until = UINT64_MAX;

        *ret_fd = events >= 0 ? sd_bus_get_fd(feed->bus) : -1;
        *ret_events = (short) (events >= 0 ? events : 0);
        if (feed->bus && sd_bus_get_timeout(feed->bus, &until) < 0)
                until = UINT64_MAX;
        if (feed->since > 0 && feed->since + FEED_TIMEOUT < until)
                until = feed->since + FEED_TIMEOUT;
        *ret_until = until;
}

/* Returns 0 or a negative errno. */
static int process(Feed *feed) {
        int r;

        while ((r = sd_bus_process(feed->bus, NULL)) > 0)
                ;
        if (r >= 0 && sd_bus_is_open(feed->bus) <= 0)
                r = -ECONNRESET;
        if (r >= 0 && feed->since > 0 && now_monotonic() >= feed->since + FEED_TIMEOUT)
                r = -ETIMEDOUT;
        return r;
}

int feed_step(Feed *feed, Snapshot *ret, Failure *failure) {
        bool asked = feed->since > 0;
        int r;

        if (!feed->bus)
                return 0;
        r = process(feed);
        if (r < 0 || feed->failed) {
                if (feed->failed)
                        *failure = feed->failure;
                else
                        (void) client_fail_connection(r, failure);
                close_bus(feed);
                return asked ? -1 : 0; /* whoever asks next connects anew */
        }
        if (!feed->listed || feed->n_asked < feed->n_ids || feed->n_waiting > 0)
                return 0;
        *ret = feed->snapshot;
        feed->snapshot = (Snapshot){ .n = 0 };
        clear(feed);
        return 1;
}
