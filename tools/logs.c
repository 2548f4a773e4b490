/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/caplog.h"
#include "tools/client.h"
#include "tools/display.h"
#include "tools/failure.h"
#include "tools/job.h"
#include "tools/logfile.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/status.h"
#include "tools/verbs.h"

#define CHUNK (64 * 1024)
#define POLL_MSEC 200                     /* between two looks at the file */
#define ASK_EVERY 5                       /* looks at the file for one question whether the job still runs */
#define GIVE_UP (UINT64_C(300) * 1000000) /* for which the daemon may be away */
#define JSON_MAX (UINT64_C(64) * 1024 * 1024) /* bytes of a log as JSON */

static const char help[] = "Usage: cgmove logs [OPTION...] JOB\n\n"
                           "Shows the output of a job.\n\n"
                           "  -f, --follow  go on until the job has ended\n"
                           "      --json    print JSON (not with --follow)\n"
                           "  -h, --help    show this help\n";

/* On a terminal, what a job wrote must not command it. */
static int print_chunk(const char *data, size_t size) {
        _cleanup_free_ char *escaped = NULL;

        if (isatty(STDOUT_FILENO)) {
                escaped = display_escape(data, size, true);
                if (!escaped)
                        return -ENOMEM;
                data = escaped;
                size = strlen(escaped);
        }
        return fwrite(data, 1, size, stdout) == size ? 0 : -EIO;
}

/* How many bytes at the end of a chunk are to be read again with the next one, since a terminal would get half
 * a character. */
static size_t left_for_next(const char *data, size_t size) {
        return isatty(STDOUT_FILENO) ? display_utf8_incomplete(data, size) : 0;
}

static int print_all(int fd, Failure *failure) {
        char buffer[CHUNK];
        ssize_t n;

        while ((n = read(fd, buffer, sizeof(buffer))) > 0) {
                size_t left = left_for_next(buffer, (size_t) n);

                if (left < (size_t) n && lseek(fd, -(off_t) left, SEEK_CUR) >= 0)
                        n -= (ssize_t) left; /* else there is no more of it */
                if (print_chunk(buffer, (size_t) n) < 0)
                        return output_finish(STATUS_FAILED);
        }
        if (n < 0)
                return failure_errno(failure, errno, "Cannot read the log");
        return output_finish(0);
}

static int print_all_json(int fd, const Job *job, Failure *failure) {
        _cleanup_free_ char *text = NULL, *escaped = NULL;
        struct stat st;
        json_t *value;
        ssize_t n;

        if (fstat(fd, &st) < 0 || (uint64_t) st.st_size > JSON_MAX)
                return failure_set(failure, STATUS_FAILED, "Failed",
                                   "The log is too large for JSON; read %s.", job->log);
        text = malloc((size_t) st.st_size + 1);
        n = text ? pread(fd, text, (size_t) st.st_size, 0) : -1;
        if (n < 0)
                return failure_errno(failure, errno, "Cannot read the log");
        value = json_stringn(text, (size_t) n);
        if (!value) { /* not UTF-8 */
                escaped = display_escape(text, (size_t) n, true);
                value = json_string(escaped ?: "");
        }
        return output_json(json_pack("{s:I, s:o, s:o}", "id", (json_int_t) job->id, "log",
                                     output_json_text(job->log), "output", value));
}

typedef struct Follow {
        Client *client;
        uint64_t id;
        CapLogReader reader;
        uint64_t waited_at; /* the position of half a character that one look has left; UINT64_MAX: none */
} Follow;

/* How many of the SIZE bytes just read are to be printed; the others are read again. Half a character waits
 * until the next look, by which whoever is in the middle of writing it is through; there is none after the
 * LAST. */
static size_t follow_take(Follow *follow, const char *data, size_t size, bool last) {
        uint64_t start = follow->reader.position - size;
        size_t left = left_for_next(data, size);

        if (left == size && (last || follow->waited_at == start))
                return size;
        if (left == size)
                follow->waited_at = start;
        follow->reader.position -= left;
        return size - left;
}

/* Prints what there is. Returns 0 or a negative errno. */
static int follow_print(Follow *follow, bool last) {
        char buffer[CHUNK];
        uint64_t left_out;
        ssize_t n;

        while ((n = caplog_read(&follow->reader, buffer, sizeof(buffer), &left_out)) > 0) {
                if (left_out > 0)
                        (void) printf("\n[cgmove: %" PRIu64 " bytes of output left out here]\n", left_out);
                n = (ssize_t) follow_take(follow, buffer, (size_t) n, last);
                if (n == 0)
                        break;
                if (print_chunk(buffer, (size_t) n) < 0)
                        return -EIO;
        }
        if (fflush(stdout) != 0)
                return -EIO;
        return n < 0 ? (int) n : 0;
}

/* Returns 0 and whether the job runs, or an exit status. */
static int follow_ask(Follow *follow, bool *ret_running, Failure *failure) {
        Job job;
        int r;

        r = job_get_quietly(&follow->client, follow->id, GIVE_UP, &job, failure);
        if (r != 0)
                return r;
        *ret_running = job_is_running(&job);
        job_done(&job);
        return 0;
}

static int follow_run(Follow *follow, Failure *failure) {
        struct pollfd out = { .fd = STDOUT_FILENO }; /* tells that the reader of a pipe or socket is gone */
        bool running = true;
        int r;

        for (unsigned i = 0; running || follow->reader.is_busy; i++) {
                r = running && i % ASK_EVERY == 0 ? follow_ask(follow, &running, failure) : 0;
                if (r != 0)
                        return r;
                r = follow_print(follow, !running);
                if (r < 0)
                        return output_finish(failure_errno(failure, r, "Cannot show the log"));
                if ((running || follow->reader.is_busy) && poll(&out, 1, POLL_MSEC) > 0 && (out.revents & (POLLERR | POLLHUP | POLLNVAL)))
                        return 0;
        }
        return 0;
}

static int show(Client **client, const Job *job, bool follow, bool json, Failure *failure) {
        _cleanup_close_ int fd = -1;
        int r;

        if (!job->log[0])
                return failure_set(failure, STATUS_FAILED, "NoLog",
                                   "Job %" PRIu64 " has no log%s; 'cgmove status %" PRIu64
                                   "' tells about it.",
                                   job->id,
                                   strcmp(job->kind, "run") == 0 ? "" : ", which only 'cgmove run' makes",
                                   job->id);
        r = logfile_open_read(job->log, (uid_t) job->uid, &fd, failure);
        if (r != 0)
                return r;
        if (follow && job_is_running(job)) {
                Follow f = { .client = *client,
                             .id = job->id,
                             .reader = { .fd = fd, .max = job->log_max },
                             .waited_at = UINT64_MAX };

                r = follow_run(&f, failure);
                *client = f.client;
                return r;
        }
        return json ? print_all_json(fd, job, failure) : print_all(fd, failure);
}

int verb_logs(int argc, char **argv) {
        static const struct option options[] = { { "follow", no_argument, NULL, 'f' }, OPTIONS_COMMON };
        _cleanup_(client_freep) Client *client = NULL;
        bool follow = false, json = false;
        Failure failure = { .status = 0 };
        uint64_t id;
        Job job;
        int c, r;

        options_fill_stdio();
        while ((c = options_next("logs", argc, argv, "f", options)) >= 0)
                switch (c) {
                case 'f':
                        follow = true;
                        break;
                case OPTION_JSON:
                        json = true;
                        break;
                case 'h':
                        return options_help(help);
                default:
                        return STATUS_USAGE;
                }
        if (argc - optind != 1)
                return usage_error("logs", "One job must be given");
        if (follow && json)
                return usage_error("logs", "--follow and --json exclude each other");
        r = job_find(&client, argv[optind], &id, &failure);
        if (r == 0)
                r = job_get(&client, id, 0, &job, &failure);
        if (r == 0) {
                r = show(&client, &job, follow, json, &failure);
                job_done(&job);
        }
        return failure.status != 0 && r != 0 ? failure_print(&failure, json) : r;
}
