/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/wait.h"

#include <inttypes.h>
#include <stdio.h>

#define GIVE_UP (UINT64_C(300) * 1000000) /* for which the daemon may be away */

int wait_for_job(Client **client, uint64_t id, bool json, Job *ret, Failure *failure) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *answer = NULL;
        Progress progress;
        int r;

        progress_begin(&progress, json, "waiting for job %" PRIu64, id);
        r = client_call_job(client, id, "Wait", CLIENT_NO_TIMEOUT, GIVE_UP, &progress, &answer, failure);
        progress_end(&progress);
        if (r != 0)
                return r;
        r = job_read(answer, ret);
        return r < 0 ? client_bad_message(r, failure) : 0;
}

int wait_print_end(const Job *job, bool json) {
        char text[128];

        if (json)
                return output_json(json_pack("{s:o}", "job", job_to_json(job)));
        job_describe_end(job, text, sizeof(text));
        (void) printf("job %" PRIu64 "%s", job->id, job->name[0] ? " (" : "");
        output_text(stdout, job->name);
        (void) printf("%s: ", job->name[0] ? ")" : "");
        output_text(stdout, text);
        (void) putchar('\n');
        return output_finish(0);
}
