/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/proc.h"
#include "tools/doctor/gather.h"
#include "tools/environment.h"
#include "tools/logfile.h"

#define LINGER_FOLDER "/var/lib/systemd/linger"

static void find_name(CallerFacts *caller) {
        const struct passwd *user = getpwuid(caller->uid);

        if (user && strlen(user->pw_name) < sizeof(caller->name))
                strcpy(caller->name, user->pw_name);
        else
                (void) snprintf(caller->name, sizeof(caller->name), "%u", (unsigned) caller->uid);
}

static void find_place(CallerFacts *caller) {
        _cleanup_free_ char *path = NULL, *word = NULL;
        _cleanup_close_ int proc = -1;
        bool deleted;

        proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (proc < 0 || proc_get_cgroup(proc, getpid(), &path, &deleted) < 0)
                return;
        (void) snprintf(caller->cgroup, sizeof(caller->cgroup), "%s", path);
        source_from_cgroup_path(path, &caller->source);
        if (source_to_string(&caller->source, &word) >= 0)
                (void) snprintf(caller->place, sizeof(caller->place), "%s", word);
}

static Answer find_lingering(const char *name) {
        char file[256];
        int n;

        n = snprintf(file, sizeof(file), LINGER_FOLDER "/%s", name);
        if (n < 0 || n >= (int) sizeof(file))
                return ANSWER_UNKNOWN;
        if (access(file, F_OK) == 0)
                return ANSWER_YES;
        return errno == ENOENT ? ANSWER_NO : ANSWER_UNKNOWN;
}

/* As logfile_directory(), but nothing is made: the deepest part of the path that exists must be writable. */
static void find_log_folder(CallerFacts *caller) {
        char path[sizeof(caller->log_folder)];
        char *slash;

        if (logfile_folder(path, sizeof(path)) < 0)
                return;
        strcpy(caller->log_folder, path);
        while (access(path, F_OK) < 0 && errno == ENOENT && (slash = strrchr(path, '/')) && slash > path)
                *slash = 0;
        if (access(path, W_OK | X_OK) < 0)
                caller->log_error = errno;
}

void gather_caller(CallerFacts *ret) {
        EnvironmentPaths paths;
        const char *variable = getenv("XDG_RUNTIME_DIR");

        *ret = (CallerFacts){ .uid = geteuid(), .n_jobs = UINT64_MAX };
        find_name(ret);
        find_place(ret);
        find_log_folder(ret);
        ret->lingers = find_lingering(ret->name);
        environment_paths_find(ret->uid, &paths);
        ret->runtime_directory = paths.runtime_dir[0];
        ret->bus = paths.bus[0];
        ret->runtime_variable = variable && variable[0];
}
