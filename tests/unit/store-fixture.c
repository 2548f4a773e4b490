/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/protocol.h"
#include "tests/unit/store-fixture.h"

int store_set_up(void **state) {
        StoreFixture *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        strcpy(f->path, "/tmp/cgmove-test-XXXXXX");
        assert_non_null(mkdtemp(f->path));
        f->dir_fd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(f->dir_fd >= 0);
        assert_int_equal(job_store_new(f->dir_fd, &f->store), 0);
        f->settings = (Settings){ .results_max = 100, .results_age = 7 * STORE_DAY };
        f->now = (uint64_t) time(NULL) * USEC_PER_SEC;
        *state = f;
        return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        return remove(path);
}

int store_tear_down(void **state) {
        StoreFixture *f = *state;

        job_store_free(f->store);
        closep(&f->dir_fd);
        assert_int_equal(nftw(f->path, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
        free(f);
        return 0;
}

void store_reopen(StoreFixture *f) {
        job_store_free(f->store);
        f->store = NULL;
        assert_int_equal(job_store_new(f->dir_fd, &f->store), 0);
}

int store_put(StoreFixture *f, uid_t uid, uint64_t id, uint64_t age) {
        _cleanup_(job_record_freep) JobRecord *record = NULL;

        assert_int_equal(job_record_new(
                                         &(JobRecord){
                                                         .id = id,
                                                         .uid = uid,
                                                         .created = 1,
                                                         .ended = f->now - age,
                                                         .result = CGMOVE_RESULT_DONE,
                                                         .name = "x",
                                         },
                                         &record),
                         0);
        return job_store_put(f->store, record, &f->settings);
}

bool store_has(StoreFixture *f, uid_t uid, uint64_t id) {
        _cleanup_(job_record_freep) JobRecord *record = NULL;
        int r;

        r = job_store_get(f->store, uid, id, &record);
        assert_true(r == 0 || r == -ENOENT);
        assert_true(r < 0 || (record->id == id && record->uid == uid));
        return r == 0;
}

void store_write_file(StoreFixture *f, const char *name, const char *text) {
        int fd = openat(f->dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        closep(&fd);
}
