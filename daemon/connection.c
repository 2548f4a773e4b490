/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include "daemon/bus.h"
#include "daemon/connection.h"
#include "daemon/daemon.h"
#include "daemon/listener.h"
#include "daemon/log.h"
#include "daemon/nudge.h"
#include "lib/protocol.h"
#include "lib/values.h"

#define DEADLINE (30 * USEC_PER_SEC)    /* for a message to arrive whole, or for answers to be read */
#define MESSAGES_PER_TURN 16            /* then others have theirs */
#define TURN (USEC_PER_SEC / 1000)      /* or after the message that passes this */
#define LOOK_AGAIN (USEC_PER_SEC / 10)  /* whether answers were read on others of the user's connections */
#define SOCKET_BYTES (256 * 1024)       /* that it takes of answers */

static uint64_t charged; /* microseconds of processor time, to whomever */

/* What the socket does not take is kept, and a list of results may have megabytes. */
static bool has_unread_answers(const Connection *connection) {
        uint64_t n_unread = 0;

        (void) sd_bus_get_n_queued_write(connection->bus, &n_unread);
        return n_unread > 0;
}

static void drop(Connection *connection, const char *why) {
        log_connection_refused(connection->caller.uid, connection->caller.pid, why);
        listener_drop(connection->listener, connection);
}

static uint64_t get_usec(clockid_t clock) {
        struct timespec now;

        (void) clock_gettime(clock, &now);
        return (uint64_t) now.tv_sec * USEC_PER_SEC + (uint64_t) now.tv_nsec / 1000;
}

uint64_t connection_now(void) {
        return get_usec(CLOCK_MONOTONIC);
}

/* Has the loop come back to CONNECTION at USEC (CLOCK_MONOTONIC), or at once. */
static void begin_at(Connection *connection, uint64_t usec) {
        (void) sd_event_source_set_time(connection->begin, usec);
        (void) sd_event_source_set_enabled(connection->begin, SD_EVENT_ONESHOT);
}

/* The peer has some time for each message, and for reading what it is answered before it is listened to again; RENEWED:
 * what it had to read has been read. */
static void watch_peer(Connection *connection, bool renewed) {
        bool unread = has_unread_answers(connection);

        if (unread != connection->unread) {
                connection->unread = unread;
                listener_user_unread(connection->user, unread);
        }

        if (!unread && !bus_bounds_message_has_begun(&connection->bounds))
                (void) sd_event_source_set_enabled(connection->deadline, SD_EVENT_OFF);
        else if ((unread && renewed) || sd_event_source_get_enabled(connection->deadline, NULL) == 0) {
                (void) sd_event_source_set_time_relative(connection->deadline, DEADLINE);
                (void) sd_event_source_set_enabled(connection->deadline, SD_EVENT_ONESHOT);
        }
}

static int process(Connection *connection, bool *ret_has_read) {
        uint64_t began = connection_now();
        bool has_read = false;
        int r = 1;

        for (unsigned i = 0; i < MESSAGES_PER_TURN && r > 0 && sd_bus_is_open(connection->bus) > 0; i++) {
                bool unread = has_unread_answers(connection);

                /* sd-bus would go on with the next message when it has sent a part of an answer */
                bus_bounds_hold(&connection->bounds, unread);
                r = bus_bounds_step(&connection->bounds);
                if (unread && !has_unread_answers(connection))
                        has_read = true;
                if (has_unread_answers(connection) || connection_now() - began > TURN)
                        break;
        }

        *ret_has_read = has_read;
        return r;
}

/* Ours that nobody has been charged for. What others do to the machine is not the peer's fault. */
static uint64_t get_uncharged(void) {
        return get_usec(CLOCK_THREAD_CPUTIME_ID) - charged;
}

uint64_t connection_begin_charge(void) {
        return get_uncharged();
}

void connection_charge(Connection *connection, uint64_t began) {
        uint64_t elapsed = get_uncharged() - began;

        if (listener_user_charge(connection->user, elapsed, connection_now()))
                charged += elapsed;
}

static void serve(Connection *connection) {
        uint64_t began = connection_begin_charge();
        bool has_read;
        int r;

        r = process(connection, &has_read);
        connection_charge(connection, began);
        /* the turn is over; what sd-bus has read ahead would not wake the loop */
        if (r > 0 && !has_unread_answers(connection))
                begin_at(connection, 0);
        if (r == -EMSGSIZE)
                drop(connection, "its message is too large");
        else if (r == -EMFILE && bus_bounds_get_error(&connection->bounds) == r)
                drop(connection, "its message has too many descriptors");
        else if (r == -EBUSY && bus_bounds_get_error(&connection->bounds) == r)
                drop(connection, "a descriptor that came with an earlier message of its user still waits to be closed");
        else if (r == -EBADMSG)
                drop(connection, "its message is malformed, or takes no descriptors");
        else if (r < 0 || sd_bus_is_open(connection->bus) <= 0)
                listener_drop(connection->listener, connection);
        else
                watch_peer(connection, has_read);
}

/* Whether the user of CONNECTION has to wait, or to read elsewhere first; then the loop comes back to it later. Until then
 * nothing is heard of it at all: whatever is asked for, epoll(7) tells of a hang-up, behind which there may be calls. */
static bool has_to_wait(Connection *connection) {
        uint64_t now = connection_now(), until = listener_user_paused_until(connection->user);

        if (now >= until && !connection->unread && listener_user_has_to_read(connection->user))
                until = now + LOOK_AGAIN;
        if (now >= until)
                return false;

        (void) sd_event_source_set_enabled(connection->io, SD_EVENT_OFF);
        begin_at(connection, until);
        return true;
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Connection *connection = userdata;

        if (!has_to_wait(connection))
                serve(connection);
        return 0;
}

void connection_begin(Connection *connection) {
        int r;

        if (has_to_wait(connection))
                return;

        r = sd_event_source_set_enabled(connection->io, SD_EVENT_ON);
        if (r < 0) /* nobody would hear of it any more */
                drop(connection, strerror(-r));
        else
                serve(connection);
}

static int on_begin(sd_event_source *source, uint64_t usec, void *userdata) {
        connection_begin(userdata);
        return 0;
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        drop(userdata, "it did not send a message, or read its answers, in time");
        return 0;
}

/* Before each turn of the loop: a peer with unread answers is not listened to, nor one whose user has to
 * wait. */
static int on_prepare(sd_event_source *source, void *userdata) {
        Connection *connection = userdata;
        int events, r;

        watch_peer(connection, false); /* answers are given at any time */
        if (has_to_wait(connection))
                return 0;

        events = has_unread_answers(connection) ? (int) EPOLLOUT : sd_bus_get_events(connection->bus);
        if (events < 0)
                return 0; /* closed; on_io() sees the hang-up */
        r = sd_event_source_set_io_events(source, (uint32_t) events);
        if (r < 0) /* nobody would hear of it any more */
                drop(connection, strerror(-r));
        return 0;
}

/* sd-bus gives it 8 MiB where it may, as with our capabilities: of the kernel's memory, for answers that nobody reads. */
static int shrink_socket(const Connection *connection) {
        int size = SOCKET_BYTES / 2; /* socket(7): the kernel doubles it */

        return setsockopt(sd_bus_get_fd(connection->bus), SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) < 0 ? -errno : 0;
}

static int open_bus(Connection *connection, int fd) {
        sd_id128_t id;
        int r;

        connection->last_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        r = connection->last_fd < 0 ? -errno : sd_bus_new(&connection->bus);
        if (r >= 0)
                r = sd_bus_set_fd(connection->bus, fd, fd);
        if (r < 0) {
                nudged_close(fd);
                return r;
        }

        r = sd_id128_randomize(&id);
        if (r >= 0)
                r = sd_bus_set_server(connection->bus, 1, id);
        if (r >= 0)
                r = sd_bus_negotiate_fds(connection->bus, 1);
        if (r >= 0)
                r = bus_bounds_init(&connection->bounds, connection->bus, connection->caller.uid, CGMOVE_MESSAGE_MAX);
        if (r >= 0)
                r = bus_add_private_objects(connection);
        if (r >= 0)
                r = bus_bounds_start(&connection->bounds);
        if (r >= 0)
                r = shrink_socket(connection);
        return r;
}

static int watch_bus(Connection *connection) {
        sd_event *event = connection->daemon->event;
        int r;

        r = sd_event_add_io(event, &connection->io, sd_bus_get_fd(connection->bus), EPOLLIN, on_io, connection);
        if (r >= 0)
                r = sd_event_source_set_prepare(connection->io, on_prepare);
        if (r >= 0)
                r = sd_event_add_time(event, &connection->begin, CLOCK_MONOTONIC, 0, 1, on_begin, connection);
        if (r >= 0)
                r = sd_event_source_set_enabled(connection->begin, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time_relative(event, &connection->deadline, CLOCK_MONOTONIC, DEADLINE, 0,
                                               on_deadline, connection);
        return r;
}

int connection_new(Daemon *daemon, Listener *listener, ListenerUser *user, int fd, Caller *caller, Connection **ret) {
        Connection *connection;
        int r;

        connection = calloc(1, sizeof(*connection));
        if (!connection) {
                nudged_close(fd);
                return -ENOMEM;
        }

        *connection = (Connection) {
                .daemon = daemon, .listener = listener, .user = user, .caller = *caller, .last_fd = -1
        };
        *caller = (Caller) CALLER_INIT;
        LIST_INIT(&connection->pending);

        r = open_bus(connection, fd);
        if (r >= 0)
                r = watch_bus(connection);
        if (r < 0) {
                connection_free(connection);
                return r;
        }

        *ret = connection;
        return 0;
}

Connection *connection_free(Connection *connection) {
        Pending *pending;

        if (!connection)
                return NULL;

        if (connection->unread)
                listener_user_unread(connection->user, false);
        while ((pending = LIST_FIRST(&connection->pending)))
                pending->abandon(pending);

        (void) sd_event_source_disable_unref(connection->deadline);
        (void) sd_event_source_disable_unref(connection->begin);
        (void) sd_event_source_disable_unref(connection->io);
        (void) sd_bus_close_unref(connection->bus);
        nudged_close(connection->last_fd);
        bus_bounds_done(&connection->bounds);
        caller_done(&connection->caller);
        job_record_free(connection->job_call.finished);
        free(connection);
        return NULL;
}

/* What is needed of CALL to answer it later, without what came along: descriptors above all, of which there
 * may be any number. */
static int copy_head(sd_bus_message *call, sd_bus_message **ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *head = NULL;
        uint64_t cookie;
        int r;

        r = sd_bus_message_get_cookie(call, &cookie);
        if (r >= 0)
                r = sd_bus_message_new_method_call(sd_bus_message_get_bus(call), &head, NULL, sd_bus_message_get_path(call),
                                                   sd_bus_message_get_interface(call), sd_bus_message_get_member(call));
        if (r >= 0)
                r = sd_bus_message_set_expect_reply(head, sd_bus_message_get_expect_reply(call));
        if (r >= 0)
                r = sd_bus_message_seal(head, cookie, 0);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(head);
        return 0;
}

int pending_begin(Pending *pending, Connection *connection, sd_bus_message *call, void (*abandon)(Pending *pending),
                  sd_bus_error *ret_error) {
        sd_bus_message *head = NULL;
        int r;

        r = listener_user_begin(connection->user);
        if (r < 0)
                return sd_bus_error_setf(ret_error, CGMOVE_ERROR_BUSY,
                                         "You have %d calls waiting for an answer already, which is the most; try again "
                                         "when one of them is answered.",
                                         CGMOVE_REQUESTS_PER_USER_MAX);
        r = copy_head(call, &head);
        if (r < 0) {
                listener_user_end(connection->user);
                return sd_bus_error_set_errno(ret_error, r);
        }

        *pending = (Pending) {
                .connection = connection,
                .call = head,
                .abandon = abandon,
        };
        LIST_INSERT_HEAD(&connection->pending, pending, of_connection);
        return 0;
}

int pending_hold(Pending *pending, size_t n_targets, sd_bus_error *ret_error) {
        int r;

        r = listener_user_hold(pending->connection->user, pending->n_targets, n_targets);
        if (r < 0)
                return sd_bus_error_setf(ret_error, CGMOVE_ERROR_BUSY,
                                         "Your calls that wait for an answer are about more than %d processes, which is "
                                         "the most; try again when one of them is answered.",
                                         CGMOVE_TARGETS_PER_USER_MAX);
        pending->n_targets = n_targets;
        return 0;
}

void pending_answered(Pending *pending, int error) {
        if (error < 0 && pending->connection)
                drop(pending->connection, strerror(-error));
}

void pending_end(Pending *pending) {
        if (!pending->connection)
                return;

        LIST_REMOVE(pending, of_connection);
        (void) listener_user_hold(pending->connection->user, pending->n_targets, 0);
        listener_user_end(pending->connection->user);
        pending->call = sd_bus_message_unref(pending->call);
        pending->connection = NULL;
}
