/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "tools/arguments.h"
#include "tools/client.h"
#include "tools/failure.h"
#include "tools/job.h"
#include "tools/options.h"
#include "tools/output.h"
#include "tools/status.h"
#include "tools/verbs.h"

#define GIVE_UP (UINT64_C(30) * 1000000)

typedef struct Outcome {
        sd_bus_message *message; /* holds the text */
        int ended;
        uint32_t signalled;
        uint32_t left;
        const char *text;
} Outcome;

static void outcome_done(Outcome *outcome) {
        (void) sd_bus_message_unref(outcome->message);
}

static int read_outcome_field(sd_bus_message *m, const char *key, Outcome *outcome) {
        if (strcmp(key, "Ended") == 0)
                return sd_bus_message_read(m, "v", "b", &outcome->ended);
        if (strcmp(key, "Signalled") == 0)
                return sd_bus_message_read(m, "v", "u", &outcome->signalled);
        if (strcmp(key, "Left") == 0)
                return sd_bus_message_read(m, "v", "u", &outcome->left);
        if (strcmp(key, "Message") == 0)
                return sd_bus_message_read(m, "v", "s", &outcome->text);
        return sd_bus_message_skip(m, "v");
}

/* Takes MESSAGE over. */
static int read_outcome(sd_bus_message *m, Outcome *ret) {
        const char *key;
        int r;

        *ret = (Outcome){ .message = m, .text = "" };
        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = sd_bus_message_read_basic(m, 's', &key);
                if (r >= 0)
                        r = read_outcome_field(m, key, ret);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        return r;
}

/* --- stop
 * ------------------------------------------------------------------------------------------------------ */

static const char stop_help[] = "Usage: cgmove stop [OPTION...] JOB\n\n"
                                "Ends a job: SIGTERM to your processes in it, SIGKILL after 10 seconds.\n\n"
                                "  -H, --host=[USER@]HOST     of another host, over ssh\n"
                                "  -M, --machine=[USER@]NAME  of a container of this host\n"
                                "      --json                 print JSON\n"
                                "  -h, --help                 show this help\n";

/* Whether there is such a job, though it does not run any more: then a stop has nothing left to do. */
static bool has_ended(Client **client, uint64_t id) {
        Failure failure;
        bool ended;
        Job job;

        if (job_get(client, id, 0, &job, &failure) != 0)
                return false;
        ended = !job_is_running(&job);
        job_done(&job);
        return ended;
}

static int stop(Client **client, uint64_t id, bool json, Outcome *ret, Failure *failure) {
        sd_bus_message *answer = NULL;
        Progress progress;
        int r;

        progress_begin(&progress, json, "stopping job %" PRIu64, id);
        r = client_call_job(client, id, "Stop", CLIENT_NO_TIMEOUT, GIVE_UP, &progress, &answer, failure);
        progress_end(&progress);
        if (r != 0 && strcmp(failure->code, "NoSuchJob") == 0 && has_ended(client, id)) {
                *ret = (Outcome){ .ended = true, .text = "" };
                return 0;
        }
        if (r != 0)
                return r;
        r = read_outcome(answer, ret);
        return r < 0 ? client_bad_message(r, failure) : 0;
}

static int print_stopped(uint64_t id, const Outcome *outcome, bool json) {
        int status = outcome->ended ? 0 : STATUS_FAILED;

        if (json)
                return output_json(json_pack("{s:I, s:b, s:i, s:o}", "id", (json_int_t) id, "ended",
                                             outcome->ended, "processes_left", (int) outcome->left,
                                             "message", output_json_text(outcome->text)))
                                       ?: status;
        (void) printf("job %" PRIu64 " %s", id, outcome->ended ? "has ended" : "has not ended");
        if (outcome->text[0]) {
                (void) fputs(": ", stdout);
                output_text(stdout, outcome->text);
        } else if (outcome->left > 0)
                (void) printf(": %" PRIu32 " processes of other users are left", outcome->left);
        (void) putchar('\n');
        return output_finish(status);
}

int verb_stop(int argc, char **argv) {
        _cleanup_(client_freep) Client *client = NULL;
        _cleanup_(outcome_done) Outcome outcome = { .message = NULL };
        Failure failure;
        uint64_t id;
        bool json;
        int r;

        r = options_simple(argc, argv, stop_help, 1, 1, &json);
        if (r >= 0)
                return r;
        r = job_find(&client, argv[optind], &id, &failure);
        if (r == 0)
                r = stop(&client, id, json, &outcome, &failure);
        if (r != 0)
                return failure_print(&failure, json);
        return print_stopped(id, &outcome, json);
}

/* --- kill
 * ------------------------------------------------------------------------------------------------------ */

static const char kill_help[] = "Usage: cgmove kill [OPTION...] JOB\n\n"
                                "Sends a signal to your processes in a job.\n\n"
                                "  -s, --signal=SIGNAL        name or number; TERM if not given\n"
                                "  -H, --host=[USER@]HOST     of another host, over ssh\n"
                                "  -M, --machine=[USER@]NAME  of a container of this host\n"
                                "      --json                 print JSON\n"
                                "  -h, --help                 show this help\n";

static int send_signal(Client **client, uint64_t id, int sig, Outcome *ret, Failure *failure) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
        sd_bus_message *answer = NULL;
        Progress progress;
        int r;

        progress_begin(&progress, false, PROGRESS_DAEMON);
        r = *client ? 0 : client_connect(client, failure);
        if (r == 0)
                r = client_message(*client, id, "Kill", &message, failure);
        if (r != 0)
                return r;
        r = sd_bus_message_append(message, "ia{sv}", sig, 0);
        if (r < 0)
                return client_bad_message(r, failure);
        r = client_call(*client, message, CLIENT_TIMEOUT, &progress, &answer, failure);
        if (r != 0)
                return r;
        r = read_outcome(answer, ret);
        return r < 0 ? client_bad_message(r, failure) : 0;
}

static int print_killed(uint64_t id, const Outcome *outcome, bool json) {
        int status = outcome->signalled > 0 ? 0 : STATUS_FAILED;

        if (json)
                return output_json(json_pack("{s:I, s:i, s:i, s:o}", "id", (json_int_t) id,
                                             "processes_signalled", (int) outcome->signalled,
                                             "processes_left", (int) outcome->left, "message",
                                             output_json_text(outcome->text)))
                                       ?: status;
        (void) printf("job %" PRIu64 ": signal sent to %" PRIu32 " process%s", id, outcome->signalled,
                      outcome->signalled == 1 ? "" : "es");
        if (outcome->text[0]) {
                (void) fputs("; ", stdout);
                output_text(stdout, outcome->text);
        }
        (void) putchar('\n');
        return output_finish(status);
}

int verb_kill(int argc, char **argv) {
        static const struct option options[] = { { "signal", required_argument, NULL, 's' },
                                                 OPTIONS_COMMON };
        _cleanup_(client_freep) Client *client = NULL;
        _cleanup_(outcome_done) Outcome outcome = { .message = NULL };
        bool json = false;
        int c, r, sig = SIGTERM;
        Failure failure;
        uint64_t id;

        options_fill_stdio();
        while ((c = options_next("kill", argc, argv, "s:", options)) >= 0)
                switch (c) {
                case 's':
                        if (argument_signal(optarg, &sig) < 0)
                                return usage_error("kill", "\"%s\" is no signal (such as TERM, HUP, 9)",
                                                   optarg);
                        break;
                case OPTION_JSON:
                        json = true;
                        break;
                case 'h':
                        return options_help(kill_help);
                default:
                        return STATUS_USAGE;
                }
        if (argc - optind != 1)
                return usage_error("kill", "One job must be given");
        r = job_find(&client, argv[optind], &id, &failure);
        if (r == 0)
                r = send_signal(&client, id, sig, &outcome, &failure);
        if (r != 0)
                return failure_print(&failure, json);
        return print_killed(id, &outcome, json);
}
