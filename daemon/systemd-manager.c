/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/systemd-manager.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <systemd/sd-bus.h>

#include "daemon/bus-bounds.h"
#include "daemon/nudge.h"
#include "daemon/systemd-call.h"
#include "daemon/systemd-socket.h"

#define RETRY_USEC (UINT64_C(100) * 1000)
/* Direct connections get every signal of the manager; one that nobody needs is only a source of wake-ups. */
#define IDLE_USEC (UINT64_C(30) * 1000 * 1000)
/* Bytes, of a user manager's: what is asked for is a few numbers and names. */
#define MESSAGE_MAX (256 * 1024)

struct SystemdManager {
        unsigned n_ref; /* its owner, and loops of ours that run callbacks in which he may let it go */
        sd_event *event;
        const Kernel *kernel;
        uid_t uid;
        sd_bus *bus;
        int last_fd;            /* of the same socket, for the close of it that is the last (nudge.h) */
        BusBounds bounds;       /* of a user's manager, which may be anything of the user's */
        sd_event_source *io;    /* likewise */
        sd_event_source *begin; /* likewise; see connection.h */
        SystemdCall *calls;
        sd_event_source *retry;
        sd_event_source *idle;
};

static bool manager_is_system(const SystemdManager *manager) {
        return manager->uid == UID_NONE;
}

static void manager_disconnect(SystemdManager *manager) {
        if (!manager->bus)
                return;
        manager->begin = sd_event_source_disable_unref(manager->begin);
        manager->io = sd_event_source_disable_unref(manager->io);
        sd_bus_detach_event(manager->bus);
        sd_bus_close(manager->bus);
        manager->bus = sd_bus_unref(manager->bus);
        bus_bounds_done(&manager->bounds);
        nudged_close(manager->last_fd);
        manager->last_fd = -1;
}

static int on_idle(sd_event_source *source, uint64_t usec, void *userdata) {
        SystemdManager *manager = userdata;

        if (!manager->calls)
                manager_disconnect(manager);
        return 0;
}

int systemd_manager_new(sd_event *event, const Kernel *kernel, uid_t uid, SystemdManager **ret) {
        _cleanup_(systemd_manager_freep) SystemdManager *manager = calloc(1, sizeof(SystemdManager));
        int r;

        if (!manager)
                return -ENOMEM;
        manager->n_ref = 1;
        manager->event = sd_event_ref(event);
        manager->kernel = kernel;
        manager->uid = uid;
        manager->last_fd = -1;

        r = sd_event_add_time_relative(event, &manager->idle, CLOCK_MONOTONIC, IDLE_USEC, 5 * 1000 * 1000,
                                       on_idle, manager);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(manager->idle, SD_EVENT_OFF);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(manager);
        return 0;
}

static SystemdManager *manager_ref(SystemdManager *manager) {
        manager->n_ref++;
        return manager;
}

static SystemdManager *manager_unref(SystemdManager *manager) {
        if (--manager->n_ref > 0)
                return NULL;

        sd_event_unref(manager->event);
        free(manager);
        return NULL;
}
DEFINE_CLEANUP(SystemdManager, manager_unref)

SystemdManager *systemd_manager_free(SystemdManager *manager) {
        if (!manager)
                return NULL;

        /* the calls belong to whoever made them, and are only cut off */
        while (manager->calls) {
                SystemdCall *call = manager->calls;

                manager->calls = call->next;
                call->next = call->previous = NULL;
                call->manager = NULL;
                call->deadline = sd_event_source_disable_unref(call->deadline);
                call->ready = sd_event_source_disable_unref(call->ready);
                for (unsigned i = 0; i < CALL_SLOTS_MAX; i++)
                        call->slots[i] = sd_bus_slot_unref(call->slots[i]);
        }
        manager_disconnect(manager);
        manager->retry = sd_event_source_disable_unref(manager->retry);
        manager->idle = sd_event_source_disable_unref(manager->idle);
        return manager_unref(manager);
}

/* --- the connection ------------------------------------------------------------------------------------ */

/* JobRemoved(u id, o job, s unit, s result) */
static int on_job_removed(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(manager_unrefp) SystemdManager *manager = manager_ref(userdata);
        const char *job, *unit, *result;

        if (sd_bus_message_read(message, "uoss", NULL, &job, &unit, &result) < 0)
                return 0;
        /* a callback may free any call, and start others: begin anew after each */
        for (SystemdCall *call = manager->calls; call;)
                call = systemd_call_job_removed(call, job, unit, result) ? manager->calls : call->next;
        return 0;
}

/* Whatever was under way when the connection broke is asked again over a new one. */
static int on_retry(sd_event_source *source, uint64_t usec, void *userdata);

static int manager_schedule_retry(SystemdManager *manager) {
        int r;

        if (!manager->retry)
                return sd_event_add_time_relative(manager->event, &manager->retry, CLOCK_MONOTONIC,
                                                  RETRY_USEC, 1000, on_retry, manager);
        r = sd_event_source_set_time_relative(manager->retry, RETRY_USEC);
        if (r < 0)
                return r;
        return sd_event_source_set_enabled(manager->retry, SD_EVENT_ONESHOT);
}

static void manager_fail(SystemdManager *manager, int error, const char *message) {
        while (manager->calls)
                systemd_call_complete(manager->calls, error, message);
}

static int on_disconnected(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(manager_unrefp) SystemdManager *manager = manager_ref(userdata);

        manager_disconnect(manager);
        /* PID 1 is always there, at most busy with executing itself anew; a user's manager may have ended */
        if (!manager_is_system(manager) || manager_schedule_retry(manager) < 0)
                manager_fail(manager, -ECONNRESET, "the manager has closed the connection");
        return 0;
}

/* One message at most, then others have their turn; the deadline of the call bounds the whole. */
static void manager_step(SystemdManager *user_manager) {
        _cleanup_(manager_unrefp) SystemdManager *manager = manager_ref(user_manager);
        int r;

        r = bus_bounds_step(&manager->bounds);
        if (!manager->bus)
                return; /* it was let go in a callback */
        if (r < 0) {
                manager_disconnect(manager);
                manager_fail(manager, r, r == -EMSGSIZE ? "it sends too much" : NULL);
        } else if (r > 0)
                (void) sd_event_source_set_enabled(manager->begin, SD_EVENT_ONESHOT);
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        manager_step(userdata);
        return 0;
}

static int on_begin(sd_event_source *source, uint64_t usec, void *userdata) {
        manager_step(userdata);
        return 0;
}

static int on_prepare(sd_event_source *source, void *userdata) {
        const SystemdManager *manager = userdata;
        int events = sd_bus_get_events(manager->bus);

        return events < 0 ? 0 : sd_event_source_set_io_events(source, (uint32_t) events);
}

static int manager_attach(SystemdManager *manager, sd_bus *bus) {
        int r;

        if (manager_is_system(manager))
                return sd_bus_attach_event(bus, manager->event, SD_EVENT_PRIORITY_NORMAL);

        r = sd_event_add_io(manager->event, &manager->io, sd_bus_get_fd(bus), EPOLLIN, on_io, manager);
        if (r < 0)
                return r;
        r = sd_event_source_set_prepare(manager->io, on_prepare);
        if (r < 0)
                return r;
        r = sd_event_add_time(manager->event, &manager->begin, CLOCK_MONOTONIC, 0, 1, on_begin, manager);
        return r < 0 ? r : sd_event_source_set_enabled(manager->begin, SD_EVENT_OFF);
}

static int manager_start_bus(SystemdManager *manager, sd_bus *bus) {
        int r;

        if (manager_is_system(manager))
                return sd_bus_start(bus);
        r = bus_bounds_init(&manager->bounds, bus, UID_NONE, MESSAGE_MAX);
        return r < 0 ? r : bus_bounds_start(&manager->bounds);
}

/* On a direct connection a match is a filter of our own, nothing is sent. */
static int manager_watch(SystemdManager *manager, sd_bus *bus) {
        int r;

        r = sd_bus_match_signal(bus, NULL, NULL, SYSTEMD_PATH, SYSTEMD_MANAGER, "JobRemoved",
                                on_job_removed, manager);
        return r < 0 ? r : sd_bus_match_signal(bus, NULL, NULL, NULL, "org.freedesktop.DBus.Local", "Disconnected",
                                               on_disconnected, manager);
}

static int manager_open_bus(SystemdManager *manager, sd_bus **ret) {
        _cleanup_(sd_bus_unrefp) sd_bus *bus = NULL;
        _cleanup_close_ int fd = -1;
        int socket, r;

        r = systemd_socket_open(manager->kernel, manager->uid, &fd);
        if (r < 0)
                return r;
        r = sd_bus_new(&bus);
        if (r < 0)
                return r;
        r = sd_bus_set_fd(bus, fd, fd);
        if (r < 0)
                return r;
        socket = TAKE_FD(fd);
        /* no answer has any, and a user may have put anything in his manager's place */
        r = sd_bus_negotiate_fds(bus, 0);
        if (r < 0)
                return r;
        manager->last_fd = fcntl(socket, F_DUPFD_CLOEXEC, 3);
        if (manager->last_fd < 0)
                return -errno;
        *ret = TAKE_PTR(bus);
        return 0;
}

static int manager_connect(SystemdManager *manager) {
        int r;

        if (manager->bus)
                return 0;
        r = manager_open_bus(manager, &manager->bus);
        if (r < 0)
                return r;
        r = manager_start_bus(manager, manager->bus);
        if (r >= 0)
                r = manager_watch(manager, manager->bus);
        if (r >= 0)
                r = manager_attach(manager, manager->bus);
        if (r < 0)
                manager_disconnect(manager);
        return r;
}

/* --- calls --------------------------------------------------------------------------------------------- */

static void call_unlink(SystemdCall *call) {
        SystemdManager *manager = call->manager;

        if (!manager)
                return;
        if (call->previous)
                call->previous->next = call->next;
        else
                manager->calls = call->next;
        if (call->next)
                call->next->previous = call->previous;
        call->next = call->previous = NULL;
        call->manager = NULL;

        if (!manager->calls) {
                (void) sd_event_source_set_time_relative(manager->idle, IDLE_USEC);
                (void) sd_event_source_set_enabled(manager->idle, SD_EVENT_ONESHOT);
        }
}

/* Forgets what was asked and answered so far. */
static void call_reset(SystemdCall *call) {
        for (unsigned i = 0; i < CALL_SLOTS_MAX; i++)
                call->slots[i] = sd_bus_slot_unref(call->slots[i]);
        call->n_sent = call->n_pending = 0;
        free(call->job);
        free(call->removed_job);
        free(call->removed_result);
        call->job = call->removed_job = call->removed_result = NULL;
}

SystemdCall *systemd_call_free(SystemdCall *call) {
        if (!call)
                return NULL;
        call_unlink(call);
        call_reset(call);
        sd_event_source_disable_unref(call->deadline);
        sd_event_source_disable_unref(call->ready);
        free(call->result);
        free(call->service);
        free(call->unit);
        free(call);
        return NULL;
}

void systemd_call_complete(SystemdCall *call, int error, const char *message) {
        call_unlink(call);
        for (unsigned i = 0; i < CALL_SLOTS_MAX; i++)
                call->slots[i] = sd_bus_slot_unref(call->slots[i]);
        call->deadline = sd_event_source_disable_unref(call->deadline);
        call->ready = sd_event_source_disable_unref(call->ready);
        call->type->deliver(call, error, message);
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata) {
        systemd_call_complete(userdata, -ETIMEDOUT, "the manager did not answer in time");
        return 0;
}

int systemd_call_new(SystemdManager *manager, const CallType *type, const char *unit, SystemdCall **ret) {
        _cleanup_(systemd_call_freep) SystemdCall *call = calloc(1, sizeof(SystemdCall));
        int r;

        if (!call)
                return -ENOMEM;
        call->type = type;
        call->unit = strdup(unit);
        if (!call->unit)
                return -ENOMEM;
        r = sd_event_add_time_relative(manager->event, &call->deadline, CLOCK_MONOTONIC, type->timeout_usec,
                                       100 * 1000, on_deadline, call);
        if (r < 0)
                return r;

        call->manager = manager;
        call->next = manager->calls;
        if (call->next)
                call->next->previous = call;
        manager->calls = call;
        (void) sd_event_source_set_enabled(manager->idle, SD_EVENT_OFF);

        *ret = TAKE_PTR(call);
        return 0;
}

void systemd_call_set_timeout(SystemdCall *call, uint64_t timeout) {
        (void) sd_event_source_set_time_relative(call->deadline, timeout);
}

static int call_try(SystemdCall *call) {
        int r;

        call_reset(call);
        r = manager_connect(call->manager);
        if (r < 0)
                return r;
        call->is_again = call->was_sent && call->type->send_again;
        return call->is_again ? call->type->send_again(call) : call->type->send(call);
}

int systemd_call_start(SystemdCall *call) {
        SystemdManager *manager = call->manager;
        int r;

        r = call_try(call);
        if (r >= 0 || r == -ENOMEM || !manager_is_system(manager))
                return r;
        return manager_schedule_retry(manager);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata) {
        SystemdManager *manager = userdata;

        for (SystemdCall *call = manager->calls; call; call = call->next) {
                /* what was started meanwhile is under way already */
                if (call->ready || (call->slots[0] && sd_bus_slot_get_bus(call->slots[0]) == manager->bus))
                        continue;
                /* its own deadline ends a call that never gets through */
                if (call_try(call) < 0)
                        return manager_schedule_retry(manager);
        }
        return 0;
}

int systemd_call_message(SystemdCall *call, const char *path, const char *interface, const char *member,
                         sd_bus_message **ret) {
        return sd_bus_message_new_method_call(call->manager->bus, ret, SYSTEMD_NAME, path, interface,
                                              member);
}

static int error_to_errno(const sd_bus_error *error) {
        static const char *const missing[] = {
                "org.freedesktop.systemd1.NoSuchUnit",
                SD_BUS_ERROR_UNKNOWN_PROPERTY,
                SD_BUS_ERROR_UNKNOWN_INTERFACE,
                SD_BUS_ERROR_UNKNOWN_OBJECT,
        };

        for (size_t i = 0; i < ELEMENTSOF(missing); i++)
                if (sd_bus_error_has_name(error, missing[i]))
                        return -ENOENT;
        if (sd_bus_error_has_name(error, "org.freedesktop.systemd1.TransactionIsDestructive"))
                return -EDEADLK;
        return -(sd_bus_error_get_errno(error) ?: EIO);
}

static unsigned call_find_slot(const SystemdCall *call, const sd_bus_slot *slot) {
        for (unsigned i = 0; i < CALL_SLOTS_MAX; i++)
                if (call->slots[i] == slot)
                        return i;
        return CALL_SLOTS_MAX;
}

static bool call_may_fail(const SystemdCall *call, unsigned index) {
        return index < CALL_SLOTS_MAX && !call->is_again && call->type->may_fail & 1U << index;
}

static int on_reply(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        SystemdCall *call = userdata;
        sd_bus *bus = sd_bus_message_get_bus(reply);
        const sd_bus_error *error = sd_bus_message_get_error(reply);
        unsigned index = call_find_slot(call, sd_bus_get_current_slot(bus));
        int r;

        /* the connection broke: on_disconnected() follows, and asks again */
        if (error && sd_bus_is_open(bus) <= 0)
                return 0;

        if (error && !call_may_fail(call, index)) {
                systemd_call_complete(call, error_to_errno(error), error->message);
                return 0;
        }
        r = error ? 0 : call->type->read(call, index, reply);
        if (r < 0) {
                systemd_call_complete(call, r, NULL);
                return 0;
        }
        call->n_pending--;
        if (call->type->follows_job)
                systemd_call_job_known(call);
        else if (call->n_pending == 0)
                systemd_call_complete(call, 0, NULL);
        return 0;
}

int systemd_call_send(SystemdCall *call, sd_bus_message *message) {
        int r;

        if (call->n_sent >= CALL_SLOTS_MAX)
                return -E2BIG;
        r = sd_bus_call_async(call->manager->bus, &call->slots[call->n_sent], message, on_reply, call,
                              UINT64_MAX);
        if (r < 0)
                return r;
        call->n_sent++;
        call->n_pending++;
        call->was_sent = true;
        return 0;
}

int systemd_call_defer(SystemdCall *call, sd_event_handler_t ready) {
        if (call->ready)
                return 0;
        return sd_event_add_defer(call->manager->event, &call->ready, ready, call);
}
