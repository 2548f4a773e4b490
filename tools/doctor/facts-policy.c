/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/policy-file.h"
#include "tools/doctor/gather.h"

#define POLICY_FOLDER CGMOVE_CONF_DIR "/policy.d"

static void note_time(const char *path, DaemonFacts *daemon) {
        uint64_t changed;
        struct stat st;

        if (stat(path, &st) < 0)
                return;
        changed = (uint64_t) st.st_mtim.tv_sec * 1000000 + (uint64_t) st.st_mtim.tv_nsec / 1000;
        daemon->file_newer |= daemon->policy_loaded > 0 && changed > daemon->policy_loaded;
}

static void note_times(DaemonFacts *daemon) {
        _cleanup_closedir_ DIR *dir = opendir(POLICY_FOLDER);
        const struct dirent *entry;

        note_time(CGMOVE_CONF_DIR "/cgmove.conf", daemon);
        note_time(POLICY_FOLDER, daemon);
        while (dir && (entry = readdir(dir))) {
                char path[sizeof(POLICY_FOLDER) + sizeof(entry->d_name)];

                (void) snprintf(path, sizeof(path), POLICY_FOLDER "/%s", entry->d_name);
                if (entry->d_name[0] != '.')
                        note_time(path, daemon);
        }
}

void gather_policy_files(DaemonFacts *daemon) {
        _cleanup_(policy_freep) Policy *policy = NULL;
        PolicyProblem problem = { .text = NULL };
        Settings settings;
        int r;

        r = policy_files_load(CGMOVE_CONF_DIR, POLICY_TRUST_ROOT, &settings, &policy, &problem);
        if (r >= 0)
                daemon->policy_empty = policy->n_sections == 0 ? ANSWER_YES : ANSWER_NO;
        /* who may not read them cannot tell */
        if (r < 0 && r != -EACCES && problem.text)
                (void) snprintf(daemon->file_problem, sizeof(daemon->file_problem), "%s", problem.text);
        policy_problem_clear(&problem);
        note_times(daemon);
}
