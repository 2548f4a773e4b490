/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/check-call.h"

#include <string.h>

#include "tools/status.h"

static int append(sd_bus_message *message, const int *pidfds, size_t n_pidfds, bool tree,
                  const char *restart) {
        int r;

        r = sd_bus_message_open_container(message, 'a', "h");
        for (size_t i = 0; r >= 0 && i < n_pidfds; i++)
                r = sd_bus_message_append_basic(message, 'h', &pidfds[i]);
        if (r >= 0)
                r = sd_bus_message_close_container(message);
        if (r >= 0 && restart)
                return sd_bus_message_append(message, "a{sv}", 2, "tree", "b", (int) tree, "restart", "s",
                                             restart);
        return r < 0 ? r : sd_bus_message_append(message, "a{sv}", 1, "tree", "b", (int) tree);
}

int check_call(Client *client, const int *pidfds, size_t n_pidfds, bool tree, const char *restart,
               sd_bus_message **ret_answer, Failure *failure) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;
        Progress progress;
        int r;

        progress_begin(&progress, false, PROGRESS_DAEMON);
        r = client_message(client, 0, "Check", &message, failure);
        if (r != 0)
                return r;
        r = append(message, pidfds, n_pidfds, tree, restart);
        if (r < 0)
                return client_bad_message(r, failure);
        return client_call(client, message, CLIENT_TIMEOUT, &progress, ret_answer, failure);
}

int check_enter(sd_bus_message *answer) {
        return sd_bus_message_enter_container(answer, 'a', "a{sv}");
}

static int read_check_field(sd_bus_message *m, const char *key, Check *check) {
        const struct {
                const char *key;
                const char **to;
        } texts[] = {
                { "Command", &check->command }, { "Source", &check->source },
                { "Section", &check->section }, { "Error", &check->error },
                { "Message", &check->message },
        };

        if (strcmp(key, "Pid") == 0)
                return sd_bus_message_read(m, "v", "u", &check->pid);
        if (strcmp(key, "Allowed") == 0)
                return sd_bus_message_read(m, "v", "b", &check->allowed);
        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                if (strcmp(key, texts[i].key) == 0)
                        return sd_bus_message_read(m, "v", "s", texts[i].to);
        return sd_bus_message_skip(m, "v");
}

int check_next(sd_bus_message *answer, Check *ret) {
        const char *key;
        int r;

        *ret = (Check){ .command = "", .source = "", .section = "", .error = "", .message = "" };
        r = sd_bus_message_enter_container(answer, 'a', "{sv}");
        if (r <= 0)
                return r;
        while ((r = sd_bus_message_enter_container(answer, 'e', "sv")) > 0) {
                r = sd_bus_message_read_basic(answer, 's', &key);
                if (r >= 0)
                        r = read_check_field(answer, key, ret);
                if (r >= 0)
                        r = sd_bus_message_exit_container(answer);
                if (r < 0)
                        return r;
        }
        if (r >= 0)
                r = sd_bus_message_exit_container(answer);
        return r < 0 ? r : 1;
}

const char *check_code(const Check *check) {
        const char *dot = strrchr(check->error, '.');

        return dot ? dot + 1 : "";
}

int check_status(const Check *check) {
        if (check->allowed)
                return 0;
        return check->error[0] ? status_from_error(check->error) : STATUS_REFUSED;
}
