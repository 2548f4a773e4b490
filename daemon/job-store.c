/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/job-store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "daemon/job-ids.h"
#include "daemon/job-index.h"
#include "daemon/job-store-file.h"
#include "daemon/uptime.h"
#include "lib/values.h"

#define INDEXES_MAX 64 /* users whose index is kept in memory; more are read again when needed */
#define AGE_MIN (UINT64_C(24) * 3600 * USEC_PER_SEC)
#define SET_BACK (60 * USEC_PER_SEC) /* longer ago than the end of a job whose result comes next */

/* So that no folder is read at every put, the ids and times of a user's results are kept in memory (16 bytes
 * each), read from his folder when they are first needed. We alone write there; a file that an administrator
 * removes by hand is found missing when its turn comes. */
typedef struct StoreUser {
        uid_t uid;
        uint64_t last_used; /* by store->clock */
        JobIndex index;
} StoreUser;

struct JobStore {
        int dir_fd;
        JobIds ids;
        uint64_t clock;
        StoreUser *users[INDEXES_MAX];
};

int job_store_new(int dir_fd, JobStore **ret) {
        JobStore *store;

        store = calloc(1, sizeof(*store));
        if (!store)
                return -ENOMEM;
        store->dir_fd = dir_fd;
        job_ids_init(&store->ids, dir_fd);
        *ret = store;
        return 0;
}

static StoreUser *store_user_free(StoreUser *user) {
        if (!user)
                return NULL;
        job_index_done(&user->index);
        free(user);
        return NULL;
}

DEFINE_CLEANUP(StoreUser, store_user_free)

JobStore *job_store_free(JobStore *store) {
        if (!store)
                return NULL;
        job_ids_done(&store->ids);
        for (size_t i = 0; i < INDEXES_MAX; i++)
                store_user_free(store->users[i]);
        free(store);
        return NULL;
}

/* --- users ----------------------------------------------------------------------------------------- */

/* A free place, or that of the user who was needed longest ago. */
static StoreUser **find_place(JobStore *store) {
        StoreUser **place = &store->users[0];

        for (size_t i = 0; i < INDEXES_MAX; i++) {
                if (!store->users[i])
                        return &store->users[i];
                if (store->users[i]->last_used < (*place)->last_used)
                        place = &store->users[i];
        }
        return place;
}

/* NULL: his index is not in memory. */
static StoreUser *find_user(const JobStore *store, uid_t uid) {
        for (size_t i = 0; i < INDEXES_MAX; i++)
                if (store->users[i] && store->users[i]->uid == uid)
                        return store->users[i];
        return NULL;
}

/* The index of a user whose folder is FOLDER_FD. *ret is valid until the next call. */
static int store_user(JobStore *store, uid_t uid, int folder_fd, StoreUser **ret) {
        _cleanup_(store_user_freep) StoreUser *user = NULL;
        StoreUser **place, *known = find_user(store, uid);
        int r;

        if (known) {
                *ret = known;
                known->last_used = ++store->clock;
                return 0;
        }

        user = calloc(1, sizeof(*user));
        if (!user)
                return -ENOMEM;
        user->uid = uid;
        user->last_used = ++store->clock;
        r = job_index_read(&user->index, folder_fd);
        if (r < 0)
                return r;

        place = find_place(store);
        store_user_free(*place);
        *ret = *place = TAKE_PTR(user);
        return 0;
}

static int open_folder(int dir_fd, uid_t uid) {
        char name[STORE_NAME_MAX];
        int fd;

        (void) snprintf(name, sizeof(name), "%" PRIu32, uid);
        fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return fd < 0 ? -errno : fd;
}

static int make_folder(int dir_fd, uid_t uid) {
        char name[STORE_NAME_MAX];

        (void) snprintf(name, sizeof(name), "%" PRIu32, uid);
        if (mkdirat(dir_fd, name, 0700) < 0 && errno != EEXIST)
                return -errno;
        return open_folder(dir_fd, uid);
}

/* --- results --------------------------------------------------------------------------------------- */

static int read_result(int folder_fd, uid_t uid, uint64_t id, JobRecord **ret) {
        _cleanup_(job_record_freep) JobRecord *record = NULL;
        char name[STORE_NAME_MAX], text[JOB_RECORD_SIZE_MAX + 1];
        size_t size;
        int r;

        store_result_name(id, name);
        r = store_file_read(folder_fd, name, text, sizeof(text), &size);
        if (r < 0)
                return r;
        r = job_record_decode(text, size, &record);
        if (r < 0)
                return r;
        if (record->id != id || record->uid != uid)
                return -EBADMSG;
        *ret = TAKE_PTR(record);
        return 0;
}

static bool is_damaged(int error) {
        return error == -EBADMSG || error == -EPROTONOSUPPORT || error == -EISDIR;
}

static uint64_t now_realtime(void) {
        struct timespec ts;

        (void) clock_gettime(CLOCK_REALTIME, &ts);
        return (uint64_t) ts.tv_sec * USEC_PER_SEC + (uint64_t) ts.tv_nsec / 1000;
}

typedef struct Pruning {
        uid_t uid;
        int folder_fd;
        uint64_t now, oldest; /* by age, that is kept */
} Pruning;

static void remove_result(uint64_t id, void *userdata) {
        const Pruning *pruning = userdata;
        char name[STORE_NAME_MAX];

        store_result_name(id, name);
        (void) unlinkat(pruning->folder_fd, name, 0);
}

/* By the clock as it is now, though it may have been another one then; 0 where that is not known. */
static uint64_t get_end(uint64_t id, void *userdata) {
        _cleanup_(job_record_freep) JobRecord *record = NULL;
        const Pruning *pruning = userdata;
        uint64_t age;
        int r;

        r = read_result(pruning->folder_fd, pruning->uid, id, &record);
        if (r < 0)
                return r == -ENOENT || is_damaged(r) ? 0 : pruning->oldest; /* it can be read the next time */
        if (uptime_since(record->up, &age) < 0 || age > pruning->now)
                return 0;
        return pruning->now - age;
}

/* So that there is room for N_NEW of results-max. */
static void prune(JobIndex *index, size_t n_new, int folder_fd, uid_t uid, const Settings *settings) {
        uint64_t age = settings->results_age > AGE_MIN ? settings->results_age : AGE_MIN;
        uint64_t now = now_realtime();
        Pruning pruning = { .uid = uid, .folder_fd = folder_fd, .now = now, .oldest = now > age ? now - age : 0 };

        job_index_put_back(index, now, now - SET_BACK); /* the clock has been */
        job_index_drop_older(index, pruning.oldest, get_end, remove_result, &pruning);
        job_index_drop_down_to(index, settings->results_max - n_new, remove_result, &pruning);
}

/* An index that nobody has needed so far is not kept: all users are looked through. */
int job_store_prune(JobStore *store, uid_t uid, const Settings *settings) {
        StoreUser *known = find_user(store, uid);
        _cleanup_close_ int folder_fd = -1;
        JobIndex index = { 0 };
        int r;

        folder_fd = open_folder(store->dir_fd, uid);
        if (folder_fd < 0)
                return folder_fd;
        if (known) {
                prune(&known->index, 0, folder_fd, uid, settings);
                return 0;
        }

        r = job_index_read(&index, folder_fd);
        if (r >= 0)
                prune(&index, 0, folder_fd, uid, settings);
        job_index_done(&index);
        return r;
}

int job_store_put(JobStore *store, const JobRecord *record, const Settings *settings) {
        _cleanup_close_ int folder_fd = -1;
        _cleanup_free_ char *text = NULL;
        char name[STORE_NAME_MAX];
        StoreUser *user;
        bool is_known;
        int r;

        if (record->ended == 0)
                return -EINVAL;
        r = job_record_encode(record, &text);
        if (r < 0)
                return r;
        folder_fd = make_folder(store->dir_fd, record->uid);
        if (folder_fd < 0)
                return folder_fd;
        r = store_user(store, record->uid, folder_fd, &user);
        if (r < 0)
                return r;
        r = job_index_reserve(&user->index);
        if (r < 0)
                return r;

        /* a result that is lost with the power is a result lost; waiting for the disk would hold up
         * everybody */
        store_result_name(record->id, name);
        is_known = faccessat(folder_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) >= 0;
        r = store_file_write(folder_fd, name, text, strlen(text), record->ended, false);
        if (r < 0)
                return r;
        if (is_known) /* the daemon was killed before the group was removed */
                job_index_forget(&user->index, record->id);
        prune(&user->index, 1, folder_fd, record->uid, settings); /* never this one, whenever it ended */
        job_index_add(&user->index, record->id, record->ended);
        return 0;
}

int job_store_get(JobStore *store, uid_t uid, uint64_t id, JobRecord **ret) {
        _cleanup_close_ int folder_fd = -1;

        folder_fd = open_folder(store->dir_fd, uid);
        if (folder_fd < 0)
                return folder_fd;
        return read_result(folder_fd, uid, id, ret);
}

/* What is damaged is passed over; what cannot be read for the moment is not. */
static int each_result(int folder_fd, uid_t uid, uint64_t id, job_store_each_t each, void *userdata) {
        _cleanup_(job_record_freep) JobRecord *record = NULL;
        int r;

        r = read_result(folder_fd, uid, id, &record);
        if (r < 0)
                return r == -ENOENT || is_damaged(r) ? 0 : r;
        return each(record, userdata);
}

static int each_of_user(JobStore *store, uid_t uid, job_store_each_t each, void *userdata) {
        _cleanup_close_ int folder_fd = -1;
        _cleanup_free_ uint64_t *ids = NULL; /* a copy: EACH may put */
        StoreUser *user;
        size_t n_ids;
        int r;

        folder_fd = open_folder(store->dir_fd, uid);
        if (folder_fd < 0)
                return folder_fd == -ENOENT ? 0 : folder_fd;
        r = store_user(store, uid, folder_fd, &user);
        if (r >= 0)
                r = job_index_copy_ids(&user->index, &ids, &n_ids);
        if (r < 0)
                return r;

        for (size_t i = 0; i < n_ids && r == 0; i++)
                r = each_result(folder_fd, uid, ids[i], each, userdata);
        return r;
}

typedef struct EachUser {
        JobStore *store;
        job_store_each_t each;
        void *userdata;
} EachUser;

static int each_in_folder(uid_t uid, void *userdata) {
        const EachUser *all = userdata;

        return each_of_user(all->store, uid, all->each, all->userdata);
}

int job_store_each(JobStore *store, uid_t uid, job_store_each_t each, void *userdata) {
        EachUser all = { .store = store, .each = each, .userdata = userdata };

        if (uid != UID_NONE)
                return each_of_user(store, uid, each, userdata);
        return store_each_folder(store->dir_fd, each_in_folder, &all);
}

typedef struct FirstUser {
        uid_t from, uid; /* UID_NONE: none yet */
} FirstUser;

static int first_in_folder(uid_t uid, void *userdata) {
        FirstUser *first = userdata;

        if (uid >= first->from && uid < first->uid)
                first->uid = uid;
        return 0;
}

int job_store_first_user(JobStore *store, uid_t from, uid_t *ret) {
        FirstUser first = { .from = from, .uid = UID_NONE };
        int r;

        r = store_each_folder(store->dir_fd, first_in_folder, &first);
        if (r < 0)
                return r;
        if (first.uid == UID_NONE)
                return -ENOENT;
        *ret = first.uid;
        return 0;
}

typedef struct FindJob {
        JobStore *store;
        uint64_t id;
        JobRecord *record;
} FindJob;

static int find_in_folder(uid_t uid, void *userdata) {
        FindJob *find = userdata;
        int r;

        r = job_store_get(find->store, uid, find->id, &find->record);
        if (r == -ENOENT || r == -ENOTDIR)
                return 0;
        return r < 0 ? r : 1;
}

int job_store_find(JobStore *store, uint64_t id, JobRecord **ret) {
        FindJob find = { .store = store, .id = id };
        int r;

        r = store_each_folder(store->dir_fd, find_in_folder, &find);
        if (r < 0)
                return r;
        if (r == 0)
                return -ENOENT;
        *ret = find.record;
        return 0;
}

/* --- ids ------------------------------------------------------------------------------------------- */

void job_store_set_floor(JobStore *store, uint64_t floor) {
        job_ids_set_floor(&store->ids, floor);
}

int job_store_take_id(JobStore *store, uint64_t *ret) {
        return job_ids_take(&store->ids, ret);
}
