/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `cgmove systemctl restart|stop|start --user|--system --say|--quiet -- UNIT`: what the shim hands on,
 * for a UNIT that the caller is inside of. Says one line and returns 0 if it was taken over; else says
 * nothing, and the shim goes on with the real systemctl. */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/source.h"
#include "tools/adopt/deferred-stop.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/status.h"
#include "tools/verbs.h"

#define CLIENT CGMOVE_LIBEXEC_DIR "/cgmove-client"

typedef struct Takeover {
        const char *verb, *unit;
        bool system, quiet;
        Client *client;
} Takeover;

__attribute__((format(printf, 2, 3))) static int say(const Takeover *t, const char *format, ...) {
        char text[512];
        va_list ap;

        if (t->quiet)
                return 0;
        va_start(ap, format);
        (void) vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        (void) fputs("cgmove: ", stderr);
        output_text(stderr, text);
        (void) fputc('\n', stderr);
        return 0;
}

/* Runs ARGV with its output on OUTPUT and its messages nowhere. Returns its status, or -1. */
static int run(char *const argv[], int output) {
        posix_spawn_file_actions_t actions;
        int status = -1, r;
        pid_t pid;

        if (posix_spawn_file_actions_init(&actions) != 0)
                return -1;
        r = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
        if (r == 0)
                r = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
        if (r == 0)
                r = posix_spawn(&pid, CLIENT, &actions, NULL, argv, environ);
        (void) posix_spawn_file_actions_destroy(&actions);
        if (r != 0)
                return -1;
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The job in what `cgmove restart --json` has printed. */
static int read_job(int fd, uint64_t *ret, bool *ret_joined) {
        json_t *object, *id;
        int r = -EBADMSG;

        if (lseek(fd, 0, SEEK_SET) < 0)
                return -errno;
        object = json_loadfd(fd, 0, NULL);
        id = json_object_get(json_object_get(object, "job"), "id");
        if (json_is_integer(id)) {
                *ret = (uint64_t) json_integer_value(id);
                *ret_joined = json_is_true(json_object_get(object, "joined"));
                r = 0;
        }
        json_decref(object);
        return r;
}

static int restart(Takeover *t) {
        char *argv[] = { (char *) "cgmove",
                         (char *) "restart",
                         (char *) "--json",
                         (char *) "--",
                         (char *) t->unit,
                         NULL,
                         NULL };
        _cleanup_close_ int output = -1;
        bool joined = false;
        uint64_t job = 0;

        if (t->system) {
                argv[3] = (char *) "--system";
                argv[4] = (char *) "--";
                argv[5] = (char *) t->unit;
        }
        output = memfd_create("cgmove", MFD_CLOEXEC);
        if (output < 0 || run(argv, output) != 0)
                return STATUS_FAILED;
        if (read_job(output, &job, &joined) < 0)
                return say(t, "%s is restarted when this command has ended.", t->unit);
        if (joined)
                return say(t,
                           "%s is restarted by job %" PRIu64 " already; 'cgmove status %" PRIu64
                           "' tells how it went.",
                           t->unit, job, job);
        return say(t,
                   "%s is restarted when this command has ended; 'cgmove status %" PRIu64
                   "' tells how it went.",
                   t->unit, job);
}

/* What was to be stopped is to run after all. */
static int restart_instead(Takeover *t, uint64_t stop) {
        Failure failure;

        if (stop > 0 && deferred_stop_cancel(&t->client, stop, &failure) != 0)
                return STATUS_FAILED;
        return restart(t);
}

static int stop_later(Takeover *t, uint64_t stop) {
        Failure failure;

        /* that job knows of the first command only, and waits for no other */
        if (stop > 0)
                return say(t,
                           "%s is stopped by job %" PRIu64
                           " already, when the command that asked first has ended.",
                           t->unit, stop);
        if (deferred_stop_start(t->system, t->unit, &stop, &failure) != 0)
                return failure.status;
        return say(t, "%s is stopped when this command has ended, by job %" PRIu64 ".", t->unit, stop);
}

static int take_over(Takeover *t) {
        uint64_t stop = 0;
        Failure failure;
        int r;

        r = deferred_stop_find(&t->client, t->system, t->unit, &stop, &failure);
        if (r != 0)
                return r;
        if (strcmp(t->verb, "restart") == 0)
                return restart_instead(t, stop);
        if (strcmp(t->verb, "stop") == 0)
                return stop_later(t, stop);
        if (strcmp(t->verb, "start") == 0 && stop > 0)
                return restart_instead(t, stop);
        return STATUS_FAILED;
}

int verb_systemctl(int argc, char **argv) {
        Takeover t = { .verb = argc == 6 ? argv[1] : "" };
        Failure failure;
        int r;

        if (argc != 6 || strcmp(argv[4], "--") != 0)
                return STATUS_USAGE; /* not called by people */
        t.unit = argv[5];
        t.system = strcmp(argv[2], "--system") == 0;
        t.quiet = strcmp(argv[3], "--quiet") == 0;
        if (!unit_name_is_valid(t.unit))
                return STATUS_USAGE;
        options_fill_stdio();
        r = client_connect(&t.client, &failure); /* once: a daemon that is away is not waited for */
        if (r == 0)
                r = take_over(&t);
        (void) client_free(t.client);
        return r;
}
