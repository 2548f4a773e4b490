/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>

#include "daemon/policy-loader.h"
#include "lib/cleanup.h"
#include "lib/pidfd.h"
#include "lib/policy-file.h"
#include "lib/values.h"

#define RESOLVE_TIMEOUT (15 * USEC_PER_SEC)

struct PolicyLoader {
        sd_event *event;
        char *conf_dir;
        policy_loaded_t loaded;
        void *userdata;

        /* the load under way */
        Settings settings;
        Policy *policy;
        uint32_t *ids; /* as they come from the child, in the order of policy_resolve() */
        size_t n_ids;
        size_t n_received; /* bytes */
        int child_fd; /* pidfd */
        int pipe_fd;
        sd_event_source *io;
        sd_event_source *timer;
};

static uint32_t count_name(UserMatchKind kind, const char *name, void *userdata) {
        size_t *n = userdata;

        (*n)++;
        return UID_NONE;
}

static uint32_t send_id(UserMatchKind kind, const char *name, void *userdata) {
        int *fd = userdata;
        uint32_t id;

        id = policy_resolve_nss(kind, name, NULL);
        if (write(*fd, &id, sizeof(id)) != sizeof(id))
                _exit(1);
        return id;
}

static uint32_t take_id(UserMatchKind kind, const char *name, void *userdata) {
        uint32_t **next = userdata;

        return *(*next)++;
}

/* A directory service may hang for ever: the child is killed then. SIGCHLD is ignored (see daemon_new()), so
 * that the kernel reaps it whenever it ends, and nobody waits. */
static void reset(PolicyLoader *loader) {
        loader->io = sd_event_source_disable_unref(loader->io);
        loader->timer = sd_event_source_disable_unref(loader->timer);
        closep(&loader->pipe_fd);
        loader->pipe_fd = -1;
        if (loader->child_fd >= 0)
                (void) pidfd_kill(loader->child_fd, SIGKILL);
        closep(&loader->child_fd);
        loader->child_fd = -1;
        loader->policy = policy_free(loader->policy);
        free(loader->ids);
        loader->ids = NULL;
        loader->n_ids = loader->n_received = 0;
}

static void fail(PolicyLoader *loader, int error, const char *problem) {
        reset(loader);
        loader->loaded(error, problem, NULL, NULL, loader->userdata);
}

static void finish(PolicyLoader *loader) {
        Policy *policy = TAKE_PTR(loader->policy);
        uint32_t *next = loader->ids;

        policy_resolve(policy, take_id, &next);
        reset(loader);
        loader->loaded(0, NULL, &loader->settings, policy, loader->userdata);
}

static int on_ids(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        PolicyLoader *loader = userdata;
        size_t wanted = loader->n_ids * sizeof(uint32_t);
        ssize_t n;

        n = read(fd, (char *) loader->ids + loader->n_received, wanted - loader->n_received);
        if (n < 0 && errno == EAGAIN)
                return 0;
        if (n <= 0) {
                fail(loader, -EIO, "The users and groups of the policy could not be looked up.");
                return 0;
        }

        loader->n_received += (size_t) n;
        if (loader->n_received == wanted)
                finish(loader);
        return 0;
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata) {
        fail(userdata, -ETIMEDOUT,
             "Looking up the users and groups of the policy took too long (a directory service does not answer?).");
        return 0;
}

static void child_main(PolicyLoader *loader, int fd) {
        sigset_t none;

        /* neither our clients' sockets nor our cgroups are a directory service's business */
        if (fd > 3)
                (void) close_range(3, (unsigned) fd - 1, 0);
        (void) close_range((unsigned) fd + 1, ~0U, 0);
        /* what the loop had blocked for its signal descriptors */
        (void) sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        (void) signal(SIGPIPE, SIG_DFL);
        policy_resolve(loader->policy, send_id, &fd);
        _exit(0);
}

static int start_child(PolicyLoader *loader) {
        pid_t child;
        int fds[2];

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;

        child = fork();
        if (child < 0) {
                int r = -errno;

                closep(&fds[0]);
                closep(&fds[1]);
                return r;
        }
        if (child == 0)
                child_main(loader, fds[1]);

        closep(&fds[1]);
        loader->pipe_fd = fds[0];
        loader->child_fd = pidfd_open_process(child); /* if it has ended already there is nothing to kill */
        return fcntl(loader->pipe_fd, F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

static int resolve(PolicyLoader *loader) {
        int r;

        loader->ids = calloc(loader->n_ids, sizeof(uint32_t));
        if (!loader->ids)
                return -ENOMEM;

        r = start_child(loader);
        if (r >= 0)
                r = sd_event_add_io(loader->event, &loader->io, loader->pipe_fd, EPOLLIN, on_ids, loader);
        if (r >= 0)
                r = sd_event_add_time_relative(loader->event, &loader->timer, CLOCK_MONOTONIC, RESOLVE_TIMEOUT, 0,
                                               on_timeout, loader);
        return r;
}

void policy_loader_start(PolicyLoader *loader) {
        PolicyProblem problem = {};
        int r;

        reset(loader);
        r = policy_files_load(loader->conf_dir, POLICY_TRUST_ROOT, &loader->settings, &loader->policy, &problem);
        if (r < 0) {
                fail(loader, r, problem.text ? problem.text : strerror(-r));
                policy_problem_clear(&problem);
                return;
        }
        policy_problem_clear(&problem);

        policy_resolve(loader->policy, count_name, &loader->n_ids);
        if (loader->n_ids == 0) {
                finish(loader);
                return;
        }

        r = resolve(loader);
        if (r < 0)
                fail(loader, r, strerror(-r));
}

int policy_loader_new(sd_event *event, const char *conf_dir, policy_loaded_t loaded, void *userdata,
                      PolicyLoader **ret) {
        PolicyLoader *loader;

        loader = calloc(1, sizeof(*loader));
        if (!loader)
                return -ENOMEM;

        *loader = (PolicyLoader) {
                .event = sd_event_ref(event),
                .conf_dir = strdup(conf_dir),
                .loaded = loaded,
                .userdata = userdata,
                .pipe_fd = -1,
                .child_fd = -1,
        };
        if (!loader->conf_dir) {
                policy_loader_free(loader);
                return -ENOMEM;
        }

        *ret = loader;
        return 0;
}

PolicyLoader *policy_loader_free(PolicyLoader *loader) {
        if (!loader)
                return NULL;

        reset(loader);
        (void) sd_event_unref(loader->event);
        free(loader->conf_dir);
        free(loader);
        return NULL;
}
