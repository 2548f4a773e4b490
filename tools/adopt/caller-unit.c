/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/proc.h"
#include "tools/adopt/caller-unit.h"

static bool is_service(const char *unit) {
        const char *suffix = strrchr(unit, '.');

        return suffix && strcmp(suffix, ".service") == 0;
}

int caller_unit_get(bool user, char ret[static UNIT_NAME_MAX + 1]) {
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int proc = -1;
        Source source;
        bool deleted;
        int r;

        proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (proc < 0)
                return -errno;
        r = proc_get_cgroup(proc, getpid(), &path, &deleted);
        if (r < 0)
                return r;
        source_from_cgroup_path(path, &source);
        if (source.kind != (user ? SOURCE_USER_UNIT : SOURCE_SYSTEM_UNIT) || source.control || deleted ||
            !is_service(source.unit) || (user && source.owner_uid != geteuid()))
                return -ENOENT;
        (void) snprintf(ret, UNIT_NAME_MAX + 1, "%s", source.unit);
        return 0;
}

/* Whether FOLDER, with BELOW behind it, has NAME; *ret_same if as a link to UNIT. */
static bool look(const char *folder, const char *below, const char *name, const char *unit, bool *ret_same) {
        char path[PATH_MAX], target[PATH_MAX];
        const char *base;
        ssize_t n;

        if (!folder || snprintf(path, sizeof(path), "%s%s/%s", folder, below, name) >= (int) sizeof(path))
                return false;
        n = readlink(path, target, sizeof(target) - 1);
        if (n < 0) {
                *ret_same = false;
                return errno == EINVAL; /* no link, so a file of its own */
        }
        target[n] = '\0';
        base = strrchr(target, '/');
        *ret_same = strcmp(base ? base + 1 : target, unit) == 0;
        return true;
}

static bool user_has_alias(const char *unit, const char *name) {
        const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
        bool same = false;

        (void) (look(config ?: home, config ? "/systemd/user" : "/.config/systemd/user", name, unit,
                     &same) ||
                look("/etc", "/systemd/user", name, unit, &same) ||
                look(getenv("XDG_RUNTIME_DIR"), "/systemd/user", name, unit, &same) ||
                look("/run", "/systemd/user", name, unit, &same) ||
                look(home, "/.local/share/systemd/user", name, unit, &same) ||
                look("/usr/local/lib", "/systemd/user", name, unit, &same) ||
                look("/usr/lib", "/systemd/user", name, unit, &same));
        return same;
}

static bool system_has_alias(const char *unit, const char *name) {
        bool same = false;

        (void) (look("/etc", "/systemd/system", name, unit, &same) ||
                look("/run", "/systemd/system", name, unit, &same) ||
                look("/usr/local/lib", "/systemd/system", name, unit, &same) ||
                look("/usr/lib", "/systemd/system", name, unit, &same) ||
                look("/lib", "/systemd/system", name, unit, &same));
        return same;
}

bool caller_unit_has_alias(bool user, const char *unit, const char *name) {
        return user ? user_has_alias(unit, name) : system_has_alias(unit, name);
}
