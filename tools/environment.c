/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/environment.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/cleanup.h"
#include "lib/pattern.h"

#define RUNTIME_DIR "XDG_RUNTIME_DIR="
#define BUS_ADDRESS "DBUS_SESSION_BUS_ADDRESS="

static const char *const removed[] = {
        /* the service manager's word to this unit: sd_notify(3), sd_listen_fds(3), systemd.exec(5) */
        "NOTIFY_SOCKET",
        "INVOCATION_ID",
        "JOURNAL_STREAM",
        "SYSTEMD_EXEC_PID",
        "MAINPID",
        "MANAGERPID*",
        "LISTEN_*",
        "WATCHDOG_*",
        "FDSTORE",
        "SYSTEMD_ACTIVATION_*",
        "CREDENTIALS_DIRECTORY",
        "RUNTIME_DIRECTORY",
        "STATE_DIRECTORY",
        "CACHE_DIRECTORY",
        "LOGS_DIRECTORY",
        "CONFIGURATION_DIRECTORY",
        "MEMORY_PRESSURE_*",
        /* the session's: pam_systemd(8) */
        "XDG_SESSION_*",
        "XDG_SEAT",
        "XDG_VTNR",
};

static bool name_matches(const char *variable, const char *pattern) {
        char name[256];
        size_t length = strcspn(variable, "=");

        if (length >= sizeof(name)) /* longer than any pattern is meant for */
                return false;
        memcpy(name, variable, length);
        name[length] = 0;
        return pattern_match_any(pattern, name);
}

bool environment_is_removed(const char *variable, char *const *patterns) {
        for (size_t i = 0; i < ELEMENTSOF(removed); i++)
                if (name_matches(variable, removed[i]))
                        return true;
        for (; patterns && *patterns; patterns++)
                if (name_matches(variable, *patterns))
                        return true;
        return false;
}

void environment_paths_find(uid_t uid, EnvironmentPaths *ret) {
        struct stat st;
        char socket[80];

        *ret = (EnvironmentPaths) { .runtime_dir = "" };
        (void) snprintf(ret->runtime_dir, sizeof(ret->runtime_dir), "/run/user/%u", (unsigned) uid);
        if (lstat(ret->runtime_dir, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != uid) {
                ret->runtime_dir[0] = 0;
                return;
        }
        (void) snprintf(socket, sizeof(socket), "%s/bus", ret->runtime_dir);
        if (lstat(socket, &st) == 0 && S_ISSOCK(st.st_mode) && st.st_uid == uid)
                (void) snprintf(ret->bus, sizeof(ret->bus), "unix:path=%s", socket);
}

static bool has_variable(char *const *environment, const char *prefix) {
        for (; *environment; environment++)
                if (strncmp(*environment, prefix, strlen(prefix)) == 0)
                        return true;
        return false;
}

/* Puts PREFIX and VALUE at *TEXT and moves it on. */
static char *put_variable(char **text, const char *prefix, const char *value) {
        char *start = *text;

        *text += sprintf(start, "%s%s", prefix, value) + 1;
        return start;
}

int environment_escape(char *const *environment, char *const *patterns, const EnvironmentPaths *paths,
                       char ***ret) {
        size_t n = 0, size;
        char **list, *text;

        while (environment[n])
                n++;
        size = (n + 3) * sizeof(char *);
        list = malloc(size + sizeof(*paths) + sizeof(RUNTIME_DIR) + sizeof(BUS_ADDRESS));
        if (!list)
                return -ENOMEM;
        text = (char *) list + size; /* the new strings lie behind the array */
        n = 0;
        for (char *const *p = environment; *p; p++)
                if (!environment_is_removed(*p, patterns))
                        list[n++] = *p;
        list[n] = NULL;
        if (paths->runtime_dir[0] && !has_variable(list, RUNTIME_DIR))
                list[n++] = put_variable(&text, RUNTIME_DIR, paths->runtime_dir);
        list[n] = NULL;
        if (paths->bus[0] && !has_variable(list, BUS_ADDRESS))
                list[n++] = put_variable(&text, BUS_ADDRESS, paths->bus);
        list[n] = NULL;
        *ret = list;
        return 0;
}
