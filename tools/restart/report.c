/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/restart/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"

/* microseconds */
#define PROGRESS_TIMEOUT (UINT64_C(5) * 1000000) /* the restart waits for so long at most */
#define END_GIVE_UP (UINT64_C(600) * 1000000)    /* for which the daemon may be away */

typedef struct Report {
        uint64_t job;
        const char *text;
} Report;

static int build(Client *client, void *userdata, sd_bus_message **ret, Failure *failure) {
        const Report *report = userdata;
        int r;

        r = client_message(client, report->job, "Report", ret, failure);
        if (r != 0)
                return r;
        r = sd_bus_message_append(*ret, "a{sv}", 1, "outcome", "s", report->text);
        return r < 0 ? client_bad_message(r, failure) : 0;
}

/* One try. */
static int tell(Client **client, Report *report, Failure *failure) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL, *answer = NULL;
        int r = 0;

        if (!*client) {
                r = client_connect(client, failure);
                if (r != 0)
                        return r;
                client_set_ready_timeout(*client, PROGRESS_TIMEOUT);
        }
        r = build(*client, report, &message, failure);
        if (r == 0)
                r = client_call(*client, message, PROGRESS_TIMEOUT, NULL, &answer, failure);
        if (r != 0 && failure->lost)
                *client = client_free(*client);
        return r;
}

int report_progress(Client **client, uint64_t job, const Outcome *outcome, Failure *failure) {
        _cleanup_free_ char *text = outcome_to_text(outcome);
        Report report = { .job = job, .text = text };
        bool had_connection = *client;
        int r;

        if (!text)
                return failure_errno(failure, ENOMEM, "Cannot tell how the restart goes");
        r = tell(client, &report, failure);
        /* a daemon that was started anew meanwhile */
        if (r != 0 && had_connection && failure->lost && strcmp(failure->code, "Timeout") != 0)
                r = tell(client, &report, failure);
        return r;
}

int report_end(Client **client, uint64_t job, const Outcome *outcome, Failure *failure) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *answer = NULL;
        _cleanup_free_ char *text = outcome_to_text(outcome);
        Report report = { .job = job, .text = text };

        if (!text)
                return failure_errno(failure, ENOMEM, "Cannot tell how the restart went");
        return client_call_again(client, build, &report, CLIENT_TIMEOUT, END_GIVE_UP, NULL, &answer,
                                 failure);
}
