/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* `cgmove where`: from /proc alone, so that it answers also where there is no daemon. */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/pidfd.h"
#include "lib/proc.h"
#include "lib/source.h"
#include "tools/arguments.h"
#include "tools/failure.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/status.h"
#include "tools/verbs.h"

static const char help[] =
                "Usage: cgmove where [OPTION...] [PID]\n\n"
                "Shows which unit, session and manager a process belongs to (the caller of cgmove, if\n"
                "no PID is given), and what would kill it.\n\n"
                "      --json  print JSON\n"
                "  -h, --help  show this help\n";

#define COMMAND_MAX 256
#define KILLERS_MAX 4
#define KILLER_SIZE 384

typedef struct Place {
        pid_t pid;
        uid_t uid;
        char *command;
        char *cgroup;
        char *word; /* of source_to_string() */
        Source source;
        char manager[64];
        size_t n_killers;
        char killers[KILLERS_MAX][KILLER_SIZE]; /* what would end it, one phrase each */
} Place;

static void place_done(Place *place) {
        free(place->command);
        free(place->cgroup);
        free(place->word);
}

__attribute__((format(printf, 2, 3))) static void add_killer(Place *place, const char *format, ...) {
        va_list ap;

        if (place->n_killers >= KILLERS_MAX)
                return;
        va_start(ap, format);
        (void) vsnprintf(place->killers[place->n_killers++], KILLER_SIZE, format, ap);
        va_end(ap);
}

static void describe_unit(Place *place, bool user) {
        const char *unit = place->source.unit, *suffix = strrchr(unit, '.');

        if (place->source.control)
                add_killer(place,
                           "the end of the command of %s it belongs to (ExecReload=, ExecStop= or the like)",
                           unit);
        if (suffix && strcmp(suffix, ".service") == 0)
                add_killer(place, "a restart or stop of %s (unless it has KillMode=process or none)", unit);
        else
                add_killer(place, "a stop of %s", unit);
        if (user)
                add_killer(place,
                           "the end of user@%u.service: the last logout without lingering, 'loginctl "
                           "terminate-user'",
                           (unsigned) place->source.owner_uid);
}

static void describe(Place *place) {
        const Source *source = &place->source;
        bool user = source->kind == SOURCE_USER_UNIT ||
                    (source->kind == SOURCE_MANAGER && source->owner_uid != UID_NONE);

        if (user)
                (void) snprintf(place->manager, sizeof(place->manager), "user@%u.service",
                                (unsigned) source->owner_uid);
        else if (source->kind != SOURCE_OTHER)
                (void) snprintf(place->manager, sizeof(place->manager), "system");

        switch (source->kind) {
        case SOURCE_USER_UNIT:
        case SOURCE_SYSTEM_UNIT:
                describe_unit(place, user);
                break;
        case SOURCE_SESSION:
                add_killer(place,
                           "the end of %s: 'loginctl terminate-session', or the logout with "
                           "KillUserProcesses=yes",
                           source->unit);
                break;
        case SOURCE_JOB:
                if (source->job > 0)
                        add_killer(place, "'cgmove stop %" PRIu64 "', or its runtime limit", source->job);
                add_killer(place, "a stop of %s by the administrator", source->unit);
                add_killer(place, "a logout, if on-logout of the policy says so: 'cgmove sessions' shows it");
                break;
        case SOURCE_MANAGER:
                add_killer(place, "the end of its manager");
                break;
        case SOURCE_OTHER:
                break;
        }
        add_killer(place, "the shutdown of the machine");
}

/* Whether its command line may be read: that lies in the memory of the process, which can have it locked, and
 * whoever reads it then waits for ever. */
static bool is_trusted(const ProcStatus *status) {
        return proc_status_is_of(status, geteuid()) || proc_status_is_of(status, 0);
}

static int place_read(int proc, pid_t pid, Place *place) {
        ProcStatus status;
        bool deleted;
        int r;

        place->pid = pid;
        r = proc_get_status(proc, pid, &status);
        if (r < 0)
                return r;
        place->uid = status.uid[0];
        r = proc_get_cgroup(proc, pid, &place->cgroup, &deleted);
        if (r < 0)
                return r;
        if (!is_trusted(&status) || proc_get_cmdline(proc, pid, COMMAND_MAX, &place->command) < 0 ||
            !place->command || !place->command[0]) {
                free(place->command);
                place->command = NULL;
                (void) proc_get_comm(proc, pid, &place->command);
        }
        source_from_cgroup_path(place->cgroup, &place->source);
        r = source_to_string(&place->source, &place->word);
        if (r < 0)
                return r;
        describe(place);
        return 0;
}

static int place_find(pid_t pid, Place *place, Failure *failure) {
        _cleanup_close_ int proc = -1, pidfd = -1;
        int r;

        proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (proc < 0)
                return failure_errno(failure, errno, "Cannot open /proc");
        pidfd = pidfd_open_process(pid);
        r = pidfd < 0 ? pidfd : place_read(proc, pid, place);
        if (r == -EINVAL && pidfd_is_alive(pidfd))
                return failure_set(failure, STATUS_FAILED, "Unsupported",
                                   "The control group of process %d is outside of what can be seen here; "
                                   "ask on the host of this "
                                   "container.",
                                   (int) pid);
        if (r == -ESRCH || r == -EINVAL || (r >= 0 && !pidfd_is_alive(pidfd)))
                return failure_set(failure, STATUS_FAILED, "NoSuchProcess",
                                   "There is no process %d; 'ps ax' shows those that there are.", (int) pid);
        if (r == -ENODATA)
                return failure_set(failure, STATUS_FAILED, "Unsupported",
                                   "This host has no cgroup v2 hierarchy; 'cgmove doctor' tells what to "
                                   "change.");
        return r < 0 ? failure_errno(failure, r, "Cannot read about process %d", (int) pid) : 0;
}

static bool is_unit(const Source *source) {
        return source->unit[0] != 0;
}

static void print_place(const Place *place) {
        output_key("Process", "%d", (int) place->pid);
        output_key_text("Command", place->command ?: "");
        output_key_text("Control group", place->cgroup);
        output_key_text("From", place->word);
        if (is_unit(&place->source))
                output_key_text("Unit", place->source.unit);
        if (place->manager[0])
                output_key_text("Manager", place->manager);
        if (place->source.job > 0)
                output_key("Job", "%" PRIu64, place->source.job);
        for (size_t i = 0; i < place->n_killers; i++)
                output_key_text(i == 0 ? "Killed by" : "", place->killers[i]);
}

static json_t *place_to_json(const Place *place) {
        const Source *source = &place->source;
        json_t *killers = json_array();

        for (size_t i = 0; killers && i < place->n_killers; i++)
                (void) json_array_append_new(killers, output_json_text(place->killers[i]));
        return json_pack("{s:{s:i, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}}", "process", "pid",
                         (int) place->pid, "uid", (json_int_t) place->uid, "command",
                         output_json_text(place->command), "control_group", output_json_text(place->cgroup),
                         "source", output_json_text(place->word), "unit", output_json_text(source->unit),
                         "session", output_json_text(source->kind == SOURCE_SESSION ? source->unit : ""),
                         "manager", output_json_text(place->manager), "job",
                         output_json_number(source->job, true), "killed_by", killers);
}

int verb_where(int argc, char **argv) {
        _cleanup_(place_done) Place place = { .pid = 0 };
        pid_t pid = getppid(); /* whoever asks, a shell mostly, and not this short-lived process */
        Failure failure;
        bool json;
        int r;

        r = options_simple(argc, argv, help, 0, 1, &json);
        if (r >= 0)
                return r;
        if (optind < argc && argument_pid(argv[optind], &pid) < 0)
                return usage_error("where", "\"%s\" is no PID (the number of a process)", argv[optind]);
        r = place_find(pid, &place, &failure);
        if (r != 0)
                return failure_print(&failure, json);
        if (json)
                return output_json(place_to_json(&place));
        print_place(&place);
        return output_finish(0);
}
