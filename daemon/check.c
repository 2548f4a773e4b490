/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Check() of org.cgmove1.Manager: what Move() would say of each process, without touching anything: nothing
 * is frozen, no pool is started, and no limit is counted. */

#include <errno.h>
#include <string.h>

#include "daemon/daemon.h"
#include "daemon/main-process.h"
#include "daemon/request.h"
#include "daemon/restart-decision.h"
#include "lib/pidfd.h"
#include "lib/proc.h"
#include "lib/protocol.h"

typedef struct Check {
        Pending pending;
        Targets targets;
        MoveOptions options;
        MainProcessQuery *query;
} Check;

static void check_free(Check *check) {
        main_process_query_free(check->query);
        targets_done(&check->targets);
        move_options_done(&check->options);
        pending_end(&check->pending);
        free(check);
}

static void check_abandon(Pending *pending) {
        check_free((Check *) pending);
}

static void check_fail(Check *check, int r, sd_bus_error *error) {
        if (r == -E2BIG && !sd_bus_error_is_set(error))
                (void) sd_bus_error_setf(error, CGMOVE_ERROR_LIMIT_REACHED, "The tree has more than %d processes.",
                                         CGMOVE_TREE_MAX);
        else if (!sd_bus_error_is_set(error))
                (void) sd_bus_error_setf(error, CGMOVE_ERROR_FAILED, "The processes could not be checked: %s.", strerror(-r));
        pending_answered(&check->pending, sd_bus_reply_method_error(check->pending.call, error));
        check_free(check);
}

static int decide_check(const Check *check, const Target *target, Decision *ret) {
        const Connection *connection = check->pending.connection;
        _cleanup_(decision_done) Decision decision = {}, restart = {};
        const char *unit = check->options.restart;
        Source service;
        int r;

        r = decide(connection->daemon->policy, &connection->caller, target, &decision);
        if (r >= 0 && unit && !decision.error) {
                r = service_from_string(unit, target->status.uid[0], &service);
                if (r >= 0)
                        r = decide_restart(&connection->caller, target, decision.section, &service, &restart);
        }
        if (r < 0)
                return r;

        *ret = restart.error ? restart : decision;
        if (restart.error)
                restart = (Decision) {};
        else
                decision = (Decision) {};
        return 0;
}

static int append_target(sd_bus_message *reply, const Check *check, const Target *target) {
        const Connection *connection = check->pending.connection;
        _cleanup_(decision_done) Decision decision = {};
        _cleanup_free_ char *command = NULL, *source = NULL;
        const Daemon *daemon = connection->daemon;
        int r;

        r = decide_check(check, target, &decision);
        if (r >= 0 && !decision.error && target->passed_over)
                return -EAGAIN;
        if (r >= 0)
                r = source_to_string(&target->source, &source);
        if (r < 0)
                return r;
        if (connection->caller.uid == 0 || proc_status_is_of(&target->status, connection->caller.uid))
                (void) target_get_name(&daemon->kernel, target, &command);
        if (!pidfd_is_alive(target->pidfd)) { /* then it may have been another's */
                free(command);
                command = NULL;
        }

        return sd_bus_message_append(reply, "a{sv}", 7, "Pid", "u", (uint32_t) target->pid, "Command", "s",
                                     command ? command : "", "Source", "s", source, "Section", "s",
                                     decision.section ? decision.section->name : "", "Allowed", "b",
                                     decision.error == NULL, "Error", "s", decision.error ? decision.error : "",
                                     "Message", "s", decision.message ? decision.message : "");
}

/* Returns -EAGAIN if one is no longer refused whose manager was not asked for that reason. */
static int reply_targets(const Check *check) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_message_new_method_return(check->pending.call, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "a{sv}");
        for (size_t i = 0; i < check->targets.n && r >= 0; i++)
                r = append_target(reply, check, &check->targets.items[i]);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

/* What is refused anyway, by the policy or for whose it is, cannot make us ask any manager. */
static int pass_over_refused(Check *check) {
        for (size_t i = 0; i < check->targets.n; i++) {
                _cleanup_(decision_done) Decision decision = {};
                Target *target = &check->targets.items[i];
                int r;

                r = decide_check(check, target, &decision);
                if (r < 0)
                        return r;
                target->passed_over = decision.error != NULL;
        }
        return 0;
}

static void on_main_processes(int error, const char *message, void *userdata);

static int ask_managers(Check *check) {
        Daemon *daemon = check->pending.connection->daemon;
        int r;

        check->query = main_process_query_free(check->query);
        r = pass_over_refused(check);
        return r < 0 ? r : main_process_query_new(daemon, &check->targets, on_main_processes, check, &check->query);
}

static void on_main_processes(int error, const char *message, void *userdata) {
        _cleanup_(sd_bus_error_free) sd_bus_error bus_error = SD_BUS_ERROR_NULL;
        Check *check = userdata;
        Connection *connection = check->pending.connection;
        uint64_t began = connection_begin_charge();
        int r;

        r = error < 0 ? main_process_refusal(error, message, &bus_error) : reply_targets(check);
        connection_charge(connection, began);
        if (r == -EAGAIN) { /* the policy changed while managers were asked */
                r = ask_managers(check);
                if (r >= 0)
                        return;
        }
        if (r < 0)
                check_fail(check, r, &bus_error);
        else
                check_free(check);
}

/* Whose they are cannot make us look through the system. */
static bool has_others(const Caller *caller, const Targets *targets) {
        for (size_t i = 0; i < targets->n && caller->uid != 0; i++)
                if (!proc_status_is_of(&targets->items[i].status, caller->uid))
                        return true;
        return false;
}

static int read_arguments(sd_bus_message *message, Connection *connection, Check *check, sd_bus_error *ret_error) {
        const Kernel *kernel = &connection->daemon->kernel;
        MoveOptions *options = &check->options;
        int r;

        r = request_read_processes(message, kernel, &check->targets, ret_error);
        if (r >= 0)
                r = move_options_read(message, options, ret_error);
        if (r >= 0)
                r = request_add_caller(connection, options, &check->targets, ret_error);
        if (r >= 0 && options->tree && !has_others(&connection->caller, &check->targets))
                r = targets_add_descendants(kernel, &check->targets);
        if (r >= 0)
                r = pending_hold(&check->pending, check->targets.n, ret_error);
        return r;
}

int request_check(sd_bus_message *message, Connection *connection, sd_bus_error *ret_error) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        Check *check;
        int r;

        check = calloc(1, sizeof(*check));
        if (!check)
                return -ENOMEM;
        check->targets.max = CGMOVE_TREE_MAX;

        r = pending_begin(&check->pending, connection, message, check_abandon, ret_error);
        if (r < 0) {
                free(check);
                return r;
        }

        r = read_arguments(message, connection, check, &error);
        if (r >= 0)
                r = ask_managers(check);
        if (r < 0)
                check_fail(check, r, &error);
        return 1;
}
