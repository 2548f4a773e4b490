/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* OpenSession() and CloseSession() of org.cgmove1.Manager: what pam_cgmove reports, from inside of programs
 * that are root for it. It brings nobody any right: the pool of a user whom the policy names is started
 * before he needs it, and the log says so. For this the module's word on the user's groups is good enough,
 * who asks no directory service in vain, while we never ask one; a move goes by the kernel's word as
 * ever. */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "daemon/daemon.h"
#include "daemon/log.h"
#include "daemon/request.h"
#include "lib/protocol.h"
#include "lib/values.h"

static int refuse(const Caller *caller, sd_bus_error *ret_error) {
        LogFields fields = { .caller_pid = caller->pid, .error = CGMOVE_ERROR_DENIED };

        log_event(LOG_KIND_REFUSED, caller->uid, &fields,
                  "A request of user %" PRIu32
                  " was refused: Only root, as which PAM runs, may report sessions.",
                  caller->uid);
        return sd_bus_error_set(ret_error, CGMOVE_ERROR_DENIED,
                                "Only root, as which PAM runs, may report sessions.");
}

static int check_user_and_service(uint32_t uid, const char *service, sd_bus_error *ret_error) {
        if (uid == UID_NONE || strlen(service) > CGMOVE_PAM_SERVICE_MAX ||
            service[strspn(service, CGMOVE_PAM_SERVICE_CHARACTERS)] != '\0')
                return sd_bus_error_setf(ret_error, CGMOVE_ERROR_INVALID,
                                         "A session has a user, and a PAM service whose name has at most %d "
                                         "of the characters " CGMOVE_PAM_SERVICE_CHARACTERS ".",
                                         CGMOVE_PAM_SERVICE_MAX);
        return 0;
}

/* The array stays the message's. FACTS: NULL where the method has no options. */
static int read_options(sd_bus_message *message, const char *method, PolicyFacts *facts,
                        sd_bus_error *ret_error) {
        const char *key;
        size_t size;
        int r;

        r = sd_bus_message_enter_container(message, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
                r = sd_bus_message_read_basic(message, 's', &key);
                if (r >= 0 && (!facts || strcmp(key, "gids") != 0))
                        return sd_bus_error_setf(ret_error, CGMOVE_ERROR_INVALID, "%s has no option \"%s\".",
                                                 method, key);
                if (r >= 0)
                        r = sd_bus_message_enter_container(message, 'v', "au");
                if (r == -ENXIO)
                        return sd_bus_error_setf(ret_error, CGMOVE_ERROR_INVALID,
                                                 "The option \"gids\" of %s is an array of numbers (au).",
                                                 method);
                if (r >= 0)
                        r = sd_bus_message_read_array(message, 'u', (const void **) &facts->gids, &size);
                if (r >= 0) {
                        facts->n_gids = size / sizeof(gid_t);
                        r = sd_bus_message_exit_container(message);
                }
                if (r >= 0)
                        r = sd_bus_message_exit_container(message);
        }
        return r < 0 ? r : 0;
}

static const char *prepare_pool(Daemon *daemon, uid_t uid) {
        int r = pool_set_prepare(daemon->pools, uid);

        if (r >= 0)
                return "is being prepared";
        return r == -EUSERS ? "waits for a first job, as this host has many" : "cannot be prepared";
}

static int open_session(Daemon *daemon, uid_t uid, pid_t reporter, const char *service, uint64_t *ret_id) {
        LogFields fields = { .caller_pid = reporter, .service = service };
        const char *pool;
        uint64_t now;
        int r;

        r = sd_event_now(daemon->event, CLOCK_BOOTTIME, &now);
        if (r >= 0)
                r = pam_sessions_add(daemon->pam_sessions, uid, service, now, ret_id);
        if (r < 0)
                return r;

        pool = prepare_pool(daemon, uid);
        log_event(LOG_KIND_SESSION_OPENED, uid, &fields,
                  "A session of user %" PRIu32 " begins by PAM service \"%s\"; the pool %s", uid, service,
                  pool);
        return 0;
}

int request_open_session(sd_bus_message *message, Connection *connection, sd_bus_error *ret_error) {
        Daemon *daemon = connection->daemon;
        PolicyFacts facts = {};
        uint64_t session = 0;
        const char *service;
        uint32_t uid;
        int r;

        if (connection->caller.uid != 0)
                return refuse(&connection->caller, ret_error);

        r = sd_bus_message_read(message, "us", &uid, &service);
        if (r >= 0)
                r = check_user_and_service(uid, service, ret_error);
        if (r >= 0)
                r = read_options(message, "OpenSession", &facts, ret_error);
        if (r < 0)
                return r;

        facts.uid = uid;
        if (policy_lets_user(daemon->policy, uid, facts.gids, facts.n_gids))
                r = open_session(daemon, uid, connection->caller.pid, service, &session);
        return r < 0 ? r : sd_bus_reply_method_return(message, "t", session);
}

/* Root may report the end of a session that is not known (any more): an earlier daemon may have known it. A
 * user may report the end of one of his that is, and whatever else is no news: systemd's (sd-pam), which
 * closes the sessions of PAMName=, has become the user. */
static void close_session(Daemon *daemon, const Caller *caller, uint64_t id, uid_t uid, const char *service,
                          uint64_t now) {
        LogFields fields = { .caller_pid = caller->pid, .service = service };
        PamSession session;

        if (pam_sessions_take(daemon->pam_sessions, id, uid, &session)) {
                fields.service = session.service;
                log_event(LOG_KIND_SESSION_CLOSED, uid, &fields,
                          "A session of user %" PRIu32 " by PAM service \"%s\" ends, after %" PRIu64 " s",
                          uid, session.service, (now - session.opened) / USEC_PER_SEC);
        } else if (caller->uid == 0)
                log_event(LOG_KIND_SESSION_CLOSED, uid, &fields,
                          "A session of user %" PRIu32 " by PAM service \"%s\" ends", uid, service);
}

int request_close_session(sd_bus_message *message, Connection *connection, sd_bus_error *ret_error) {
        const Caller *caller = &connection->caller;
        Daemon *daemon = connection->daemon;
        const char *service;
        uint64_t id, now;
        uint32_t uid;
        int r;

        r = sd_bus_message_read(message, "tus", &id, &uid, &service);
        if (r >= 0 && caller->uid != 0 && caller->uid != uid)
                return refuse(caller, ret_error);
        if (r >= 0)
                r = check_user_and_service(uid, service, ret_error);
        if (r >= 0)
                r = read_options(message, "CloseSession", NULL, ret_error);
        if (r >= 0)
                r = sd_event_now(daemon->event, CLOCK_BOOTTIME, &now);
        if (r < 0)
                return r;

        close_session(daemon, caller, id, uid, service, now);
        logout_look(daemon->logout);
        return sd_bus_reply_method_return(message, NULL);
}
