/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <inttypes.h>
#include <netinet/tcp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "lib/cleanup.h"
#include "tools/display.h"
#include "tools/net/port-holder.h"

const char *tcp_state_to_string(uint8_t state) {
        static const char *const names[] = {
                [TCP_ESTABLISHED] = "ESTABLISHED",
                [TCP_SYN_SENT] = "SYN_SENT",
                [TCP_SYN_RECV] = "SYN_RECV",
                [TCP_FIN_WAIT1] = "FIN_WAIT1",
                [TCP_FIN_WAIT2] = "FIN_WAIT2",
                [TCP_TIME_WAIT] = "TIME_WAIT",
                [TCP_CLOSE] = "BOUND",
                [TCP_CLOSE_WAIT] = "CLOSE_WAIT",
                [TCP_LAST_ACK] = "LAST_ACK",
                [TCP_LISTEN] = "LISTEN",
                [TCP_CLOSING] = "CLOSING",
        };

        return state < ELEMENTSOF(names) && names[state] ? names[state] : "an unknown state";
}

static bool is_connection(const PortHolder *holder) {
        return holder->socket.state != TCP_LISTEN && holder->socket.state != TCP_CLOSE;
}

static void user_text(uint32_t uid, char *text, size_t size) {
        const struct passwd *user = getpwuid(uid);
        _cleanup_free_ char *name = NULL;

        if (user)
                name = display_escape(user->pw_name, strlen(user->pw_name), false);
        if (name)
                (void) snprintf(text, size, "user %s", name);
        else
                (void) snprintf(text, size, "user %" PRIu32, uid);
}

/* " in PLACE", the most that is known of it; nothing for what is no unit, session or job. */
static void place_text(const PortHolder *holder, char *text, size_t size) {
        _cleanup_free_ char *place = NULL;
        const char *from = holder->source;

        if (!from[0] || strcmp(from, "other") == 0 || strcmp(from, "manager") == 0)
                from = holder->cgroup;
        if (from[0] && strcmp(from, "/") != 0)
                place = display_escape(from, strlen(from), false);
        (void) snprintf(text, size, "%s%s", place ? " in " : "", place ?: "");
}

void port_holder_text(const PortHolder *holder, char *text, size_t size) {
        _cleanup_free_ char *comm = NULL;
        char connection[64] = "", user[128], place[640], process[192] = "";

        if (is_connection(holder))
                (void) snprintf(connection, sizeof(connection), "a connection in %s",
                                tcp_state_to_string(holder->socket.state));
        if (holder->socket.inode == 0 && connection[0]) { /* whose it was is not known any more */
                (void) snprintf(text, size, "%s", connection);
                return;
        }

        user_text(holder->socket.uid, user, sizeof(user));
        place_text(holder, place, sizeof(place));
        if (holder->pid > 0) {
                comm = display_escape(holder->comm, strlen(holder->comm), false);
                (void) snprintf(process, sizeof(process), "PID %d (%s) of ", (int) holder->pid, comm ?: "?");
        }
        (void) snprintf(text, size, "%s%s%s%s%s", connection, connection[0] ? " of " : "", process, user,
                        place);
}
