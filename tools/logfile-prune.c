/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/cleanup.h"
#include "tools/job.h"
#include "tools/logfile.h"
#include "tools/output.h"

#define FILES_MAX 100000 /* that are looked at */

typedef struct LogFile {
        uint64_t id;
        unsigned n; /* as in logfile_name() */
        uint64_t size;
        uint64_t ended; /* microseconds; UINT64_MAX: the job runs */
} LogFile;

typedef struct Folder {
        int fd; /* not owned */
        LogFile *files;
        size_t n;
        uint64_t size;
        uint64_t oldest;
} Folder;

/* Exactly the names that logfile_name() makes. */
static int parse_name(const char *name, uint64_t *ret_id, unsigned *ret_n) {
        char again[LOGFILE_NAME_MAX], *end;
        unsigned long n = 1;
        uint64_t id;

        if (strncmp(name, "job-", 4) != 0)
                return -EINVAL;
        id = strtoull(name + 4, &end, 10);
        if (*end == '-')
                n = strtoul(end + 1, NULL, 10);
        if (id == 0 || n == 0 || n > LOGFILE_SAME_MAX)
                return -EINVAL;
        logfile_name(id, (unsigned) n, again);
        if (strcmp(again, name) != 0)
                return -EINVAL;
        *ret_id = id;
        *ret_n = (unsigned) n;
        return 0;
}

static int add_file(Folder *folder, uint64_t id, unsigned n, const char *name) {
        struct stat st;
        LogFile *files;

        if (fstatat(folder->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
                return 0;
        if (folder->n % 256 == 0) {
                files = reallocarray(folder->files, folder->n + 256, sizeof(LogFile));
                if (!files)
                        return -ENOMEM;
                folder->files = files;
        }
        folder->files[folder->n] = (LogFile){
                .id = id,
                .n = n,
                .size = (uint64_t) st.st_size,
                .ended = (uint64_t) st.st_mtim.tv_sec * 1000000, /* until we know better */
        };
        folder->size += (uint64_t) st.st_size;
        if (folder->files[folder->n].ended < folder->oldest)
                folder->oldest = folder->files[folder->n].ended;
        folder->n++;
        return 0;
}

static int read_folder(DIR *dir, Folder *folder) {
        const struct dirent *entry;
        uint64_t id;
        unsigned n;

        while ((entry = readdir(dir)) && folder->n < FILES_MAX)
                if (parse_name(entry->d_name, &id, &n) == 0 && add_file(folder, id, n, entry->d_name) < 0)
                        return -ENOMEM;
        return 0;
}

static int compare_jobs(const void *a, const void *b) {
        uint64_t x = ((const Job *) a)->id, y = ((const Job *) b)->id;

        return x < y ? -1 : x > y;
}

static int compare_ends(const void *a, const void *b) {
        uint64_t x = ((const LogFile *) a)->ended, y = ((const LogFile *) b)->ended;

        return x < y ? -1 : x > y;
}

/* A job that writes nothing for a week has an old log and runs all the same. The list is in the order of
 * numbers. */
static void apply_jobs(Folder *folder, const JobList *list) {
        for (size_t i = 0; i < folder->n && list->n > 0; i++) {
                LogFile *file = &folder->files[i];
                const Job key = { .id = file->id };
                const Job *job = bsearch(&key, list->jobs, list->n, sizeof(Job), compare_jobs);

                if (job)
                        file->ended = job_is_running(job) ? UINT64_MAX : job->ended;
        }
}

static void remove_old(Folder *folder, uint64_t now) {
        char name[LOGFILE_NAME_MAX];

        qsort(folder->files, folder->n, sizeof(LogFile), compare_ends);
        for (size_t i = 0; i < folder->n; i++) {
                const LogFile *file = &folder->files[i];
                bool old = file->ended < now && now - file->ended > LOGFILE_AGE_MAX;

                if (file->ended == UINT64_MAX || (!old && folder->size <= LOGFILE_FOLDER_MAX))
                        return;
                logfile_name(file->id, file->n, name);
                if (unlinkat(folder->fd, name, 0) == 0)
                        folder->size -= file->size;
        }
}

void logfile_prune(const char *directory, Client **client) {
        _cleanup_closedir_ DIR *dir = NULL;
        _cleanup_(job_list_done) JobList list = { .n = 0 };
        uint64_t now = now_realtime();
        Folder folder = { .oldest = UINT64_MAX };
        Failure failure;

        dir = opendir(directory);
        if (!dir)
                return;
        folder.fd = dirfd(dir);
        if (read_folder(dir, &folder) == 0 && folder.n > 0 &&
            (folder.size > LOGFILE_FOLDER_MAX ||
             (folder.oldest < now && now - folder.oldest > LOGFILE_AGE_MAX)) &&
            job_list_get(client, true, &list, &failure) == 0) {
                apply_jobs(&folder, &list);
                remove_old(&folder, now);
        }
        free(folder.files);
}
