/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/doctor/ask-as.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "tools/output.h"

/* --- the other process -------------------------------------------------------------------------------- */

/* Whoever reads our output until its end must not wait for a process that was given up. */
static bool drop_descriptors(int keep) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        if (null < 0)
                return false;
        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
                if (dup2(null, fd) < 0)
                        return false;
        return (keep <= 3 || close_range(3, (unsigned) keep - 1, 0) >= 0) &&
               close_range((unsigned) keep + 1, ~0U, 0) >= 0;
}

/* The kernel makes a process that has changed its user one that this user cannot trace. */
static bool become(uid_t uid) {
        const struct passwd *user = getpwuid(uid);

        return user && setgroups(0, NULL) >= 0 && setresgid(user->pw_gid, user->pw_gid, user->pw_gid) >= 0 &&
               setresuid(uid, uid, uid) >= 0;
}

_Noreturn static void child_main(uid_t uid, ask_as_t ask, void *userdata, int fd, size_t size) {
        char answer[ASK_AS_SIZE_MAX] __attribute__((aligned(8))) = { 0 };

        (void) setsid();
        if (!drop_descriptors(fd) || !become(uid) || ask(userdata, answer) < 0 ||
            write(fd, answer, size) != (ssize_t) size)
                _exit(1);
        _exit(0);
}

/* --- this one ----------------------------------------------------------------------------------------- */

static int wait_for_answer(int fd, uint64_t end, Progress *progress) {
        struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

        for (;;) {
                uint64_t now = now_monotonic(), left = now < end ? end - now : 0;
                int r = poll(&poll_fd, 1,
                             (int) ((left < PROGRESS_INTERVAL ? left : PROGRESS_INTERVAL) / 1000));

                if (r > 0)
                        return 0;
                if (r < 0 && errno != EINTR)
                        return -errno;
                if (left == 0)
                        return -ETIMEDOUT;
                progress_tick(progress);
        }
}

static int read_answer(int fd, uint64_t timeout, void *ret, size_t size) {
        Progress progress;
        int r;

        progress_begin(&progress, false, "waiting for an answer");
        r = wait_for_answer(fd, now_monotonic() + timeout, &progress);
        progress_end(&progress);
        if (r < 0)
                return r;
        return read(fd, ret, size) == (ssize_t) size ? 0 : -ENODATA;
}

int ask_as(uid_t uid, ask_as_t ask, void *userdata, uint64_t timeout, void *ret, size_t size) {
        _cleanup_close_ int fd = -1;
        int ends[2], r;
        pid_t child;

        if (size > ASK_AS_SIZE_MAX)
                return -E2BIG;
        if (pipe2(ends, O_CLOEXEC) < 0)
                return -errno;
        fd = ends[0];
        child = fork();
        if (child == 0)
                child_main(uid, ask, userdata, ends[1], size);
        r = child < 0 ? -errno : 0;
        (void) close(ends[1]);
        if (r < 0)
                return r;
        r = read_answer(fd, timeout, ret, size);
        /* not waited for: it may hang in the kernel, also when it has answered */
        (void) kill(child, SIGKILL);
        (void) waitpid(child, NULL, WNOHANG);
        return r;
}
