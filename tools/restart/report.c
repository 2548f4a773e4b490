/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/restart/report.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/cleanup.h"

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

int report_outcome(Client **client, uint64_t job, const Outcome *outcome, uint64_t give_up,
                   Failure *failure) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *answer = NULL;
        _cleanup_free_ char *text = outcome_to_text(outcome);
        Report report = { .job = job, .text = text };

        if (!text)
                return failure_errno(failure, ENOMEM, "Cannot tell how the restart went");
        return client_call_again(client, build, &report, CLIENT_TIMEOUT, give_up, NULL, &answer, failure);
}
