/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/name-lookup.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>

#include "daemon/name-child.h"
#include "lib/allowed-snapshot.h"
#include "lib/cleanup.h"
#include "lib/pidfd.h"
#include "lib/values.h"

#define MEMBERS_PATIENCE (30 * USEC_PER_SEC) /* nobody waits for them */

typedef enum Stage {
        STAGE_NONE,
        STAGE_NAMES,   /* answers are being read */
        STAGE_HEAD,    /* what is said of the members */
        STAGE_MEMBERS, /* the members */
} Stage;

struct NameLookup {
        sd_event *event;
        NameHandler handler;
        sd_event_source *timer;

        /* the look-up under way */
        Stage stage;
        Policy *policy; /* not ours */
        uint64_t patience;
        NameSources sources;
        size_t n_names;
        NameAnswer *answers; /* in the order of policy_resolve() */
        NameMembers head;
        char *members;
        size_t n_received; /* bytes of this stage */
        int child_fd;      /* pidfd */
        int pipe_fd;
        sd_event_source *io;
};

static void end_child(NameLookup *lookup) {
        lookup->io = sd_event_source_disable_unref(lookup->io);
        closep(&lookup->pipe_fd);
        lookup->pipe_fd = -1;
        if (lookup->child_fd >= 0)
                (void) pidfd_kill(lookup->child_fd, SIGKILL);
        closep(&lookup->child_fd);
        lookup->child_fd = -1;
        lookup->n_received = 0;
}

void name_lookup_cancel(NameLookup *lookup) {
        end_child(lookup);
        (void) sd_event_source_set_enabled(lookup->timer, SD_EVENT_OFF);
        free(lookup->answers);
        free(lookup->members);
        lookup->answers = NULL;
        lookup->members = NULL;
        lookup->policy = NULL;
        lookup->stage = STAGE_NONE;
}

static int set_patience(NameLookup *lookup) {
        uint64_t usec = lookup->stage == STAGE_NAMES ? lookup->patience : MEMBERS_PATIENCE;
        int r;

        r = sd_event_source_set_time_relative(lookup->timer, usec);
        return r < 0 ? r : sd_event_source_set_enabled(lookup->timer, SD_EVENT_ONESHOT);
}

/* --- what is read ---------------------------------------- */

static int take_answer(UserMatchKind kind, const char *name, void *userdata, uint32_t *ret) {
        const NameAnswer **next = userdata, *answer = (*next)++;

        *ret = answer->id;
        return answer->error < 0 ? answer->error : 0;
}

static void begin_stage(NameLookup *lookup, Stage stage) {
        lookup->stage = stage;
        lookup->n_received = 0;
}

static void names_done(NameLookup *lookup) {
        const NameAnswer *next = lookup->answers;
        size_t n_failed;

        n_failed = policy_resolve(lookup->policy, take_answer, &next);
        begin_stage(lookup, STAGE_HEAD);
        (void) set_patience(lookup);
        lookup->handler.names(0, n_failed, lookup->handler.userdata);
}

static void members_done(NameLookup *lookup) {
        _cleanup_free_ char *members = TAKE_PTR(lookup->members);
        NameMembers head = lookup->head;

        name_lookup_cancel(lookup);
        lookup->handler.members((NameMembersState) head.state, members, head.n_bytes,
                                lookup->handler.userdata);
}

static int head_done(NameLookup *lookup) {
        if (lookup->head.n_bytes > ALLOWED_SIZE_MAX)
                return -EMSGSIZE;
        lookup->members = malloc(lookup->head.n_bytes + 1);
        if (!lookup->members)
                return -ENOMEM;

        begin_stage(lookup, STAGE_MEMBERS);
        if (lookup->head.n_bytes == 0)
                members_done(lookup);
        return 0;
}

static void *stage_buffer(NameLookup *lookup, size_t *ret_size) {
        switch (lookup->stage) {
        case STAGE_NAMES:
                *ret_size = lookup->n_names * sizeof(NameAnswer);
                return lookup->answers;
        case STAGE_HEAD:
                *ret_size = sizeof(lookup->head);
                return &lookup->head;
        case STAGE_MEMBERS:
                *ret_size = lookup->head.n_bytes;
                return lookup->members;
        case STAGE_NONE:
        default:
                *ret_size = 0;
                return NULL;
        }
}

/* Returns 0 or a negative errno. */
static int read_some(NameLookup *lookup, int fd) {
        size_t size;
        char *buffer = stage_buffer(lookup, &size);
        ssize_t n;

        n = read(fd, buffer + lookup->n_received, size - lookup->n_received);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n <= 0)
                return -EIO;

        lookup->n_received += (size_t) n;
        if (lookup->n_received < size)
                return 0;
        if (lookup->stage == STAGE_HEAD)
                return head_done(lookup);
        if (lookup->stage == STAGE_NAMES)
                names_done(lookup);
        else
                members_done(lookup);
        return 0;
}

/* --- a child, and another ---------------------------------------- */

static int on_pipe(sd_event_source *source, int fd, uint32_t revents, void *userdata);

static int start_child(NameLookup *lookup) {
        int r;

        end_child(lookup);
        free(lookup->members);
        lookup->members = NULL;
        if (lookup->stage != STAGE_NAMES)
                begin_stage(lookup, STAGE_HEAD);
        r = name_child_start(lookup->policy, lookup->sources, lookup->stage == STAGE_NAMES,
                             &lookup->child_fd, &lookup->pipe_fd);
        if (r >= 0)
                r = sd_event_add_io(lookup->event, &lookup->io, lookup->pipe_fd, EPOLLIN, on_pipe, lookup);
        return r < 0 ? r : set_patience(lookup);
}

static void fail(NameLookup *lookup, int error) {
        bool names = lookup->stage == STAGE_NAMES;

        name_lookup_cancel(lookup);
        if (names)
                lookup->handler.names(error, 0, lookup->handler.userdata);
        else
                lookup->handler.members(NAME_MEMBERS_FAILED, NULL, 0, lookup->handler.userdata);
}

/* The child hangs, or is gone. */
static void fall_back(NameLookup *lookup, int error) {
        if (lookup->sources == NAME_SOURCES_ALL) {
                lookup->sources = NAME_SOURCES_LOCAL;
                error = start_child(lookup);
        }
        if (error < 0)
                fail(lookup, error);
}

static int on_pipe(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        NameLookup *lookup = userdata;
        int r;

        r = read_some(lookup, fd);
        if (r < 0)
                fall_back(lookup, r);
        return 0;
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata) {
        fall_back(userdata, -ETIMEDOUT);
        return 0;
}

static bool policy_allows_anybody(const Policy *policy) {
        for (size_t i = 0; i < policy->n_sections; i++)
                if (policy->sections[i].allow)
                        return true;
        return false;
}

/* Without names there is nothing to wait for, and if nobody is allowed anything, not even a child is needed.
 */
static int start(NameLookup *lookup) {
        Policy *policy = lookup->policy;

        if (lookup->n_names > 0) {
                lookup->answers = calloc(lookup->n_names, sizeof(NameAnswer));
                return lookup->answers ? start_child(lookup) : -ENOMEM;
        }

        lookup->handler.names(0, 0, lookup->handler.userdata);
        if (lookup->policy != policy) /* the handler has begun another */
                return 0;
        begin_stage(lookup, STAGE_HEAD);
        if (policy_allows_anybody(policy))
                return start_child(lookup);

        lookup->head = (NameMembers){ .state = NAME_MEMBERS_ALL };
        return head_done(lookup);
}

void name_lookup_start(NameLookup *lookup, Policy *policy, uint64_t patience) {
        int r;

        name_lookup_cancel(lookup);
        lookup->policy = policy;
        lookup->patience = patience;
        lookup->sources = NAME_SOURCES_ALL;
        lookup->n_names = policy_count_names(policy);
        begin_stage(lookup, STAGE_NAMES);

        r = start(lookup);
        if (r < 0)
                fail(lookup, r);
}

int name_lookup_new(sd_event *event, const NameHandler *handler, NameLookup **ret) {
        _cleanup_(name_lookup_freep) NameLookup *lookup = NULL;
        int r;

        lookup = calloc(1, sizeof(*lookup));
        if (!lookup)
                return -ENOMEM;
        *lookup = (NameLookup){
                .event = sd_event_ref(event),
                .handler = *handler,
                .pipe_fd = -1,
                .child_fd = -1,
        };

        r = sd_event_add_time(event, &lookup->timer, CLOCK_MONOTONIC, UINT64_MAX, 0, on_timeout, lookup);
        if (r >= 0)
                r = sd_event_source_set_enabled(lookup->timer, SD_EVENT_OFF);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(lookup);
        return 0;
}

NameLookup *name_lookup_free(NameLookup *lookup) {
        if (!lookup)
                return NULL;

        name_lookup_cancel(lookup);
        (void) sd_event_source_disable_unref(lookup->timer);
        (void) sd_event_unref(lookup->event);
        free(lookup);
        return NULL;
}
