/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/arguments.h"
#include "tools/client.h"
#include "tools/failure.h"
#include "tools/move-self.h"
#include "tools/options.h"
#include "tools/status.h"
#include "tools/verbs.h"

#define GIVE_UP (UINT64_C(3600) * 1000000) /* for which the daemon may be away */

typedef struct Finish {
        uint64_t job;
        const char *kind; /* "exit-code" or "exit-signal" */
        int value;
} Finish;

static int build(Client *client, void *userdata, sd_bus_message **ret, Failure *failure) {
        const Finish *finish = userdata;
        uint64_t own = move_own_job();
        int r;

        /* moved on by someone: not ours to tell; 0 may be for want of a descriptor */
        if (own != finish->job)
                return failure_set(failure, own > 0 ? STATUS_REFUSED : STATUS_FAILED, "NotYours",
                                   "This process is not in the job any more.");
        r = client_message(client, finish->job, "Finish", ret, failure);
        if (r != 0)
                return r;
        r = sd_bus_message_append(*ret, "a{sv}", 1, finish->kind, "i", finish->value);
        return r < 0 ? client_bad_message(r, failure) : 0;
}

int verb_finish(int argc, char **argv) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *answer = NULL;
        _cleanup_(client_freep) Client *client = NULL;
        Finish finish;
        Failure failure;

        options_fill_stdio();
        if (argc != 4 || argument_job_id(argv[1], &finish.job) < 0)
                return STATUS_USAGE;
        finish.kind = argv[2];
        finish.value = atoi(argv[3]);
        return client_call_again(&client, build, &finish, CLIENT_TIMEOUT, GIVE_UP, NULL, &answer, &failure);
}
