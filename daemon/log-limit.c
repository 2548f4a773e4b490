/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/log-limit.h"

#include <stdbool.h>

#include "lib/cleanup.h"

static bool window_is_over(const LogWindow *window, uint64_t now) {
        return window->n == 0 || now - window->since >= LOG_LIMIT_WINDOW;
}

/* The user's window, else one that nobody needs any more, else the shared one. */
static LogWindow *find_window(LogLimit *limit, uid_t uid, uint64_t now) {
        LogWindow *shared = &limit->windows[LOG_LIMIT_USERS], *unused = NULL;

        for (LogWindow *window = limit->windows; window < shared; window++) {
                if (window->n > 0 && window->uid == uid)
                        return window;
                if (!unused && window_is_over(window, now))
                        unused = window;
        }
        return unused ?: shared;
}

LogVerdict log_limit_judge(LogLimit *limit, uid_t uid, uint64_t now, uint64_t *ret_hidden,
                           uid_t *ret_hidden_uid) {
        LogWindow *window = find_window(limit, uid, now);

        *ret_hidden = 0;
        *ret_hidden_uid = window->uid;
        if (window_is_over(window, now)) {
                *ret_hidden = window->n_hidden;
                *window = (LogWindow){ .since = now };
        }
        window->uid = window == &limit->windows[LOG_LIMIT_USERS] ? UID_NONE : uid;

        if (window->n < LOG_LIMIT_LINES) {
                window->n++;
                return LOG_VERDICT_LOG;
        }
        return window->n_hidden++ == 0 ? LOG_VERDICT_MUTE : LOG_VERDICT_HIDE;
}
