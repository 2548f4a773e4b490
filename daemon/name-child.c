/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/name-child.h"

#include <errno.h>
#include <fcntl.h>
#include <nss.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "lib/cleanup.h"
#include "lib/pidfd.h"

typedef struct NameChild {
        int fd;
        NameSources sources;
} NameChild;

static void write_all(int fd, const void *data, size_t size) {
        const char *at = data;

        while (size > 0) {
                ssize_t n = write(fd, at, size);

                if (n <= 0)
                        _exit(1);
                at += n;
                size -= (size_t) n;
        }
}

static int send_answer(UserMatchKind kind, const char *name, void *userdata, uint32_t *ret) {
        const NameChild *child = userdata;
        NameAnswer answer = { .id = UID_NONE };

        answer.error = policy_resolve_nss(kind, name, NULL, &answer.id);
        if (child->sources == NAME_SOURCES_LOCAL && answer.error == 0 && answer.id == UID_NONE)
                answer.error = -EAGAIN; /* others may know it */
        write_all(child->fd, &answer, sizeof(answer));
        *ret = answer.id;
        return answer.error;
}

static void send_members(const NameChild *child, const Policy *policy) {
        NameMembers head = { 0 };
        char *names = NULL;
        size_t size = 0;

        head.state = name_members_find(policy, &names, &size);
        head.n_bytes = (uint32_t) size;
        if (child->sources == NAME_SOURCES_LOCAL)
                head.state = NAME_MEMBERS_FAILED;
        write_all(child->fd, &head, sizeof(head));
        write_all(child->fd, names, size);
}

static void use_local_sources(void) {
        (void) __nss_configure_lookup("passwd", "files");
        (void) __nss_configure_lookup("group", "files");
        (void) __nss_configure_lookup("initgroups", "files");
}

static void child_main(const NameChild *child, Policy *policy, bool with_names) {
        sigset_t none;

        /* neither our clients' sockets nor our cgroups are a directory service's business */
        if (child->fd > 3)
                (void) close_range(3, (unsigned) child->fd - 1, 0);
        (void) close_range((unsigned) child->fd + 1, ~0U, 0);
        /* what the loop had blocked for its signal descriptors */
        (void) sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        (void) signal(SIGPIPE, SIG_DFL);

        if (child->sources == NAME_SOURCES_LOCAL)
                use_local_sources();
        if (with_names)
                (void) policy_resolve(policy, send_answer, (void *) child);
        send_members(child, policy);
        _exit(0);
}

int name_child_start(Policy *policy, NameSources sources, bool with_names, int *ret_pidfd, int *ret_pipe) {
        pid_t child;
        int fds[2], r;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;

        child = fork();
        if (child == 0)
                child_main(&(NameChild){ .fd = fds[1], .sources = sources }, policy, with_names);

        r = child < 0 ? -errno : 0;
        closep(&fds[1]);
        if (r >= 0 && fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0)
                r = -errno;
        if (r < 0) {
                closep(&fds[0]); /* a child that was started ends of SIGPIPE */
                return r;
        }

        *ret_pidfd = pidfd_open_child(child); /* if it has ended already there is nothing to kill */
        *ret_pipe = fds[0];
        return 0;
}
