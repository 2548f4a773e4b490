/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nss-pam/pam-session.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <security/pam_ext.h>
#include <security/pam_modutil.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "lib/cleanup.h"
#include "nss-pam/pam-message.h"
#include "nss-pam/pam-options.h"
#include "nss-pam/pam-runtime.h"

#define DATA_NAME "cgmove-session"

/* What is kept in the handle from the beginning of a session to its end. */
typedef struct Session {
        uint64_t id; /* the daemon's */
        uid_t uid;
        char service[CGMOVE_PAM_SERVICE_MAX + 1];
} Session;

static void session_cleanup(pam_handle_t *handle, void *data, int status) {
        free(data);
}

/* --- what is said -------------------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static void say_debug(pam_handle_t *handle, const PamOptions *options,
                                                            const char *format, ...) {
        va_list ap;

        if (!options->debug)
                return;
        va_start(ap, format);
        pam_vsyslog(handle, LOG_DEBUG, format, ap);
        va_end(ap);
}

static const char *error_text(int error) {
        switch (error) {
        case -ENOENT:
        case -ECONNREFUSED:
                return "there is no daemon";
        case -ECONNRESET:
                return "it has hung up";
        case -EPERM:
                return "its socket is not root's";
        case -EBADMSG:
                return "what it says is no answer";
        default:
                return NULL;
        }
}

/* The session goes on without; nobody is told but the administrator, and he not, if there is no daemon: then
 * he knows. */
static void say_failed(pam_handle_t *handle, const PamOptions *options, const char *what, int error) {
        bool is_absent = error == -ENOENT || error == -ECONNREFUSED;
        const char *text = error_text(error);

        if (options->quiet || (is_absent && !options->debug))
                return;
        errno = -error;
        if (error == -ETIMEDOUT)
                pam_syslog(handle, LOG_WARNING, "%s without cgmoved: it did not answer within %u ms", what,
                           options->timeout);
        else if (text)
                pam_syslog(handle, is_absent ? LOG_DEBUG : LOG_WARNING, "%s without cgmoved: %s", what,
                           text);
        else
                pam_syslog(handle, LOG_WARNING, "%s without cgmoved: %m", what);
}

/* --- the facts ----------------------------------------------------------------------------------------- */

static const char *get_text(pam_handle_t *handle, int item) {
        const void *text = NULL;

        if (pam_get_item(handle, item, &text) != PAM_SUCCESS)
                return NULL;
        return text;
}

/* Returns how many of the user's groups are at *RET, of at most PAM_MESSAGE_GIDS_MAX. The daemon would not
 * ask for them: it waits for no directory service, and a login has waited for this one anyway
 * (initgroups(3)). */
static size_t get_groups(const struct passwd *user, gid_t **ret) {
        int n = PAM_MESSAGE_GIDS_MAX;
        gid_t *gids = calloc(PAM_MESSAGE_GIDS_MAX, sizeof(gid_t));

        if (!gids)
                return 0;
        if (getgrouplist(user->pw_name, user->pw_gid, gids, &n) < 0)
                n = PAM_MESSAGE_GIDS_MAX; /* there are more, which are not passed on */
        *ret = gids;
        return n > 0 ? (size_t) n : 0;
}

/* --- a session begins ---------------------------------------------------------------------------------- */

/* Asks the daemon, which answers with a number, or 0: there is no policy for this user. */
static int ask_to_open(const PamPlace *place, const PamOptions *options, const struct passwd *user,
                       const char *service, uint64_t *ret_id, char reason[static PEER_ANSWER_MAX]) {
        uint8_t buffer[PEER_ANSWER_MAX];
        _cleanup_free_ uint8_t *message = malloc(PAM_MESSAGE_MAX);
        _cleanup_free_ gid_t *gids = NULL;
        PeerAnswer answer;
        size_t n_gids;
        int r;

        if (!message)
                return -ENOMEM;
        n_gids = get_groups(user, &gids);
        r = pam_call(&place->daemon, message, pam_message_open(message, user->pw_uid, service, gids, n_gids),
                     options->timeout, buffer, &answer);
        if (r < 0)
                return r;
        if (answer.error) {
                (void) snprintf(reason, PEER_ANSWER_MAX, "%s", answer.error);
                return 1;
        }
        return peer_get_number(&answer, ret_id);
}

static void put_variable(pam_handle_t *handle, const PamOptions *options, const char *name,
                         const char *value) {
        char text[2 * PAM_RUNTIME_PATH_MAX];

        if (!value[0] || pam_getenv(handle, name))
                return;
        (void) snprintf(text, sizeof(text), "%s=%s", name, value);
        if (pam_putenv(handle, text) == PAM_SUCCESS)
                say_debug(handle, options, "passed on: %s", text);
}

static void pass_runtime(pam_handle_t *handle, const PamOptions *options, const PamPlace *place, uid_t uid) {
        PamRuntime runtime;

        pam_runtime_find(place->runtime_root, uid, &runtime);
        put_variable(handle, options, "XDG_RUNTIME_DIR", runtime.directory);
        put_variable(handle, options, "DBUS_SESSION_BUS_ADDRESS", runtime.bus_address);
}

/* If this fails, the end of the session will not be reported. */
static void keep_session(pam_handle_t *handle, const Session *session) {
        Session *copy = malloc(sizeof(*copy));

        if (!copy)
                return;
        *copy = *session;
        if (pam_set_data(handle, DATA_NAME, copy, session_cleanup) != PAM_SUCCESS)
                free(copy);
}

static void session_opened(pam_handle_t *handle, const PamOptions *options, const PamPlace *place,
                           const Session *session) {
        say_debug(handle, options, "session %" PRIu64 " of user %u is known to cgmoved", session->id,
                  session->uid);
        pass_runtime(handle, options, place, session->uid);
        keep_session(handle, session);
}

static const Session *get_session(pam_handle_t *handle) {
        const void *data = NULL;

        return pam_get_data(handle, DATA_NAME, &data) == PAM_SUCCESS ? data : NULL;
}

static void try_open(pam_handle_t *handle, const PamPlace *place, const PamOptions *options) {
        const char *name = get_text(handle, PAM_USER), *service = get_text(handle, PAM_SERVICE);
        const struct passwd *user = name ? pam_modutil_getpwnam(handle, name) : NULL;
        char reason[PEER_ANSWER_MAX];
        Session session = {};
        int r;

        if (get_session(handle))
                return; /* the module is in this stack twice */
        if (!user) {
                say_debug(handle, options, "nobody is known by the name \"%s\"", name ? name : "");
                return;
        }

        session.uid = user->pw_uid;
        (void) snprintf(session.service, sizeof(session.service), "%s", service ? service : "");
        r = ask_to_open(place, options, user, session.service, &session.id, reason);
        if (r < 0)
                say_failed(handle, options, "the session begins", r);
        else if (r > 0)
                say_debug(handle, options, "cgmoved refuses: %s", reason);
        else if (session.id == 0)
                say_debug(handle, options, "no policy is for user %u", session.uid);
        else
                session_opened(handle, options, place, &session);
}

int pam_session_open(pam_handle_t *handle, const PamPlace *place, int argc, const char *const *argv) {
        PamOptions options;
        int saved = errno;

        pam_options_parse(argc, argv, &options);
        if (options.unknown && !options.quiet)
                pam_syslog(handle, LOG_WARNING, "there is no option \"%s\"; it is passed over",
                           options.unknown);
        try_open(handle, place, &options);
        errno = saved;
        return PAM_SUCCESS;
}

/* --- a session ends ------------------------------------------------------------------------------------ */

static void try_close(pam_handle_t *handle, const PamPlace *place, const PamOptions *options) {
        const Session *session = get_session(handle);
        uint8_t message[512], buffer[PEER_ANSWER_MAX];
        PeerAnswer answer;
        int r;

        if (!session)
                return; /* nothing was said at its beginning */

        r = pam_call(&place->daemon, message,
                     pam_message_close(message, session->id, session->uid, session->service),
                     options->timeout, buffer, &answer);
        if (r < 0)
                say_failed(handle, options, "the session ends", r);
        else if (answer.error)
                say_debug(handle, options, "cgmoved refuses: %s", answer.error);
        else
                say_debug(handle, options, "the end of session %" PRIu64 " is known to cgmoved",
                          session->id);
        /* frees it; the handle may open another one */
        (void) pam_set_data(handle, DATA_NAME, NULL, NULL);
}

int pam_session_close(pam_handle_t *handle, const PamPlace *place, int argc, const char *const *argv) {
        PamOptions options;
        int saved = errno;

        pam_options_parse(argc, argv, &options);
        try_close(handle, place, &options);
        errno = saved;
        return PAM_SUCCESS;
}
