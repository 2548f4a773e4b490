/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A store of results in a folder of its own, for each test. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/job-store.h"
#include "lib/values.h"

#define STORE_DAY (UINT64_C(86400) * USEC_PER_SEC)

typedef struct StoreFixture {
        char path[64];
        int dir_fd;
        JobStore *store;
        Settings settings;
        uint64_t now;
} StoreFixture;

int store_set_up(void **state);
int store_tear_down(void **state);
#define STORE_TEST(function) cmocka_unit_test_setup_teardown(function, store_set_up, store_tear_down)

void store_reopen(StoreFixture *f); /* as after a restart of the daemon */

/* A job ID of UID that has ended AGE microseconds ago. Returns as job_store_put(). */
int store_put(StoreFixture *f, uid_t uid, uint64_t id, uint64_t age);
bool store_has(StoreFixture *f, uid_t uid, uint64_t id);

void store_write_file(StoreFixture *f, const char *name, const char *text); /* in the folder */
