/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `cgmove systemctl restart|stop|start --user|--system --say|--quiet -- UNIT`: what the shim hands on,
 * for a UNIT that the caller is inside of. Says one line and returns 0 if it was taken over, STATUS_SAID
 * if it could not be done and the real systemctl would not do what was asked for either; else says
 * nothing, and the shim goes on with the real systemctl. */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
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

__attribute__((format(printf, 1, 0))) static void print(const char *format, va_list ap) {
        char text[2048];

        (void) vsnprintf(text, sizeof(text), format, ap);
        (void) fputs("cgmove: ", stderr);
        output_text(stderr, text);
        (void) fputc('\n', stderr);
}

__attribute__((format(printf, 2, 3))) static int say(const Takeover *t, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        if (!t->quiet)
                print(format, ap);
        va_end(ap);
        return 0;
}

/* Also where nothing else is to be said. */
__attribute__((format(printf, 1, 2))) static int fail(const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        print(format, ap);
        va_end(ap);
        return STATUS_SAID;
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

/* The object that `cgmove restart --json` has printed, or NULL; the caller drops the reference. */
static json_t *read_answer(int fd) {
        return lseek(fd, 0, SEEK_SET) < 0 ? NULL : json_loadfd(fd, 0, NULL);
}

static int say_restart(const Takeover *t, const json_t *answer) {
        const json_t *id = json_object_get(json_object_get(answer, "job"), "id");
        int64_t job = json_integer_value(id);

        if (!json_is_integer(id))
                return say(t, "%s is restarted when this command has ended.", t->unit);
        if (json_is_true(json_object_get(answer, "joined")))
                return say(t,
                           "%s is restarted by job %" PRIi64 " already; 'cgmove status %" PRIi64
                           "' tells how it went.",
                           t->unit, job, job);
        return say(t,
                   "%s is restarted when this command has ended; 'cgmove status %" PRIi64
                   "' tells how it went.",
                   t->unit, job);
}

/* A refusal is the real systemctl's to override, but for a START: to it the unit runs already, and it would
 * do nothing and tell of success. */
static int refuse_restart(const Takeover *t, const json_t *answer, bool start) {
        const json_t *error = json_object_get(answer, "error");
        const char *message = json_string_value(json_object_get(error, "message"));

        if (!start)
                return STATUS_FAILED;
        return fail("%s runs on as it was: its stop is taken back, and cannot become a restart. %s", t->unit,
                    message ?: "'cgmove restart' tells why.");
}

static int restart(const Takeover *t, bool start) {
        char *argv[] = { (char *) "cgmove",
                         (char *) "restart",
                         (char *) "--json",
                         (char *) "--",
                         (char *) t->unit,
                         NULL,
                         NULL };
        _cleanup_close_ int output = -1;
        json_t *answer = NULL;
        int r = -1;

        if (t->system) {
                argv[3] = (char *) "--system";
                argv[4] = (char *) "--";
                argv[5] = (char *) t->unit;
        }
        output = memfd_create("cgmove", MFD_CLOEXEC);
        if (output >= 0) {
                r = run(argv, output);
                answer = read_answer(output);
        }
        r = r == 0 ? say_restart(t, answer) : refuse_restart(t, answer, start);
        json_decref(answer);
        return r;
}

/* What was to be stopped is to run after all. */
static int restart_instead(Takeover *t, uint64_t stop, bool start) {
        Failure failure;

        if (stop > 0 && deferred_cancel(&t->client, stop, &failure) != 0)
                return start ? fail("%s will be stopped by job %" PRIu64 ", which cannot be taken back: %s",
                                    t->unit, stop, failure.message)
                             : STATUS_FAILED;
        return restart(t, start);
}

/* The last word counts, as with systemctl: a restart that has not begun is not made any more. *RET says
 * whether there was one. */
static int take_restart_back(Takeover *t, uint64_t job, bool *ret) {
        RestartProgress progress;
        Failure failure;
        int r;

        r = deferred_restart_look(&t->client, job, &progress, &failure);
        if (r == 0 && progress == RESTART_WAITS) {
                *ret = true;
                if (deferred_cancel(&t->client, job, &failure) != 0)
                        return fail("%s is not stopped: job %" PRIu64
                                    " restarts it, and cannot be taken back: %s",
                                    t->unit, job, failure.message);
                /* it may have begun just then */
                r = deferred_restart_look(&t->client, job, &progress, &failure);
        }
        if (r == 0 && progress == RESTART_GOES_ON)
                return fail("%s is not stopped: job %" PRIu64
                            " is restarting it just now; try again when it is up.",
                            t->unit, job);
        return r;
}

static int stop_later(Takeover *t, const Deferred *asked) {
        bool instead = false;
        Failure failure;
        uint64_t stop;
        int r = 0;

        if (asked->restart > 0)
                r = take_restart_back(t, asked->restart, &instead);
        if (r != 0)
                return r;
        /* that job knows of the first command only, and waits for no other */
        if (asked->stop > 0)
                return say(t,
                           "%s is stopped by job %" PRIu64
                           " already, when the command that asked first has ended.",
                           t->unit, asked->stop);
        if (deferred_stop_start(t->system, t->unit, &stop, &failure) != 0)
                return failure.status;
        return say(t, "%s is stopped when this command has ended, by job %" PRIu64 "%s.", t->unit, stop,
                   instead ? ", and not restarted before" : "");
}

static int take_over(Takeover *t) {
        Deferred asked;
        Failure failure;
        int r;

        r = deferred_find(&t->client, t->system, t->unit, &asked, &failure);
        if (r != 0)
                return r;
        if (strcmp(t->verb, "restart") == 0)
                return restart_instead(t, asked.stop, false);
        if (strcmp(t->verb, "stop") == 0)
                return stop_later(t, &asked);
        if (strcmp(t->verb, "start") == 0 && asked.stop > 0)
                return restart_instead(t, asked.stop, true);
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
