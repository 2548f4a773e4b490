/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A user's own manager, over its private socket: the same interface as on the bus, without a bus daemon. It
 * sends every signal to every such connection, so nothing needs to be subscribed to. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tools/manager-bus.h"
#include "tools/restart/unit-private.h"
#include "tools/status.h"

#define SYSTEMD_PATH "/org/freedesktop/systemd1"
#define SYSTEMD_MANAGER "org.freedesktop.systemd1.Manager"
#define TICK_INTERVAL UINT64_C(100000)
#define LOST_FOR                                                                                            \
        (UINT64_C(10) * 1000000) /* microseconds: a manager that executes itself anew is back by then */
#define LOST_PAUSE 100000000L    /* nanoseconds */
#define SILENT_FOR (UINT64_C(90) * 1000000) /* microseconds: it may be reading its unit files again */
#define SIGNALS_MAX 1000         /* that are taken in a row */

typedef struct UserManager {
        UnitManager manager;
        sd_bus *bus;
        pid_t pid;                  /* who that is */
        char job[256];              /* the manager's job that is followed */
        char result[UNIT_WORD_MAX]; /* how it ended */
} UserManager;

static int fail_gone(int error, Failure *failure) {
        int r = failure_set(failure, STATUS_FAILED, "ManagerGone",
                            "Your user manager (user@%u.service) cannot be reached: %s; a login starts it, "
                            "and as root "
                            "\"loginctl enable-linger %u\" keeps it.",
                            (unsigned) geteuid(), strerror(error < 0 ? -error : error),
                            (unsigned) geteuid());

        failure->lost = true;
        return r;
}

static bool is_gone(int error) {
        return error == -ECONNRESET || error == -ENOTCONN || error == -EPIPE || error == -ECONNREFUSED ||
               error == -ENOENT;
}

static bool is_lost(const UserManager *m, int error) {
        return is_gone(error) || sd_bus_is_open(m->bus) <= 0;
}

/* It is there, and busy, or kept from running. */
static int fail_silent(Failure *failure) {
        return failure_set(failure, STATUS_FAILED, "ManagerSilent",
                           "Your user manager (user@%u.service) does not answer; if it goes on so, as root: "
                           "systemctl "
                           "restart user@%u.service, which ends what it runs.",
                           (unsigned) geteuid(), (unsigned) geteuid());
}

static bool is_silent(const Failure *failure) {
        return strcmp(failure->code, "ManagerSilent") == 0;
}

/* --- the connection ------------------------------------------------------------------------------------ */

/* Every job that ends passes here; the one that is followed may have ended before its path was known. */
static int on_job_removed(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        UserManager *m = userdata;
        const char *path, *unit, *result;
        uint32_t id;

        if (sd_bus_message_read(message, "uoss", &id, &path, &unit, &result) < 0 ||
            strcmp(path, m->job) != 0)
                return 0;
        (void) snprintf(m->result, sizeof(m->result), "%s", result);
        return 0;
}

/* A new connection in the place of the one there may be. -ESTALE if it would be to another manager: what the
 * one before ran has ended with that. */
static int connect_manager(UserManager *m) {
        _cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
        socklen_t size = sizeof(struct ucred);
        struct ucred peer;
        int r;

        r = sd_bus_new(&bus);
        if (r >= 0)
                r = manager_bus_start(bus, false);
        if (r >= 0)
                r = sd_bus_match_signal(bus, NULL, NULL, SYSTEMD_PATH, SYSTEMD_MANAGER, "JobRemoved",
                                        on_job_removed, m);
        if (r >= 0)
                r = sd_bus_get_fd(bus);
        if (r < 0)
                return r;
        if (getsockopt(r, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
                return -errno;
        if (m->pid != 0 && peer.pid != m->pid)
                return -ESTALE;
        m->pid = peer.pid;
        (void) sd_bus_close_unref(m->bus);
        m->bus = TAKE_PTR(bus);
        return 0;
}

/* A manager that executes itself anew (daemon-reexec) closes all connections, and keeps its units and jobs. */
static bool reconnect(UserManager *m, uint64_t until) {
        static const struct timespec pause = { .tv_nsec = LOST_PAUSE };
        int r = -ENOTCONN;

        while (r < 0 && r != -ESTALE && now_monotonic() < until) {
                (void) nanosleep(&pause, NULL);
                r = connect_manager(m);
        }
        return r >= 0;
}

/* --- calls --------------------------------------------------------------------------------------------- */

static int get_state(UserManager *m, char **ret) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

        return sd_bus_get_property_string(m->bus, NULL, SYSTEMD_PATH, SYSTEMD_MANAGER, "SystemState", &error,
                                          ret);
}

/* SystemState of org.freedesktop.systemd1(5): from when it was asked to end, while it still answers. */
static bool user_is_stopping(UnitManager *manager) {
        UserManager *m = (UserManager *) manager;
        _cleanup_free_ char *state = NULL;
        int r;

        r = get_state(m, &state);
        if (r < 0 && is_lost(m, r) && reconnect(m, now_monotonic() + LOST_FOR))
                r = get_state(m, &state);
        return r < 0 ? is_lost(m, r) : strcmp(state, "stopping") == 0;
}

static int fail_call(UserManager *m, int error, const sd_bus_error *bus_error, const char *what,
                     Failure *failure) {
        if (error == -ETIMEDOUT && sd_bus_is_open(m->bus) > 0)
                return fail_silent(failure);
        if (is_lost(m, error) || user_is_stopping(&m->manager))
                return fail_gone(error, failure);
        return failure_set(failure, STATUS_FAILED, "ManagerRefused", "The manager refused to %s: %s", what,
                           sd_bus_error_is_set(bus_error) && bus_error->message ? bus_error->message
                                                                                : strerror(-error));
}

static int call(UserManager *m, sd_bus_message *message, uint64_t timeout, const char *what,
                sd_bus_message **ret, Failure *failure) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        r = sd_bus_call(m->bus, message, timeout, &error, ret);
        return r < 0 ? fail_call(m, r, &error, what, failure) : 0;
}

static int manager_message(UserManager *m, const char *member, sd_bus_message **ret, Failure *failure) {
        int r = sd_bus_message_new_method_call(m->bus, ret, NULL, SYSTEMD_PATH, SYSTEMD_MANAGER, member);

        return r < 0 ? failure_errno(failure, r, "Cannot make a message") : 0;
}

/* --- state --------------------------------------------------------------------------------------------- */

/* LoadUnit, unlike GetUnit, also finds what the manager has not needed so far. */
static int load(UserManager *m, const char *name, char *ret_path, size_t size, Failure *failure) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL, *reply = NULL;
        const char *path;
        int r;

        r = manager_message(m, "LoadUnit", &message, failure);
        if (r != 0)
                return r;
        r = sd_bus_message_append(message, "s", name);
        if (r < 0)
                return failure_errno(failure, r, "Cannot make a message");
        r = call(m, message, UNIT_QUERY_TIMEOUT, "load the unit", &reply, failure);
        if (r != 0)
                return r;
        r = sd_bus_message_read(reply, "o", &path);
        if (r < 0)
                return failure_errno(failure, r, "Cannot read an answer of the manager");
        (void) snprintf(ret_path, size, "%s", path);
        return 0;
}

static int get_once(UserManager *m, const char *name, Unit *ret, Failure *failure) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL, *reply = NULL;
        Unit unit = { .id = "" };
        char path[1024];
        int r;

        r = load(m, name, path, sizeof(path), failure);
        if (r != 0)
                return r;
        r = sd_bus_message_new_method_call(m->bus, &message, NULL, path, "org.freedesktop.DBus.Properties",
                                           "GetAll");
        if (r >= 0)
                r = sd_bus_message_append(message, "s", ""); /* of all interfaces */
        if (r < 0)
                return failure_errno(failure, r, "Cannot make a message");
        r = call(m, message, UNIT_QUERY_TIMEOUT, "describe the unit", &reply, failure);
        if (r != 0)
                return r;
        r = unit_read_properties(reply, &unit);
        if (r < 0)
                return failure_errno(failure, r, "Cannot read an answer of the manager");
        *ret = unit;
        return 0;
}

/* What it has told meanwhile does not pile up. */
static void take_signals(UserManager *m) {
        for (int i = 0; i < SIGNALS_MAX && sd_bus_process(m->bus, NULL) > 0; i++)
                ;
}

static int user_get(UnitManager *manager, const char *name, Unit *ret, Failure *failure) {
        UserManager *m = (UserManager *) manager;
        uint64_t start = now_monotonic();
        int r;

        take_signals(m);
        do
                r = get_once(m, name, ret, failure);
        while (r != 0 && ((failure->lost && reconnect(m, start + LOST_FOR)) ||
                          (is_silent(failure) && now_monotonic() < start + SILENT_FOR)));
        return r;
}

static int user_reload(UnitManager *manager, Failure *failure) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL, *reply = NULL;
        UserManager *m = (UserManager *) manager;
        int r;

        r = manager_message(m, "Reload", &message, failure);
        return r != 0 ? r
                      : call(m, message, UNIT_RELOAD_TIMEOUT, "read the unit files again", &reply, failure);
}

/* --- jobs ---------------------------------------------------------------------------------------------- */

static int name_call(UserManager *m, const char *member, const char *name, const char *mode,
                     sd_bus_message **ret_reply, Failure *failure) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
        char what[64];
        int r;

        r = manager_message(m, member, &message, failure);
        if (r != 0)
                return r;
        r = sd_bus_message_append(message, "s", name);
        if (r >= 0 && mode)
                r = sd_bus_message_append(message, "s", mode);
        if (r < 0)
                return failure_errno(failure, r, "Cannot make a message");
        (void) snprintf(what, sizeof(what), "do %s", member);
        return call(m, message, UNIT_QUERY_TIMEOUT, what, ret_reply, failure);
}

static int reset_failed(UserManager *m, const char *name, Failure *failure) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;

        return name_call(m, "ResetFailedUnit", name, NULL, &reply, failure);
}

/* Signals that arrive while the reply is waited for are queued and dispatched later, so none is missed. A
 * manager that can't be heard of any more is no reason to fail: its job goes on, and the unit tells the rest. */
static void follow(UserManager *m, uint64_t timeout, unit_tick_t tick, void *userdata) {
        uint64_t start = now_monotonic(), spent = 0;
        int r = 0;

        while (!m->result[0] && spent < timeout && (r >= 0 || r == -EINTR)) {
                r = sd_bus_process(m->bus, NULL);
                if (r == 0) {
                        r = sd_bus_wait(m->bus,
                                        timeout - spent < TICK_INTERVAL ? timeout - spent : TICK_INTERVAL);
                        if (tick)
                                tick(userdata);
                }
                spent = now_monotonic() - start;
        }
        if (!m->result[0])
                (void) strcpy(m->result, "running");
}

/* It has failed, or does so again and again: the starts that are counted against it would keep this one from
 * being tried. */
static int forget_failures(UserManager *m, const char *name, const Unit *unit, Failure *failure) {
        if (strcmp(unit->active_state, "failed") != 0 &&
            strncmp(unit->sub_state, "auto-restart", strlen("auto-restart")) != 0)
                return 0;
        return reset_failed(m, name, failure);
}

/* Asks, once: where the connection was lost before an answer came, the unit tells whether the question was
 * taken, and then *RET_REPLY stays NULL. So it does where no answer comes for now: what the manager is asked
 * next it answers after this. */
static int ask(UserManager *m, const char *member, const Unit *before, const char *name,
               sd_bus_message **ret_reply, Failure *failure) {
        Unit now;
        int r;

        r = name_call(m, member, name, "replace", ret_reply, failure);
        if (r != 0 && is_silent(failure))
                return 0;
        if (r == 0 || !failure->lost || user_get(&m->manager, name, &now, failure) != 0)
                return r;
        if (now.job != before->job || strcmp(now.invocation_id, before->invocation_id) != 0 ||
            strcmp(now.active_state, before->active_state) != 0)
                return 0;
        return name_call(m, member, name, "replace", ret_reply, failure);
}

static int user_act(UnitManager *manager, const char *name, UnitAction action, uint64_t timeout,
                    char *ret_result, unit_tick_t tick, void *userdata, Failure *failure) {
        static const char *const members[] = {
                [UNIT_RESTART] = "RestartUnit",
                [UNIT_START] = "StartUnit",
                [UNIT_STOP] = "StopUnit",
        };
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        UserManager *m = (UserManager *) manager;
        const char *path = "";
        Unit unit;
        int r;

        m->job[0] = m->result[0] = 0;
        r = user_get(manager, name, &unit, failure); /* and the connection is there */
        if (r == 0 && action != UNIT_STOP)
                r = forget_failures(m, name, &unit, failure);
        if (r == 0)
                r = ask(m, members[action], &unit, name, &reply, failure);
        if (r != 0)
                return r;
        if (reply && (r = sd_bus_message_read(reply, "o", &path)) < 0)
                return failure_errno(failure, r, "Cannot read an answer of the manager");
        (void) snprintf(m->job, sizeof(m->job), "%s", path);
        if (reply)
                follow(m, timeout, tick, userdata);
        (void) strcpy(ret_result, reply ? m->result : "running");
        return 0;
}

/* --- transient units ----------------------------------------------------------------------------------- */

static int append_command(sd_bus_message *message, char *const *command) {
        int r;

        r = sd_bus_message_open_container(message, 'r', "sv");
        if (r >= 0)
                r = sd_bus_message_append(message, "s", "ExecStart");
        if (r >= 0)
                r = sd_bus_message_open_container(message, 'v', "a(sasb)");
        if (r >= 0)
                r = sd_bus_message_open_container(message, 'a', "(sasb)");
        if (r >= 0)
                r = sd_bus_message_open_container(message, 'r', "sasb");
        if (r >= 0)
                r = sd_bus_message_append(message, "s", command[0]);
        if (r >= 0)
                r = sd_bus_message_append_strv(message, (char **) command);
        if (r >= 0)
                r = sd_bus_message_append(message, "b", false);
        for (int i = 0; i < 4 && r >= 0; i++)
                r = sd_bus_message_close_container(message);
        return r;
}

static int append_transient(sd_bus_message *message, const char *name, const char *description,
                            char *const *command) {
        int r;

        r = sd_bus_message_append(message, "ss", name, "fail");
        if (r >= 0)
                r = sd_bus_message_open_container(message, 'a', "(sv)");
        if (r >= 0)
                r = sd_bus_message_append(message, "(sv)(sv)(sv)(sv)(sv)", "Description", "s", description,
                                          "Type", "s", "notify", "Restart", "s", "on-failure", "RestartUSec",
                                          "t", UINT64_C(100000), "CollectMode", "s", "inactive-or-failed");
        if (r >= 0)
                r = append_command(message, command);
        if (r >= 0)
                r = sd_bus_message_close_container(message);
        if (r >= 0)
                r = sd_bus_message_append(message, "a(sa(sv))", 0);
        return r;
}

static int user_start_transient(UnitManager *manager, const char *name, const char *description,
                                char *const *command, Failure *failure) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL, *reply = NULL;
        UserManager *m = (UserManager *) manager;
        const char *path;
        int r;

        m->job[0] = m->result[0] = 0;
        r = manager_message(m, "StartTransientUnit", &message, failure);
        if (r != 0)
                return r;
        r = append_transient(message, name, description, command);
        if (r < 0)
                return failure_errno(failure, r, "Cannot make a message");
        r = call(m, message, UNIT_QUERY_TIMEOUT, "start a transient unit", &reply, failure);
        if (r != 0)
                return r;
        r = sd_bus_message_read(reply, "o", &path);
        if (r < 0)
                return failure_errno(failure, r, "Cannot read an answer of the manager");
        (void) snprintf(m->job, sizeof(m->job), "%s", path);
        follow(m, UNIT_QUERY_TIMEOUT, NULL, NULL);
        if (strcmp(m->result, "done") != 0)
                return failure_set(failure, STATUS_FAILED, "ManagerRefused",
                                   "The manager did not start %s (%s).", name, m->result);
        return 0;
}

/* --- the two ends -------------------------------------------------------------------------------------- */

static UnitManager *user_free(UnitManager *manager) {
        UserManager *m = (UserManager *) manager;

        (void) sd_bus_close_unref(m->bus);
        free(m);
        return NULL;
}

static const UnitManagerType user_type = {
        .get = user_get,
        .reload = user_reload,
        .act = user_act,
        .start_transient = user_start_transient,
        .is_stopping = user_is_stopping,
        .free = user_free,
};

int unit_manager_open_user(UnitManager **ret, Failure *failure) {
        _cleanup_(unit_manager_freep) UnitManager *manager = NULL;
        UserManager *m;
        int r;

        m = calloc(1, sizeof(*m));
        if (!m)
                return failure_errno(failure, ENOMEM, "Cannot reach your user manager");
        manager = &m->manager;
        manager->type = &user_type;
        r = connect_manager(m);
        if (r < 0)
                return is_gone(r) ? fail_gone(r, failure)
                                  : failure_errno(failure, r, "Cannot reach your user manager");
        *ret = TAKE_PTR(manager);
        return 0;
}
