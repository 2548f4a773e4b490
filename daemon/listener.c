/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "daemon/daemon.h"
#include "daemon/listener.h"
#include "daemon/log.h"
#include "daemon/nudge.h"
#include "lib/protocol.h"
#include "lib/values.h"

#define RETRY_AFTER USEC_PER_SEC /* when descriptors have run out */
#define COSTLY (5 * USEC_PER_SEC / 1000) /* a turn that nobody else should have to wait for twice */
#define PAUSE_FACTOR 4                   /* so nobody has more than a fifth of the loop by costly turns */

struct ListenerUser {
        LIST_ENTRY(ListenerUser) users;
        uid_t uid;
        unsigned n_connections;
        unsigned n_pending;
        size_t n_targets; /* of those that are pending */
        unsigned n_unread; /* connections */
        uint64_t paused_until; /* CLOCK_MONOTONIC, microseconds */
};

struct Listener {
        Daemon *daemon;
        int fd;
        sd_event_source *io;
        sd_event_source *retry;
        sd_event_source *reaper;
        LIST_HEAD(ConnectionList, Connection) connections;
        struct ConnectionList dropped;
        LIST_HEAD(ListenerUserList, ListenerUser) users;
        unsigned n_connections;
};

static void put_user(ListenerUser *user, uint64_t now) {
        if (user->n_connections > 0 || now < user->paused_until)
                return;

        LIST_REMOVE(user, users);
        free(user);
}

/* Who has to wait is remembered beyond his last connection. They are few: each entry cost the loop a fourth of the
 * time that it lasts. */
static ListenerUser *get_user(Listener *listener, uid_t uid) {
        uint64_t now = connection_now();
        ListenerUser *user, *next, *found = NULL;

        for (user = LIST_FIRST(&listener->users); user; user = next) {
                next = LIST_NEXT(user, users);
                if (user->uid == uid)
                        found = user;
                else
                        put_user(user, now);
        }
        if (found)
                return found;

        user = calloc(1, sizeof(*user));
        if (!user)
                return NULL;

        user->uid = uid;
        LIST_INSERT_HEAD(&listener->users, user, users);
        return user;
}

int listener_user_begin(ListenerUser *user) {
        if (user->n_pending >= CGMOVE_REQUESTS_PER_USER_MAX)
                return -EMFILE;

        user->n_pending++;
        return 0;
}

void listener_user_end(ListenerUser *user) {
        user->n_pending--;
}

int listener_user_hold(ListenerUser *user, size_t n_before, size_t n) {
        size_t n_others = user->n_targets - n_before;

        if (n > n_before && n_others + n > CGMOVE_TARGETS_PER_USER_MAX)
                return -EMFILE;

        user->n_targets = n_others + n;
        return 0;
}

void listener_user_unread(ListenerUser *user, bool unread) {
        if (unread)
                user->n_unread++;
        else
                user->n_unread--;
}

bool listener_user_has_to_read(const ListenerUser *user) {
        return user->n_unread >= CGMOVE_UNREAD_PER_USER_MAX;
}

bool listener_user_charge(ListenerUser *user, uint64_t elapsed, uint64_t now) {
        if (elapsed <= COSTLY)
                return false;

        user->paused_until = (user->paused_until > now ? user->paused_until : now) + PAUSE_FACTOR * elapsed;
        return true;
}

uint64_t listener_user_paused_until(const ListenerUser *user) {
        return user->paused_until;
}

/* Whether it waits for no answer, or with WAITS for such alone as are told in their time. */
static bool is_idle(const Connection *connection, bool waits) {
        const Pending *pending;

        LIST_FOREACH(pending, &connection->pending, of_connection)
                if (!waits || !pending->only_waits)
                        return false;
        return true;
}

/* Of the idle ones of users who have more connections than NEWCOMER, the longest open one of who has the most. */
static Connection *find_idle(const Listener *listener, const ListenerUser *newcomer, bool waits) {
        unsigned most = newcomer->n_connections + 1;
        Connection *connection, *idle = NULL;

        LIST_FOREACH(connection, &listener->connections, of_listener)
                if (connection->user->n_connections >= most && is_idle(connection, waits)) {
                        most = connection->user->n_connections;
                        idle = connection;
                }
        return idle;
}

/* When all connections of the host are taken, who has more gives up an idle one for who has fewer, or in the last
 * resort one that only waits. Root gets in however many there are. */
static bool make_room(Listener *listener, const ListenerUser *newcomer) {
        Connection *idle;

        if (listener->n_connections < CGMOVE_CONNECTIONS_MAX || newcomer->uid == 0)
                return true;

        idle = find_idle(listener, newcomer, false);
        if (!idle)
                idle = find_idle(listener, newcomer, true);
        if (!idle)
                return false;

        log_connection_refused(idle->caller.uid, idle->caller.pid, "another user needs the room");
        listener_drop(listener, idle);
        return true;
}

static int admit(Listener *listener, int fd, Caller *caller) {
        Connection *connection;
        ListenerUser *user;
        int r;

        user = get_user(listener, caller->uid);
        if (!user) {
                nudged_close(fd);
                return -ENOMEM;
        }
        if (user->n_connections >= CGMOVE_CONNECTIONS_PER_USER_MAX || !make_room(listener, user)) {
                log_connection_refused(caller->uid, caller->pid, "too many connections are open");
                put_user(user, connection_now());
                nudged_close(fd);
                return 0;
        }

        r = connection_new(listener->daemon, listener, user, fd, caller, &connection);
        if (r < 0) {
                put_user(user, connection_now());
                return r;
        }

        user->n_connections++;
        listener->n_connections++;
        LIST_INSERT_HEAD(&listener->connections, connection, of_listener);
        connection_begin(connection);
        return 0;
}

static void accept_one(Listener *listener, int fd) {
        _cleanup_(caller_done) Caller caller = CALLER_INIT;
        uid_t uid = UID_NONE;
        pid_t pid = 0;
        int r;

        r = caller_from_socket(fd, &caller);
        if (r < 0)
                nudged_close(fd);
        else {
                uid = caller.uid;
                pid = caller.pid;
                r = admit(listener, fd, &caller);
        }
        if (r < 0)
                log_connection_refused(uid, pid, strerror(-r));
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata) {
        Listener *listener = userdata;

        return sd_event_source_set_enabled(listener->io, SD_EVENT_ON);
}

/* One a turn: it waited already when the loop looked, so a reload that was asked for before comes first. */
static int on_connect(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Listener *listener = userdata;
        int connection;

        connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (connection >= 0)
                accept_one(listener, connection);
        else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
                /* the peer waits in the backlog; without a pause this would be a busy loop */
                (void) sd_event_source_set_enabled(listener->io, SD_EVENT_OFF);
                (void) sd_event_source_set_time_relative(listener->retry, RETRY_AFTER);
                (void) sd_event_source_set_enabled(listener->retry, SD_EVENT_ONESHOT);
        }
        return 0;
}

static void release(Listener *listener, Connection *connection) {
        ListenerUser *user = connection->user;

        LIST_REMOVE(connection, of_listener);
        connection_free(connection);
        listener->n_connections--;
        user->n_connections--;
        put_user(user, connection_now());
}

static int on_reap(sd_event_source *source, void *userdata) {
        Listener *listener = userdata;
        Connection *connection;

        while ((connection = LIST_FIRST(&listener->dropped)))
                release(listener, connection);
        return sd_event_source_set_enabled(listener->reaper, SD_EVENT_OFF);
}

void listener_drop(Listener *listener, Connection *connection) {
        (void) sd_event_source_set_enabled(connection->io, SD_EVENT_OFF);
        (void) sd_event_source_set_enabled(connection->begin, SD_EVENT_OFF);
        (void) sd_event_source_set_enabled(connection->deadline, SD_EVENT_OFF);
        LIST_REMOVE(connection, of_listener);
        LIST_INSERT_HEAD(&listener->dropped, connection, of_listener);
        (void) sd_event_source_set_enabled(listener->reaper, SD_EVENT_ONESHOT);
}

int listener_new(Daemon *daemon, int fd, Listener **ret) {
        _cleanup_(listener_freep) Listener *listener = NULL;
        int r;

        listener = calloc(1, sizeof(*listener));
        if (!listener) {
                closep(&fd);
                return -ENOMEM;
        }

        listener->daemon = daemon;
        listener->fd = fd;
        LIST_INIT(&listener->connections);
        LIST_INIT(&listener->dropped);
        LIST_INIT(&listener->users);

        /* a socket that systemd passes blocks unless its unit says otherwise */
        r = fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) < 0 ? -errno : 0;
        if (r >= 0)
                r = sd_event_add_io(daemon->event, &listener->io, fd, EPOLLIN, on_connect, listener);
        if (r >= 0)
                r = sd_event_add_time(daemon->event, &listener->retry, CLOCK_MONOTONIC, UINT64_MAX, 0, on_retry,
                                      listener);
        if (r >= 0)
                r = sd_event_source_set_enabled(listener->retry, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_defer(daemon->event, &listener->reaper, on_reap, listener);
        if (r >= 0)
                r = sd_event_source_set_priority(listener->reaper, SD_EVENT_PRIORITY_IMPORTANT);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(listener);
        return 0;
}

Listener *listener_free(Listener *listener) {
        Connection *connection;
        ListenerUser *user;

        if (!listener)
                return NULL;

        while ((connection = LIST_FIRST(&listener->connections)))
                release(listener, connection);
        while ((connection = LIST_FIRST(&listener->dropped)))
                release(listener, connection);
        while ((user = LIST_FIRST(&listener->users)))
                put_user(user, UINT64_MAX);
        (void) sd_event_source_disable_unref(listener->reaper);
        (void) sd_event_source_disable_unref(listener->retry);
        (void) sd_event_source_disable_unref(listener->io);
        closep(&listener->fd);
        free(listener);
        return NULL;
}
