/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/move-call.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/pidfd.h"
#include "tools/move-self.h"

#define TRY_FOR (UINT64_C(5) * 1000000) /* microseconds */
#define PAUSE_NSEC 400000000L /* a daemon that starts again has its jobs together by then */

static int append_text(sd_bus_message *m, const char *key, const char *value) {
        return value ? sd_bus_message_append(m, "{sv}", key, "s", value) : 0;
}

static int append_true(sd_bus_message *m, const char *key, bool value) {
        return value ? sd_bus_message_append(m, "{sv}", key, "b", 1) : 0;
}

static int append_processes(sd_bus_message *m, const MoveRequest *request) {
        int r;

        r = sd_bus_message_open_container(m, 'a', "h");
        for (size_t i = 0; r >= 0 && i < request->n_pidfds; i++)
                r = sd_bus_message_append_basic(m, 'h', &request->pidfds[i]);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_options(sd_bus_message *m, const MoveRequest *request) {
        int r;

        r = sd_bus_message_open_container(m, 'a', "{sv}");
        if (r >= 0)
                r = append_text(m, "kind", request->kind);
        if (r >= 0)
                r = append_text(m, "name", request->name);
        if (r >= 0)
                r = append_text(m, "command", request->command);
        if (r >= 0)
                r = append_text(m, "log", request->log);
        if (r >= 0)
                r = append_text(m, "log-directory", request->log_directory);
        if (r >= 0)
                r = append_text(m, "restart", request->restart);
        if (r >= 0)
                r = append_true(m, "tree", request->tree);
        if (r >= 0)
                r = append_true(m, "reset-oom-score", request->reset_oom_score);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

int move_call(Client *client, const MoveRequest *request, Progress *progress, uint64_t *ret_id,
              Failure *failure) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL, *answer = NULL;
        int r;

        r = client_message(client, 0, "Move", &message, failure);
        if (r != 0)
                return r;
        r = append_processes(message, request);
        if (r >= 0)
                r = append_options(message, request);
        if (r < 0)
                return client_bad_message(r, failure);
        r = client_call(client, message, CLIENT_TIMEOUT, progress, &answer, failure);
        if (r != 0)
                return r;
        r = sd_bus_message_read_basic(answer, 't', ret_id);
        return r < 0 ? client_bad_message(r, failure) : 0;
}

/* A daemon that is gone starts again; one that is busy, with other calls of the user's maybe, will not be so for long. */
static bool may_try_again(const Failure *failure) {
        return failure->lost || strcmp(failure->code, "Busy") == 0;
}

int move_self(Client **client, MoveRequest request, Progress *progress, uint64_t *ret_id, Failure *failure) {
        static const struct timespec pause = { .tv_nsec = PAUSE_NSEC };
        _cleanup_close_ int pidfd = -1;
        uint64_t before, start = now_monotonic();
        int r;

        pidfd = pidfd_open_process(getpid());
        if (pidfd < 0)
                return failure_errno(failure, pidfd, "Cannot open this process");
        request.pidfds = &pidfd;
        request.n_pidfds = 1;

        r = *client ? 0 : client_connect(client, failure);
        if (r != 0)
                return r; /* nobody is there at all: no reason to wait */
        before = move_own_job();
        for (;;) {
                r = *client ? 0 : client_connect(client, failure);
                if (r == 0)
                        r = move_call(*client, &request, progress, ret_id, failure);
                if (r == 0 || !may_try_again(failure) || now_monotonic() - start >= TRY_FOR)
                        return r;
                if (failure->lost)
                        *client = client_free(*client);
                (void) nanosleep(&pause, NULL);
                *ret_id = move_own_job();
                if (*ret_id != 0 && *ret_id != before)
                        return 0;
        }
}
