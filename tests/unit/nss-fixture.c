/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/nss-fixture.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/allowed-snapshot.h"
#include "lib/cleanup.h"
#include "nss-pam/nss-entry.h"
#include "nss-pam/nss-place.h"

char nss_fixture_folder[] = "/tmp/test-nss-XXXXXX";
char nss_fixture_snapshot[64];
uid_t nss_fixture_owner;

const char *nss_place_path(void) {
        return nss_fixture_snapshot;
}

uid_t nss_place_owner(void) {
        return nss_fixture_owner;
}

void nss_fixture_write(const char *text, size_t size) {
        _cleanup_close_ int fd = open(nss_fixture_snapshot, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, size), (ssize_t) size);
        assert_int_equal(fchmod(fd, 0644), 0);
}

void nss_fixture_write_members(const char *names) {
        _cleanup_free_ char *text = NULL;
        size_t size;

        assert_int_equal(allowed_encode(NSS_FIXTURE_GID, names, strlen(names), &text, &size), 0);
        nss_fixture_write(text, size);
}

int nss_fixture_set_up(void **state) {
        nss_fixture_owner = geteuid();
        if (!mkdtemp(nss_fixture_folder))
                return -1;
        (void) snprintf(nss_fixture_snapshot, sizeof(nss_fixture_snapshot), "%s/allowed",
                        nss_fixture_folder);
        return 0;
}

int nss_fixture_tear_down(void **state) {
        (void) unlink(nss_fixture_snapshot);
        return rmdir(nss_fixture_folder);
}

enum nss_status nss_fixture_init_groups(const char *user, gid_t primary, long *n, long *size, gid_t **groups,
                                        long limit, int *error) {
        *error = 0;
        return _nss_cgmove_initgroups_dyn(user, primary, n, size, groups, limit, error);
}
