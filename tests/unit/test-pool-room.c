/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Room for tasks, in folders with the files that a tree with the controller has. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/pool-room.h"
#include "lib/cleanup.h"
#include "lib/values.h"

static const char *const folders[] = { "", "/user-cgmove.slice", "/user-cgmove-1000.slice", "/cgmove@1000.service" };

typedef struct Tree {
        char path[128];                  /* of the pool */
        size_t lengths[ELEMENTSOF(folders)]; /* up to each of them */
        int fd;
} Tree;

static void put(const Tree *tree, RoomPlace place, const char *name, const char *text) {
        _cleanup_fclose_ FILE *file = NULL;
        char path[256];

        (void) snprintf(path, sizeof(path), "%.*s/%s", (int) tree->lengths[ELEMENTSOF(folders) - 1 - place], tree->path,
                        name);
        if (!text) {
                assert_true(unlink(path) == 0 || errno == ENOENT);
                return;
        }
        file = fopen(path, "we");
        assert_non_null(file);
        assert_true(fputs(text, file) >= 0);
}

static void put_tasks(const Tree *tree, RoomPlace place, const char *current, const char *max) {
        put(tree, place, "pids.current", current);
        put(tree, place, "pids.max", max);
}

static int setup(void **state) {
        Tree *tree = calloc(1, sizeof(*tree));

        if (!tree)
                return -1;
        (void) snprintf(tree->path, sizeof(tree->path), "/tmp/cgmove-room-XXXXXX");
        assert_non_null(mkdtemp(tree->path));
        tree->lengths[0] = strlen(tree->path);
        for (size_t i = 1; i < ELEMENTSOF(folders); i++) {
                (void) strcat(tree->path, folders[i]);
                assert_int_equal(mkdir(tree->path, 0700), 0);
                tree->lengths[i] = strlen(tree->path);
        }
        tree->fd = open(tree->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(tree->fd >= 0);
        for (RoomPlace place = ROOM_POOL; place < _ROOM_PLACES; place++)
                put_tasks(tree, place, "10\n", "max\n");
        *state = tree;
        return 0;
}

static int teardown(void **state) {
        Tree *tree = *state;

        for (RoomPlace place = ROOM_POOL; place < _ROOM_PLACES; place++)
                put_tasks(tree, place, NULL, NULL);
        for (size_t i = ELEMENTSOF(folders); i-- > 0;) {
                tree->path[tree->lengths[i]] = '\0';
                assert_int_equal(rmdir(tree->path), 0);
        }
        closep(&tree->fd);
        free(tree);
        return 0;
}

static void test_each_place(void **state) {
        const Tree *tree = *state;
        RoomFull full;

        assert_int_equal(room_is_lacking(tree->fd, UINT64_MAX, &full), 0);
        for (RoomPlace place = ROOM_POOL; place < _ROOM_PLACES; place++) {
                put_tasks(tree, place, "10\n", "12\n");
                assert_int_equal(room_is_lacking(tree->fd, 2, &full), 0);
                assert_int_equal(room_is_lacking(tree->fd, 3, &full), 1);
                assert_int_equal(full.place, place);
                assert_int_equal(full.current, 10);
                assert_int_equal(full.max, 12);
                assert_int_equal(room_is_lacking(tree->fd, UINT64_MAX, &full), 1);
                put_tasks(tree, place, "13\n", "12\n"); /* after the move */
                assert_int_equal(room_is_lacking(tree->fd, 0, &full), 1);
                put_tasks(tree, place, "10\n", "max\n");
        }
}

/* What limits all users has counted them already. */
static void test_not_above(void **state) {
        const Tree *tree = *state;
        RoomFull full;

        put_tasks(tree, _ROOM_PLACES, "10\n", "10\n");
        assert_int_equal(room_is_lacking(tree->fd, 1, &full), 0);
        put_tasks(tree, _ROOM_PLACES, NULL, NULL);
}

static void test_without_controller(void **state) {
        const Tree *tree = *state;
        RoomFull full;

        put_tasks(tree, ROOM_POOL, NULL, NULL);
        put_tasks(tree, ROOM_SLICES, "5\n", "5\n");
        assert_int_equal(room_is_lacking(tree->fd, 1, &full), 1);
        assert_int_equal(full.place, ROOM_SLICES);
        put_tasks(tree, ROOM_SLICES, NULL, NULL);
        assert_int_equal(room_is_lacking(tree->fd, 1, &full), 0);
}

/* Nothing is taken for room because it could not be read. */
static void test_not_readable(void **state) {
        const Tree *tree = *state;
        RoomFull full;

        put_tasks(tree, ROOM_SLICE, "10\n", "many\n");
        assert_int_equal(room_is_lacking(tree->fd, 1, &full), -EBADMSG);
}

static void test_newcomers(void **state) {
        const Target targets[] = {
                { .n_threads = 1, .source = { .kind = SOURCE_USER_UNIT, .owner_uid = 1000 } },
                { .n_threads = 10, .source = { .kind = SOURCE_JOB, .owner_uid = 1000, .job = 7 } },
                { .n_threads = 100, .source = { .kind = SOURCE_SESSION, .owner_uid = 1000 } },
                { .n_threads = 1000, .source = { .kind = SOURCE_JOB, .owner_uid = 1001, .job = 8 } },
        };

        assert_int_equal(room_newcomers(1000, targets, ELEMENTSOF(targets)), 1101);
        assert_int_equal(room_newcomers(1000, targets + 1, 1), 0);
        assert_int_equal(room_newcomers(1000, NULL, 0), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_each_place),
                TEST(test_not_above),
                TEST(test_without_controller),
                TEST(test_not_readable),
                cmocka_unit_test(test_newcomers),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
