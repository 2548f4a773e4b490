/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A snapshot for the NSS module that is the test's: nss_place_*() here stand in the place of nss-pam/nss-place.c. */

#include <nss.h>
#include <stddef.h>
#include <sys/types.h>

#define NSS_FIXTURE_GID 77000

extern char nss_fixture_folder[];
extern char nss_fixture_snapshot[64]; /* its path */
extern uid_t nss_fixture_owner;       /* whose it has to be */

/* The snapshot as these bytes, or of these names, each of which ends with a newline. */
void nss_fixture_write(const char *text, size_t size);
void nss_fixture_write_members(const char *names);

/* The module's initgroups_dyn(). */
enum nss_status nss_fixture_init_groups(const char *user, gid_t primary, long *n, long *size, gid_t **groups,
                                        long limit, int *error);

/* For a group of tests. */
int nss_fixture_set_up(void **state);
int nss_fixture_tear_down(void **state);
