/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/cleanup.h"
#include "tools/doctor/ask-as.h"
#include "tools/output.h"

#define SECOND UINT64_C(1000000)

typedef struct Identity {
        uid_t real, effective;
        gid_t gid;
        int n_groups, dumpable, terminal, descriptors, session;
} Identity;

static const struct passwd *need_nobody(void) {
        const struct passwd *user = getpwnam("nobody");

        if (geteuid() != 0 || !user)
                skip();
        return user;
}

static int tell_identity(void *userdata, void *answer) {
        Identity *identity = answer;

        *identity = (Identity){
                .real = getuid(),
                .effective = geteuid(),
                .gid = getegid(),
                .n_groups = getgroups(0, NULL),
                .dumpable = prctl(PR_GET_DUMPABLE),
                .terminal = open("/dev/tty", O_RDWR | O_CLOEXEC),
                .session = getsid(0) == getpid(),
        };
        for (int fd = 3; fd < 64; fd++)
                identity->descriptors += fcntl(fd, F_GETFD) >= 0;
        return 0;
}

static void test_identity(void **state) {
        const struct passwd *user = need_nobody();
        _cleanup_close_ int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        Identity identity;

        assert_true(fd >= 0);
        assert_int_equal(ask_as(user->pw_uid, tell_identity, NULL, 20 * SECOND, &identity, sizeof(identity)),
                         0);
        assert_int_equal(identity.real, user->pw_uid);
        assert_int_equal(identity.effective, user->pw_uid);
        assert_int_equal(identity.gid, user->pw_gid);
        assert_int_equal(identity.n_groups, 0);
        assert_int_equal(identity.dumpable, 0); /* else the user could trace it, and answer in its place */
        assert_int_equal(identity.terminal, -1);
        assert_int_equal(identity.descriptors, 1); /* for the answer */
        assert_true(identity.session);
        assert_int_equal(geteuid(), 0);
}

static int hang(void *userdata, void *answer) {
        for (;;)
                (void) pause();
        return 0;
}

static int give_up(void *userdata, void *answer) {
        return -EIO;
}

static int die(void *userdata, void *answer) {
        _exit(0);
}

static void test_no_answer(void **state) {
        const struct passwd *user = need_nobody();
        uint64_t start = now_monotonic();
        uint64_t answer = 17;

        assert_int_equal(ask_as(user->pw_uid, hang, NULL, SECOND / 5, &answer, sizeof(answer)), -ETIMEDOUT);
        assert_true(now_monotonic() - start >= SECOND / 5);
        assert_int_equal(ask_as(user->pw_uid, give_up, NULL, 20 * SECOND, &answer, sizeof(answer)),
                         -ENODATA);
        assert_int_equal(ask_as(user->pw_uid, die, NULL, 20 * SECOND, &answer, sizeof(answer)), -ENODATA);
        /* nobody of that number */
        assert_int_equal(ask_as(4000000000U, tell_identity, NULL, 20 * SECOND, &answer, sizeof(answer)),
                         -ENODATA);
        assert_int_equal(answer, 17);
        while (waitpid(-1, NULL, 0) > 0)
                ;
}

/* Who cannot become another user does not ask as himself. */
static void test_not_root(void **state) {
        Identity identity;

        if (geteuid() == 0)
                skip();
        assert_int_equal(ask_as(geteuid(), tell_identity, NULL, 20 * SECOND, &identity, sizeof(identity)),
                         -ENODATA);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_identity),
                cmocka_unit_test(test_no_answer),
                cmocka_unit_test(test_not_root),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
