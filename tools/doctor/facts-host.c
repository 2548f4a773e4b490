/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "lib/pidfd.h"
#include "tools/doctor/ask.h"
#include "tools/doctor/gather.h"
#include "tools/doctor/parse.h"

/* --- small files ------------------------------------------------------------------------------------- */

static void read_line(const char *path, char *line, size_t size) {
        _cleanup_fclose_ FILE *f = fopen(path, "re");

        if (!f || !fgets(line, (int) size, f))
                line[0] = 0;
        line[strcspn(line, "\n")] = 0;
}

/* --- cgroup tree -------------------------------------------------------------------------------------- */

static void find_mounts(HostFacts *host) {
        _cleanup_fclose_ FILE *f = fopen("/proc/self/mountinfo", "re");
        _cleanup_free_ char *line = NULL;
        size_t size = 0;

        while (f && getline(&line, &size, f) > 0)
                mount_line_parse(line, host);
}

/* The root of a tree has none of them: in the caller's own group, or in one that every systemd has. */
static Answer has_attribute(const HostFacts *host, const CallerFacts *caller, const char *name) {
        const char *groups[] = { caller->cgroup, "/init.scope" };
        char path[1280];

        for (size_t i = 0; i < ELEMENTSOF(groups) && host->cgroup_mount[0]; i++) {
                if (!groups[i][0] || !groups[i][1])
                        continue;
                (void) snprintf(path, sizeof(path), "%s%s/%s", host->cgroup_mount, groups[i], name);
                if (access(path, F_OK) == 0)
                        return ANSWER_YES;
                (void) snprintf(path, sizeof(path), "%s%s/cgroup.procs", host->cgroup_mount, groups[i]);
                if (access(path, F_OK) == 0)
                        return ANSWER_NO;
        }
        return ANSWER_UNKNOWN;
}

static void find_controllers(HostFacts *host, uid_t uid) {
        char places[3][128], path[1024];

        (void) snprintf(places[0], sizeof(places[0]),
                        "/user.slice/user-cgmove.slice/user-cgmove-%u.slice/cgmove@%u.service",
                        (unsigned) uid, (unsigned) uid);
        /* systemd enables what a unit asks for as far down as that unit; what the root has can get there */
        strcpy(places[1], "");
        strcpy(places[2], "/user.slice");
        for (size_t i = 0; i < ELEMENTSOF(places) && host->controllers_known == ANSWER_UNKNOWN; i++) {
                (void) snprintf(path, sizeof(path), "%s%s/cgroup.controllers", host->cgroup_mount,
                                places[i]);
                if (!host->cgroup_mount[0] || access(path, R_OK) < 0)
                        continue;
                read_line(path, host->controllers, sizeof(host->controllers));
                host->controllers_known = ANSWER_YES;
        }
}

/* --- systemd ------------------------------------------------------------------------------------------ */

static void ask_version(sd_bus *bus, HostFacts *host) {
        static const AskField fields[] = {
                { "Version", "s", ask_read_string, 0, sizeof(host->systemd_version) },
        };

        (void) ask_properties(bus, SYSTEMD_NAME, SYSTEMD_PATH, SYSTEMD_MANAGER, fields, ELEMENTSOF(fields),
                              host->systemd_version);
}

static void ask_logind(sd_bus *bus, HostFacts *host) {
        static const AskField fields[] = { { "RemoveIPC", "b", ask_read_bool, 0, sizeof(bool) } };
        static const char path[] = "/org/freedesktop/login1";
        bool remove = false;

        if (ask_properties(bus, "org.freedesktop.login1", path, "org.freedesktop.login1.Manager", fields,
                           ELEMENTSOF(fields), &remove) >= 0)
                host->remove_ipc = remove ? ANSWER_YES : ANSWER_NO;
}

static void ask_systemd(const CallerFacts *caller, HostFacts *host) {
        _cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL, *user = NULL;

        if (ask_open_system_bus(&bus) >= 0) {
                ask_version(bus, host);
                if (host->systemd_version[0])
                        ask_logind(bus, host);
        }
        if (!host->systemd_version[0] && ask_open_user_manager(caller->uid, &user) >= 0)
                ask_version(user, host);
}

/* --- all ---------------------------------------------------------------------------------------------- */

static bool has_pidfd(void) {
        _cleanup_close_ int fd = pidfd_open_process(getpid());

        return fd >= 0;
}

void gather_host(const CallerFacts *caller, HostFacts *ret) {
        struct utsname name;

        *ret = (HostFacts){ .pidfd = has_pidfd() };
        if (uname(&name) == 0) {
                (void) snprintf(ret->kernel, sizeof(ret->kernel), "%s", name.release);
                (void) sscanf(name.release, "%u.%u", &ret->kernel_major, &ret->kernel_minor);
        }
        find_mounts(ret);
        ret->cgroup_kill = has_attribute(ret, caller, "cgroup.kill");
        ret->freezer = has_attribute(ret, caller, "cgroup.freeze");
        find_controllers(ret, caller->uid);
        ret->systemd = access("/run/systemd/system", F_OK) == 0;
        if (ret->systemd)
                ask_systemd(caller, ret);
        read_line("/run/systemd/container", ret->container, sizeof(ret->container));
        ret->installed = access(CGMOVE_LIBEXEC_DIR "/cgmove-supervise", X_OK) == 0;
}
