/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/client.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/protocol.h"
#include "tools/connect.h"
#include "tools/remote.h"
#include "tools/remote-said.h"
#include "tools/status.h"

#define PAUSE_FIRST UINT64_C(20000) /* microseconds between two tries, doubled each time */
#define PAUSE_MAX UINT64_C(1000000)

struct Client {
        sd_bus *bus;
        bool spoken; /* it has answered */
        RemoteSaid said;
        uint64_t ready_timeout;
};

typedef struct Answer {
        sd_bus_message *message;
} Answer;

/* There is a daemon, and it hangs. What is made again over a new connection may find one that does not. */
static int fail_timeout(Failure *failure) {
        int r = failure_set(failure, STATUS_UNAVAILABLE, "Timeout",
                            "The daemon cgmoved did not answer in time; 'systemctl status cgmoved' may tell "
                            "why.");

        failure->lost = true;
        return r;
}

static bool is_timeout(const Failure *failure) {
        return strcmp(failure->code, "Timeout") == 0;
}

/* What is in between has its own words on the standard error, in front of these. Not tried again unless it
 * did work before: every try is a login over there. */
static int fail_remote(const Remote *remote, int error, bool lost, Failure *failure) {
        bool host = remote->kind == REMOTE_HOST;
        int r;

        r = failure_set(failure, STATUS_UNAVAILABLE, "NoDaemon",
                        "The daemon cgmoved of %s cannot be reached by way of %s and systemd-stdio-bridge "
                        "(%s); "
                        "what they said is above%s.",
                        remote->name, host ? "ssh" : "systemd-run", strerror(-error),
                        host || geteuid() == 0 ? "" : ", and to enter a container takes root");
        failure->lost = lost;
        return r;
}

int client_fail_connection(int error, Failure *failure) {
        int r;

        if (error == -EPERM)
                return failure_set(failure, STATUS_UNAVAILABLE, "NoDaemon",
                                   "The socket " CGMOVE_PRIVATE_SOCKET
                                   " is not root's, so it is not trusted; 'systemctl restart "
                                   "cgmoved.socket' as root "
                                   "makes it anew.");
        if (error == -ETIMEDOUT)
                return fail_timeout(failure);
        if (!connect_error_is_away(error))
                return failure_errno(failure, error, "Cannot talk to cgmoved");
        r = failure_set(failure, STATUS_UNAVAILABLE, "NoDaemon",
                        "The daemon cgmoved cannot be reached (%s); 'systemctl start cgmoved.socket' as "
                        "root starts it.",
                        strerror(-error));
        failure->lost = true;
        return r;
}

/* The same for one that may be to another host. */
static int fail_connection(const Client *client, int error, Failure *failure) {
        const Remote *remote = remote_chosen();

        remote_said_print(&client->said);
        if (remote->kind != REMOTE_NONE && error != -ENOMEM)
                return fail_remote(remote, error, client->spoken, failure);
        return client_fail_connection(error, failure);
}

int client_bad_message(int error, Failure *failure) {
        if (error == -EINVAL)
                return failure_set(failure, STATUS_USAGE, "InvalidArgument",
                                   "An argument is not valid UTF-8, and nothing else can be told to the "
                                   "daemon; "
                                   "give the file or job another name.");
        return failure_errno(failure, error, "Cannot make or read a message of cgmoved");
}

static int set_socket(sd_bus *bus) {
        int fd, r;

        fd = connect_private(CGMOVE_PRIVATE_SOCKET);
        if (fd == -EAGAIN)
                return -ETIMEDOUT; /* nobody takes connections from its queue */
        if (fd < 0)
                return fd;
        r = sd_bus_set_fd(bus, fd, fd);
        if (r < 0)
                (void) close(fd);
        return r;
}

static int set_command(sd_bus *bus, const Remote *remote) {
        RemoteCommand command;
        int r;

        remote_command(remote, secure_getenv("SYSTEMD_SSH"), &command);
        r = sd_bus_negotiate_fds(bus, false);
        return r < 0 ? r : sd_bus_set_exec(bus, command.argv[0], (char *const *) command.argv);
}

/* The command of a remote one is started here. */
static int start(Client *client) {
        int r;

        if (remote_chosen()->kind == REMOTE_NONE)
                return sd_bus_start(client->bus);
        r = remote_said_begin(&client->said);
        if (r >= 0)
                r = sd_bus_start(client->bus);
        remote_said_end(&client->said);
        return r;
}

int client_connect(Client **ret, Failure *failure) {
        _cleanup_(client_freep) Client *client = NULL;
        int r;

        client = calloc(1, sizeof(*client));
        if (!client)
                return failure_errno(failure, ENOMEM, "Cannot connect");
        client->said = (RemoteSaid) REMOTE_SAID_INIT;
        client->ready_timeout =
                        remote_chosen()->kind == REMOTE_NONE ? CLIENT_READY_TIMEOUT : CLIENT_REMOTE_TIMEOUT;
        r = sd_bus_new(&client->bus);
        if (r >= 0)
                r = remote_chosen()->kind == REMOTE_NONE ? set_socket(client->bus)
                                                         : set_command(client->bus, remote_chosen());
        if (r >= 0)
                r = start(client);
        if (r < 0)
                return fail_connection(client, r, failure);
        *ret = TAKE_PTR(client);
        return 0;
}

Client *client_free(Client *client) {
        if (!client)
                return NULL;
        (void) sd_bus_close_unref(client->bus);
        remote_said_print(&client->said);
        remote_said_done(&client->said);
        free(client);
        return NULL;
}

void client_set_ready_timeout(Client *client, uint64_t timeout) {
        client->ready_timeout = timeout;
}

int client_message(Client *client, uint64_t job, const char *member, sd_bus_message **ret,
                   Failure *failure) {
        const char *interface = job > 0 ? CGMOVE_JOB_INTERFACE : CGMOVE_MANAGER_INTERFACE;
        char path[64] = CGMOVE_PATH;
        int r;

        if (job > 0)
                (void) snprintf(path, sizeof(path), CGMOVE_JOB_PREFIX "/%" PRIu64, job);
        r = sd_bus_message_new_method_call(client->bus, ret, NULL, path, interface, member);
        return r < 0 ? client_bad_message(r, failure) : 0;
}

static int on_answer(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Answer *answer = userdata;

        answer->message = sd_bus_message_ref(message);
        return 1;
}

/* Until something happens on the connection, UNTIL, or it is time to tell the progress. Returns 0 or a
 * negative errno, -ETIMEDOUT after UNTIL (CLOCK_MONOTONIC; UINT64_MAX: never). */
static int wait_a_while(Client *client, uint64_t until, Progress *progress) {
        uint64_t wait = progress && progress->enabled ? PROGRESS_INTERVAL : UINT64_MAX;
        uint64_t now = now_monotonic();
        int r = sd_bus_process(client->bus, NULL);

        if (r != 0)
                return r < 0 ? r : 0;
        if (until != UINT64_MAX && now >= until)
                return -ETIMEDOUT;
        if (until != UINT64_MAX && until - now < wait)
                wait = until - now;
        r = sd_bus_wait(client->bus, wait);
        progress_tick(progress);
        return r < 0 && r != -EINTR ? r : 0;
}

/* Before anything is sent: sd-bus waits for the end of the authentication for as long as it likes, when it
 * is to send descriptors, and lets the time of a call begin only then. */
static int wait_until_ready(Client *client, Progress *progress) {
        uint64_t until = now_monotonic() + client->ready_timeout;
        int r;

        if (remote_chosen()->kind != REMOTE_NONE)
                progress = NULL; /* ssh may be asking for a password */

        while ((r = sd_bus_is_ready(client->bus)) == 0) {
                r = wait_a_while(client, until, progress);
                if (r < 0)
                        return r;
        }
        return r < 0 ? r : 0;
}

static int wait_for_answer(Client *client, const Answer *answer, Progress *progress) {
        while (!answer->message) {
                int r = wait_a_while(client, UINT64_MAX, progress);

                if (r < 0)
                        return r;
        }
        return 0;
}

/* What sd-bus says itself, in the place of an answer, when there will be none. */
static bool is_no_answer(const char *name) {
        return strcmp(name, SD_BUS_ERROR_NO_REPLY) == 0 || strcmp(name, SD_BUS_ERROR_TIMEOUT) == 0 ||
               strcmp(name, SD_BUS_ERROR_DISCONNECTED) == 0;
}

int client_fail_answer(sd_bus *bus, sd_bus_message *answer, Failure *failure) {
        static const char prefix[] = "org.cgmove1.Error.";
        const sd_bus_error *error = sd_bus_message_get_error(answer);
        const char *dot;

        if (is_no_answer(error->name))
                return sd_bus_is_open(bus) ? fail_timeout(failure)
                                           : client_fail_connection(-ECONNRESET, failure);
        if (strcmp(error->name, SD_BUS_ERROR_UNKNOWN_METHOD) == 0)
                return failure_set(failure, STATUS_FAILED, "Unsupported",
                                   "The daemon is of another version than this command and does not know "
                                   "what it asks for; "
                                   "'systemctl restart cgmoved' as root starts the one that is installed.");
        dot = strrchr(error->name, '.');
        return failure_set(failure, status_from_error(error->name),
                           strncmp(error->name, prefix, strlen(prefix)) == 0 && dot ? dot + 1 : error->name,
                           "%s", error->message && error->message[0] ? error->message : error->name);
}

static int fail_answer(const Client *client, sd_bus_message *answer, Failure *failure) {
        if (is_no_answer(sd_bus_message_get_error(answer)->name) && !sd_bus_is_open(client->bus))
                return fail_connection(client, -ECONNRESET, failure);
        return client_fail_answer(client->bus, answer, failure);
}

int client_call(Client *client, sd_bus_message *message, uint64_t timeout, Progress *progress,
                sd_bus_message **ret, Failure *failure) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *received = NULL;
        sd_bus_slot *slot = NULL;
        Answer answer = { .message = NULL };
        int r;

        r = wait_until_ready(client, progress);
        if (r >= 0)
                r = sd_bus_call_async(client->bus, &slot, message, on_answer, &answer, timeout);
        if (r >= 0)
                r = wait_for_answer(client, &answer, progress);
        sd_bus_slot_unref(slot);
        progress_end(progress);
        received = answer.message;
        if (r < 0)
                return fail_connection(client, r, failure);
        client->spoken = true;
        if (sd_bus_message_is_method_error(received, NULL))
                return fail_answer(client, received, failure);
        *ret = TAKE_PTR(received);
        return 0;
}

static int call_once(Client **client, client_build_t build, void *userdata, uint64_t timeout,
                     Progress *progress, sd_bus_message **ret, Failure *failure) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
        int r = 0;

        if (!*client)
                r = client_connect(client, failure);
        if (r == 0)
                r = build(*client, userdata, &message, failure);
        if (r == 0)
                r = client_call(*client, message, timeout, progress, ret, failure);
        return r;
}

static void pause_before_retry(uint64_t usec) {
        const struct timespec t = { .tv_sec = (time_t) (usec / 1000000),
                                    .tv_nsec = (long) (usec % 1000000) * 1000 };

        (void) nanosleep(&t, NULL);
}

int client_call_again(Client **client, client_build_t build, void *userdata, uint64_t timeout,
                      uint64_t give_up, Progress *progress, sd_bus_message **ret, Failure *failure) {
        uint64_t pause = PAUSE_FIRST, lost_since = 0;

        for (;;) {
                uint64_t start = now_monotonic();
                int r = call_once(client, build, userdata, timeout, progress, ret, failure);

                if (r == 0 || !(failure->lost || failure->status == STATUS_TRY_AGAIN)) {
                        progress_end(progress);
                        return r;
                }
                if (failure->lost)
                        *client = client_free(*client);
                /* a call that was waiting for long was answered by a daemon that was there: count from
                 * now; not if it hung */
                if (lost_since == 0)
                        lost_since = is_timeout(failure) ? start : now_monotonic();
                else if (!is_timeout(failure) && now_monotonic() - start > PAUSE_MAX) {
                        lost_since = now_monotonic();
                        pause = PAUSE_FIRST;
                }
                if (now_monotonic() - lost_since >= give_up) {
                        progress_end(progress);
                        return r;
                }
                progress_tick(progress);
                pause_before_retry(pause);
                pause = pause * 2 < PAUSE_MAX ? pause * 2 : PAUSE_MAX;
        }
}

typedef struct JobCall {
        uint64_t id;
        const char *member;
} JobCall;

static int build_job_call(Client *client, void *userdata, sd_bus_message **ret, Failure *failure) {
        const JobCall *call = userdata;
        int r;

        r = client_message(client, call->id, call->member, ret, failure);
        if (r != 0)
                return r;
        r = sd_bus_message_append(*ret, "a{sv}", 0);
        return r < 0 ? client_bad_message(r, failure) : 0;
}

int client_call_job(Client **client, uint64_t id, const char *member, uint64_t timeout, uint64_t give_up,
                    Progress *progress, sd_bus_message **ret, Failure *failure) {
        JobCall call = { .id = id, .member = member };

        return client_call_again(client, build_job_call, &call, timeout, give_up, progress, ret, failure);
}
