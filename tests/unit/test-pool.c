/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Pools with TREE_DIRECT in a cgroup tree, and what a pool may use. Units are for tests/machine. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/cgroup.h"
#include "daemon/pool-limits.h"
#include "daemon/pool-tree.h"
#include "daemon/pool.h"
#include "lib/values.h"
#include "tests/unit/cgroup-fixture.h"

#define ALICE 1000
#define BOB 1001

typedef struct World {
        sd_event *event;
        Settings settings;
        PoolSet *set;
} World;

typedef struct Answer {
        unsigned n;
        int error;
        Pool *pool;
} Answer;

static void world_open(World *world, int root_fd) {
        settings_init(&world->settings);
        world->settings.tree = TREE_DIRECT;
        world->settings.pool_idle = LIMIT_NONE;
        assert_true(sd_event_new(&world->event) >= 0);
        assert_int_equal(pool_set_new(world->event, &world->settings, root_fd, NULL, &world->set), 0);
}

static void world_close(World *world, int root_fd) {
        pool_set_free(world->set);
        sd_event_unref(world->event);
        (void) pool_tree_remove(root_fd, ALICE);
        (void) pool_tree_remove(root_fd, BOB);
}

static void on_ready(int error, const char *message, Pool *pool, void *userdata) {
        Answer *answer = userdata;

        answer->n++;
        answer->error = error;
        answer->pool = pool;
}

static void run(World *world, unsigned steps) {
        while (steps-- > 0)
                assert_true(sd_event_run(world->event, 100 * 1000) >= 0);
}

static Pool *ensure(World *world, uid_t uid) {
        Answer answer = {};
        PoolWait *wait = NULL;

        assert_int_equal(pool_set_ensure(world->set, uid, on_ready, &answer, &wait), 0);
        for (int i = 0; i < 10 && answer.n == 0; i++)
                run(world, 1);
        pool_wait_free(wait);
        assert_int_equal(answer.n, 1);
        assert_int_equal(answer.error, 0);
        assert_non_null(answer.pool);
        return answer.pool;
}

static unsigned answers_at_once(World *world, uid_t uid) {
        Answer answer = {};
        PoolWait *wait = NULL;

        assert_int_equal(pool_set_ensure(world->set, uid, on_ready, &answer, &wait), 0);
        pool_wait_free(wait);
        return answer.n;
}

static int root_of(void **state) {
        CgroupFixture *fixture = *state;

        if (!fixture)
                skip();
        return fixture->fd;
}

static void test_starts_once_for_all_who_wait(void **state) {
        int root_fd = root_of(state);
        Answer first = {}, second = {}, cancelled = {};
        PoolWait *waits[3] = {};
        World world;

        world_open(&world, root_fd);
        assert_int_equal(pool_set_count(world.set), 0);
        assert_int_equal(pool_set_ensure(world.set, ALICE, on_ready, &first, &waits[0]), 0);
        assert_int_equal(pool_set_ensure(world.set, ALICE, on_ready, &cancelled, &waits[1]), 0);
        assert_int_equal(pool_set_ensure(world.set, ALICE, on_ready, &second, &waits[2]), 0);
        assert_int_equal(first.n, 0); /* not from within */
        pool_wait_free(waits[1]);
        run(&world, 2);

        assert_int_equal(first.n, 1);
        assert_int_equal(second.n, 1);
        assert_int_equal(cancelled.n, 0);
        assert_ptr_equal(first.pool, second.pool);
        assert_int_equal(pool_set_count(world.set), 1);
        assert_int_equal(pool_uid(first.pool), ALICE);
        assert_string_equal(pool_path(first.pool),
                            "/user.slice/user-cgmove.slice/user-cgmove-1000.slice/cgmove@1000.service");
        assert_int_equal(faccessat(pool_fd(first.pool), "keeper/cgroup.procs", F_OK, 0), 0);
        pool_wait_free(waits[0]);
        pool_wait_free(waits[2]);

        /* it runs: the answer comes at once */
        assert_int_equal(pool_set_ensure(world.set, ALICE, on_ready, &first, &waits[0]), 0);
        assert_null(waits[0]);
        assert_int_equal(first.n, 2);
        world_close(&world, root_fd);
}

static void test_has_a_greatest_number(void **state) {
        int root_fd = root_of(state);
        Answer answer = {};
        PoolWait *wait = NULL;
        World world;

        world_open(&world, root_fd);
        world.settings.max_pools = 1;
        (void) ensure(&world, ALICE);
        assert_int_equal(pool_set_ensure(world.set, BOB, on_ready, &answer, &wait), 0);
        assert_null(wait);
        assert_int_equal(answer.n, 1);
        assert_int_equal(answer.error, -EUSERS);
        (void) ensure(&world, ALICE); /* the one that runs is still there */
        world_close(&world, root_fd);
}

/* For nobody who waits; in half of the places; and a job's pool is the one that was prepared. */
static void test_prepared(void **state) {
        int root_fd = root_of(state);
        Pool *pool;
        World world;

        world_open(&world, root_fd);
        world.settings.max_pools = 3;
        assert_int_equal(pool_set_prepare(world.set, ALICE), 0);
        assert_int_equal(pool_set_prepare(world.set, ALICE), 0); /* while it starts */
        assert_int_equal(pool_set_count(world.set), 1);
        run(&world, 2);
        assert_int_equal(answers_at_once(&world, ALICE), 1);
        pool = ensure(&world, ALICE);
        assert_int_equal(pool_n_jobs(pool), 0);
        assert_int_equal(pool_set_prepare(world.set, ALICE), 0);
        assert_ptr_equal(ensure(&world, ALICE), pool);

        assert_int_equal(pool_set_prepare(world.set, BOB), -EUSERS);
        assert_int_equal(pool_set_count(world.set), 1);
        (void) ensure(&world, BOB); /* who has a job has a place */
        assert_int_equal(pool_set_prepare(world.set, BOB), 0);
        world_close(&world, root_fd);
}

/* It is stopped when it has been idle, and every login is another beginning of that. */
static void test_prepared_and_idle(void **state) {
        int root_fd = root_of(state);
        World world;

        world_open(&world, root_fd);
        world.settings.pool_idle = 1;
        assert_int_equal(pool_set_prepare(world.set, ALICE), 0);
        for (int i = 0; i < 100 && pool_set_count(world.set) > 0; i++)
                run(&world, 1);
        assert_int_equal(pool_set_count(world.set), 0);

        world.settings.pool_idle = 3600 * USEC_PER_SEC;
        assert_int_equal(pool_set_prepare(world.set, ALICE), 0);
        run(&world, 3);
        assert_int_equal(answers_at_once(&world, ALICE), 1);
        world.settings.pool_idle = 1;
        assert_int_equal(pool_set_prepare(world.set, ALICE), 0);
        for (int i = 0; i < 100 && pool_set_count(world.set) > 0; i++)
                run(&world, 1);
        assert_int_equal(pool_set_count(world.set), 0);
        world_close(&world, root_fd);
}

static void test_stops_when_idle_and_not_before(void **state) {
        int root_fd = root_of(state);
        World world;
        Pool *pool;

        world_open(&world, root_fd);
        pool = ensure(&world, ALICE);
        pool_hold(pool);
        world.settings.pool_idle = 0;
        run(&world, 3);
        assert_ptr_equal(ensure(&world, ALICE), pool);

        pool_release(pool);
        /* the accuracy of its timer is a second */
        for (int i = 0; i < 50 && pool_set_count(world.set) > 0; i++)
                run(&world, 1);
        assert_int_equal(pool_set_count(world.set), 0);
        assert_int_equal(faccessat(root_fd, "user.slice", F_OK, 0), -1);

        world.settings.pool_idle = LIMIT_NONE;
        (void) ensure(&world, ALICE);
        world_close(&world, root_fd);
}

static void test_is_not_stopped_over_somebody_who_lives_there(void **state) {
        int root_fd = root_of(state);
        _cleanup_close_ int job_fd = -1;
        World world;
        Pool *pool;
        pid_t pid;

        world_open(&world, root_fd);
        pool = ensure(&world, ALICE);
        assert_int_equal(cgroup_create(pool_fd(pool), "job-7", &job_fd), 0);
        assert_false(pool_tree_is_used(pool_fd(pool)));
        pid = cgroup_fixture_spawn(job_fd);
        assert_true(pid > 0);
        assert_true(pool_tree_is_used(pool_fd(pool)));

        world.settings.pool_idle = 0;
        pool_hold(pool);
        pool_release(pool);
        run(&world, 12);
        assert_ptr_equal(ensure(&world, ALICE), pool);
        assert_int_equal(pool_tree_remove(root_fd, ALICE), -EBUSY);

        world.settings.pool_idle = LIMIT_NONE;
        cgroup_fixture_reap(pid);
        world_close(&world, root_fd);
}

/* A keeper that blocks what it is sent, as it does until it takes it. */
static void test_keeper_that_is_told_to_end(void **state) {
        int root_fd = root_of(state);
        _cleanup_(kernel_done) Kernel kernel = KERNEL_INIT;
        _cleanup_close_ int keeper_fd = -1;
        sigset_t blocked, before;
        World world;
        Pool *pool;
        pid_t pid;

        assert_int_equal(kernel_open("/", &kernel), 0);
        world_open(&world, root_fd);
        pool = ensure(&world, ALICE);
        assert_int_equal(cgroup_open(pool_fd(pool), "/keeper", &keeper_fd), 0);
        (void) sigfillset(&blocked);
        (void) sigprocmask(SIG_SETMASK, &blocked, &before);
        pid = cgroup_fixture_spawn(keeper_fd);
        (void) sigprocmask(SIG_SETMASK, &before, NULL);

        assert_false(pool_keeper_is_gone(pool, &kernel));
        assert_int_equal(kill(pid, SIGTERM), 0);
        assert_true(pool_keeper_is_gone(pool, &kernel));
        cgroup_fixture_reap(pid);
        world_close(&world, root_fd);
}

static void test_made_again_after_it_was_removed(void **state) {
        int root_fd = root_of(state);
        _cleanup_(kernel_done) Kernel kernel = KERNEL_INIT;
        World world;
        Pool *old, *new;

        assert_int_equal(kernel_open("/", &kernel), 0);
        world_open(&world, root_fd);
        old = ensure(&world, ALICE);
        pool_hold(old);
        assert_false(pool_keeper_is_gone(old, &kernel));
        assert_int_equal(pool_tree_remove(root_fd, ALICE), 0);
        assert_true(pool_keeper_is_gone(old, &kernel));
        assert_int_equal(pool_set_count(world.set), 0);

        new = ensure(&world, ALICE);
        assert_ptr_not_equal(new, old);
        assert_true(pool_keeper_is_gone(old, &kernel)); /* its descriptor is of the group that is gone */
        assert_false(pool_keeper_is_gone(new, &kernel));
        pool_gone(old); /* told late, and twice */
        pool_gone(old);
        pool_release(old);
        assert_ptr_equal(ensure(&world, ALICE), new);
        world_close(&world, root_fd);
}

static void on_found(Pool *pool, void *userdata) {
        uid_t *uids = userdata;

        uids[pool_uid(pool) == ALICE ? 0 : 1] = pool_uid(pool);
}

static void test_found_again(void **state) {
        int root_fd = root_of(state);
        _cleanup_close_ int pools_fd = -1, fd = -1, other_fd = -1;
        uid_t found[2] = {};
        World world;

        world_open(&world, root_fd);
        (void) ensure(&world, ALICE);
        (void) ensure(&world, BOB);
        assert_int_equal(cgroup_open(root_fd, "/user.slice/user-cgmove.slice", &pools_fd), 0);
        /* neither is a pool: another spelling of a number, and a slice without its unit */
        assert_int_equal(cgroup_create(pools_fd, "user-cgmove-01000.slice", &fd), 0);
        assert_int_equal(cgroup_create(pools_fd, "user-cgmove-77.slice", &other_fd), 0);
        pool_set_free(world.set); /* stops none */

        assert_int_equal(pool_set_new(world.event, &world.settings, root_fd, NULL, &world.set), 0);
        assert_int_equal(pool_set_discover(world.set, on_found, found), 0);
        assert_int_equal(found[0], ALICE);
        assert_int_equal(found[1], BOB);
        assert_int_equal(pool_set_count(world.set), 2);

        (void) cgroup_remove(pools_fd, "user-cgmove-01000.slice");
        (void) cgroup_remove(pools_fd, "user-cgmove-77.slice");
        world_close(&world, root_fd);
}

static void hold_bobs(Pool *pool, void *userdata) {
        Pool **pools = userdata;

        pools[pool_uid(pool) == ALICE ? 0 : 1] = pool;
        if (pool_uid(pool) == BOB)
                pool_hold(pool);
}

/* A daemon that was killed between the start of a pool and its limits has left it without: they are set before anybody gets in. A job in
 * it shows that it had them. */
static void test_limits_of_one_found_again(void **state) {
        int root_fd = root_of(state);
        uint64_t tasks_max = 0;
        World world;
        Pool *pools[2] = {}, *pool;

        world_open(&world, root_fd);
        (void) ensure(&world, ALICE);
        (void) ensure(&world, BOB);
        pool_set_free(world.set);
        assert_int_equal(pool_set_new(world.event, &world.settings, root_fd, NULL, &world.set), 0);
        assert_int_equal(pool_set_discover(world.set, hold_bobs, pools), 0);

        pool = pools[0];
        assert_non_null(pool);
        if (pool_has_controller(pool, "pids")) /* else there is nothing to see of it but the wait */
                assert_int_equal(cgroup_write_u64(pool_fd(pool), "pids.max", LIMIT_NONE), 0);
        assert_int_equal(answers_at_once(&world, ALICE), 0);
        assert_ptr_equal(ensure(&world, ALICE), pool);
        if (pool_has_controller(pool, "pids")) {
                assert_int_equal(cgroup_read_u64(pool_fd(pool), "pids.max", &tasks_max), 0);
                assert_true(tasks_max != LIMIT_NONE);
        }
        assert_int_equal(answers_at_once(&world, ALICE), 1);
        assert_int_equal(answers_at_once(&world, BOB), 1);

        pool_release(pools[1]);
        world_close(&world, root_fd);
}

static void test_waits_outlive_the_set(void **state) {
        int root_fd = root_of(state);
        Answer answer = {};
        PoolWait *wait = NULL;
        World world;

        world_open(&world, root_fd);
        assert_int_equal(pool_set_ensure(world.set, ALICE, on_ready, &answer, &wait), 0);
        world.set = pool_set_free(world.set);
        pool_wait_free(wait);
        run(&world, 1);
        assert_int_equal(answer.n, 0);
        world_close(&world, root_fd);
}

static void test_without_a_manager(void **state) {
        Answer answer = {};
        PoolWait *wait = NULL;
        World world;

        world_open(&world, -1);
        world.settings.tree = TREE_SYSTEMD;
        assert_int_equal(pool_set_ensure(world.set, ALICE, on_ready, &answer, &wait), 0);
        assert_null(wait);
        assert_int_equal(answer.error, -ENOTCONN);
        pool_set_free(world.set);
        sd_event_unref(world.event);
}

static void test_limits(void **state) {
        static const Machine machine = { .tasks = 32768, .memory = UINT64_C(8) << 30 };
        static const struct {
                bool tasks_set, memory_set, weight_set;
                Limits pool;
                uint64_t slice_tasks, slice_memory;
                SystemdPoolLimits expected;
        } table[] = {
                /* nothing said: a quarter of the machine, or what the user's slice has if that is less */
                { .slice_tasks = LIMIT_NONE,
                  .slice_memory = LIMIT_NONE,
                  .expected = { 8192, UINT64_C(2) << 30, LIMIT_NONE } },
                { .slice_tasks = 100, .slice_memory = 1 << 20, .expected = { 100, 1 << 20, LIMIT_NONE } },
                { .slice_tasks = 20000,
                  .slice_memory = UINT64_C(4) << 30,
                  .expected = { 8192, UINT64_C(2) << 30, LIMIT_NONE } },
                /* what the administrator says holds, also where it is more */
                { .tasks_set = true,
                  .pool = { .tasks_max = 30000 },
                  .slice_tasks = 100,
                  .slice_memory = LIMIT_NONE,
                  .expected = { 30000, UINT64_C(2) << 30, LIMIT_NONE } },
                { .memory_set = true,
                  .pool = { .memory_max = LIMIT_NONE },
                  .slice_tasks = 100,
                  .slice_memory = 4096,
                  .expected = { 100, LIMIT_NONE, LIMIT_NONE } },
                { .weight_set = true,
                  .pool = { .cpu_weight = 50 },
                  .slice_tasks = 1,
                  .slice_memory = 1,
                  .expected = { 1, 1, 50 } },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++) {
                Settings settings;
                SystemdPoolLimits limits;

                settings_init(&settings);
                settings.pool = table[i].pool;
                settings.pool_tasks_max_set = table[i].tasks_set;
                settings.pool_memory_max_set = table[i].memory_set;
                settings.pool_cpu_weight_set = table[i].weight_set;
                assert_int_equal(pool_limits_need_slice(&settings),
                                 !table[i].tasks_set || !table[i].memory_set);
                pool_limits_choose(&settings, &machine, table[i].slice_tasks, table[i].slice_memory,
                                   &limits);
                assert_int_equal(limits.tasks_max, table[i].expected.tasks_max);
                assert_int_equal(limits.memory_max, table[i].expected.memory_max);
                assert_int_equal(limits.cpu_weight, table[i].expected.cpu_weight);
        }
}

static void test_machine(void **state) {
        Machine machine;

        assert_int_equal(machine_read(&machine), 0);
        assert_true(machine.tasks > 0 && machine.memory > 1 << 20);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_starts_once_for_all_who_wait, cgroup_fixture_setup,
                                                cgroup_fixture_teardown),
                cmocka_unit_test_setup_teardown(test_has_a_greatest_number, cgroup_fixture_setup,
                                                cgroup_fixture_teardown),
                cmocka_unit_test_setup_teardown(test_prepared, cgroup_fixture_setup, cgroup_fixture_teardown),
                cmocka_unit_test_setup_teardown(test_prepared_and_idle, cgroup_fixture_setup, cgroup_fixture_teardown),
                cmocka_unit_test_setup_teardown(test_stops_when_idle_and_not_before, cgroup_fixture_setup,
                                                cgroup_fixture_teardown),
                cmocka_unit_test_setup_teardown(test_is_not_stopped_over_somebody_who_lives_there,
                                                cgroup_fixture_setup, cgroup_fixture_teardown),
                cmocka_unit_test_setup_teardown(test_keeper_that_is_told_to_end, cgroup_fixture_setup,
                                                cgroup_fixture_teardown),
                cmocka_unit_test_setup_teardown(test_made_again_after_it_was_removed, cgroup_fixture_setup,
                                                cgroup_fixture_teardown),
                cmocka_unit_test_setup_teardown(test_found_again, cgroup_fixture_setup,
                                                cgroup_fixture_teardown),
                cmocka_unit_test_setup_teardown(test_limits_of_one_found_again, cgroup_fixture_setup,
                                                cgroup_fixture_teardown),
                cmocka_unit_test_setup_teardown(test_waits_outlive_the_set, cgroup_fixture_setup,
                                                cgroup_fixture_teardown),
                cmocka_unit_test(test_without_a_manager),
                cmocka_unit_test(test_limits),
                cmocka_unit_test(test_machine),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
