/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/cleanup.h"
#include "tools/arguments.h"
#include "tools/job.h"
#include "tools/logfile.h"
#include "tools/output.h"

#define FILES_MAX 100000 /* that are looked at */

typedef struct LogFile {
        uint64_t id;
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

/* "job-17.log" */
static int parse_name(const char *name, uint64_t *ret) {
        char number[24];
        size_t n = strlen(name);

        if (n < 9 || n - 8 >= sizeof(number) || strncmp(name, "job-", 4) != 0 ||
            strcmp(name + n - 4, ".log") != 0)
                return -EINVAL;
        memcpy(number, name + 4, n - 8);
        number[n - 8] = 0;
        return argument_job_id(number, ret);
}

static int add_file(Folder *folder, uint64_t id, const char *name) {
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

        while ((entry = readdir(dir)) && folder->n < FILES_MAX)
                if (parse_name(entry->d_name, &id) == 0 && add_file(folder, id, entry->d_name) < 0)
                        return -ENOMEM;
        return 0;
}

static int compare_ids(const void *a, const void *b) {
        uint64_t x = ((const LogFile *) a)->id, y = ((const LogFile *) b)->id;

        return x < y ? -1 : x > y;
}

static int compare_ends(const void *a, const void *b) {
        uint64_t x = ((const LogFile *) a)->ended, y = ((const LogFile *) b)->ended;

        return x < y ? -1 : x > y;
}

/* A job that writes nothing for a week has an old log and runs all the same. */
static void apply_jobs(Folder *folder, const JobList *list) {
        qsort(folder->files, folder->n, sizeof(LogFile), compare_ids);
        for (size_t i = 0; i < list->n; i++) {
                LogFile key = { .id = list->jobs[i].id };
                LogFile *file = bsearch(&key, folder->files, folder->n, sizeof(LogFile), compare_ids);

                if (file)
                        file->ended = job_is_running(&list->jobs[i]) ? UINT64_MAX : list->jobs[i].ended;
        }
}

static void remove_old(Folder *folder, uint64_t now) {
        char name[40];

        qsort(folder->files, folder->n, sizeof(LogFile), compare_ends);
        for (size_t i = 0; i < folder->n; i++) {
                const LogFile *file = &folder->files[i];
                bool old = file->ended < now && now - file->ended > LOGFILE_AGE_MAX;

                if (file->ended == UINT64_MAX || (!old && folder->size <= LOGFILE_FOLDER_MAX))
                        return;
                (void) snprintf(name, sizeof(name), "job-%" PRIu64 ".log", file->id);
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
