/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "daemon/allowed-file.h"
#include "daemon/daemon.h"
#include "daemon/log.h"
#include "daemon/repair.h"
#include "daemon/request.h"
#include "daemon/sandbox.h"
#include "daemon/thaw-journal.h"
#include "lib/allowed-snapshot.h"
#include "lib/policy-file.h"
#include "lib/values.h"

#define FROZEN_DIR "frozen"
#define RESTARTS_DIR "restarts"
#define RATE_KEYS_MAX 4096
#define RESTART_RATE_KEYS_MAX 16384 /* 64 each for the users of 256 pools */
#define POLICY_PATIENCE (2 * USEC_PER_SEC)
#define POLICY_AGAIN_AFTER (10 * USEC_PER_SEC)
#define MEMBERS_DOUBLINGS_MAX 6
#define RESULTS_AGE_FIRST (10 * 60 * USEC_PER_SEC)

/* --- the policy -------------------------------------------------------------------------------------------------------- */

static int start_serving(Daemon *daemon) {
        int r;

        if (daemon->listener)
                return 0;

        r = listener_new(daemon, TAKE_FD(daemon->socket_fd), &daemon->listener);
        if (r < 0)
                return r;
        (void) sd_notify(false, "READY=1");
        return 0;
}

static void replace_problem(Daemon *daemon, const char *problem) {
        free(daemon->policy_problem);
        daemon->policy_problem = problem ? strdup(problem) : NULL;
}

/* Settings that say where things are apply at the next start; the rest at once. */
static void apply_settings(Daemon *daemon, const Settings *settings) {
        TreeKind tree = daemon->settings.tree;
        char root[TREE_ROOT_MAX + 1];

        memcpy(root, daemon->settings.tree_root, sizeof(root));
        daemon->settings = *settings;
        daemon->settings.tree = tree;
        memcpy(daemon->settings.tree_root, root, sizeof(root));
}

bool daemon_is_loading_policy(const Daemon *daemon) {
        return sd_event_source_get_enabled(daemon->patience, NULL) > 0;
}

static void end_patience(Daemon *daemon) {
        (void) sd_event_source_set_enabled(daemon->patience, SD_EVENT_OFF);
        request_resume_parked(daemon);
}

static int on_patience(sd_event_source *source, uint64_t usec, void *userdata) {
        end_patience(userdata);
        return 0;
}

/* No fault of the files: it may work the next time. */
static bool error_passes(int error) {
        return error == -EMFILE || error == -ENFILE || error == -ENOMEM || error == -EAGAIN || error == -EINTR ||
               error == -EIO || error == -ETIMEDOUT;
}

static int on_load_again(sd_event_source *source, uint64_t usec, void *userdata) {
        Daemon *daemon = userdata;

        if (daemon->reload_files)
                policy_loader_start(daemon->loader, daemon->policy);
        else
                policy_loader_look_up(daemon->loader, daemon->policy);
        return 0;
}

/* FILES: an administrator was told that his files are good, and would have to find out from the log that they are not in
 * force. Else only names could not be looked up. */
static void load_again(Daemon *daemon, bool files) {
        unsigned doublings = daemon->members_failed < MEMBERS_DOUBLINGS_MAX ? daemon->members_failed : MEMBERS_DOUBLINGS_MAX;

        daemon->reload_files = files;
        /* who is in a group can take a directory longer than it is given: nobody waits for it, so it has peace in between */
        (void) sd_event_source_set_time_relative(daemon->reload, POLICY_AGAIN_AFTER << (files || daemon->names_failed > 0 ? 0 : doublings));
        (void) sd_event_source_set_enabled(daemon->reload, SD_EVENT_ONESHOT);
}

/* Whom the policy in force lets do anything; NULL: nobody knows. */
static void publish_members(Daemon *daemon, const char *names, size_t size) {
        int r;

        r = allowed_file_write(daemon->paths.run_dir, daemon->settings.allowed_gid, names, size);
        if (r < 0)
                log_failure(NULL, "The members of the group " ALLOWED_GROUP " cannot be written: %s",
                            strerror(-r));
}

static void take_policy(Daemon *daemon, const Settings *settings, Policy *policy, size_t n_failed) {
        policy_free(daemon->policy);
        daemon->policy = policy;
        apply_settings(daemon, settings);
        daemon->policy_loaded = 0;
        (void) sd_event_now(daemon->event, CLOCK_REALTIME, &daemon->policy_loaded);
        if (n_failed == 0)
                log_event(LOG_KIND_POLICY_LOADED, UID_NONE, NULL, "A policy of %zu sections is in force.",
                          policy->n_sections);
        else
                log_event(LOG_KIND_POLICY_LOADED, UID_NONE, NULL,
                          "A policy of %zu sections is in force; %zu of its users and groups could not be looked up (a "
                          "directory service does not answer?), which is tried again.",
                          policy->n_sections, n_failed);
        daemon->names_failed = n_failed;
        daemon->members_due = true;
        daemon->members_failed = 0;
}

static void on_policy(int error, const char *problem, const Settings *settings, Policy *policy,
                      size_t n_failed, void *userdata) {
        Daemon *daemon = userdata;
        int r;

        (void) sd_event_source_set_enabled(daemon->reload, SD_EVENT_OFF);
        replace_problem(daemon, problem);
        if (error < 0) {
                /* whatever was in force stays in force; at the first start that is "everything is refused"
                 */
                log_event(LOG_KIND_POLICY_INVALID, UID_NONE, NULL, "The policy in force stays in force: %s",
                          problem);
                if (daemon->policy_loaded == 0)
                        publish_members(daemon, "", 0);
                if (error_passes(error) || daemon->names_failed > 0 || daemon->members_due)
                        load_again(daemon, error_passes(error));
        } else {
                take_policy(daemon, settings, policy, n_failed);
                if (n_failed > 0)
                        load_again(daemon, false);
        }

        end_patience(daemon);
        r = start_serving(daemon);
        if (r < 0) {
                log_failure(NULL, "The private socket cannot be served: %s", strerror(-r));
                (void) sd_event_exit(daemon->event, r);
        }
}

static void on_names(size_t n_failed, void *userdata) {
        Daemon *daemon = userdata;

        if (n_failed > 0)
                load_again(daemon, false);
        else if (daemon->names_failed > 0)
                log_event(LOG_KIND_POLICY_LOADED, UID_NONE, NULL,
                          "All users and groups of the policy in force have been looked up.");
        daemon->names_failed = n_failed;
}

static void on_members(NameMembersState state, const char *names, size_t size, void *userdata) {
        Daemon *daemon = userdata;

        daemon->members_due = state == NAME_MEMBERS_FAILED; /* a reload of bad files does not forget it */
        daemon->members_failed = daemon->members_due ? daemon->members_failed + 1 : 0;
        publish_members(daemon, names, size);
        if (state == NAME_MEMBERS_CUT)
                log_failure(NULL, "The policy allows more users than the group " ALLOWED_GROUP
                                  " can have, or goes through; it has only some of them.");
        if (state == NAME_MEMBERS_FAILED && sd_event_source_get_enabled(daemon->reload, NULL) == 0)
                load_again(daemon, false);
}

static int on_reload(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        Daemon *daemon = userdata;

        (void) sd_event_source_set_time_relative(daemon->patience, POLICY_PATIENCE);
        (void) sd_event_source_set_enabled(daemon->patience, SD_EVENT_ONESHOT);
        policy_loader_start(daemon->loader, daemon->policy);
        return 0;
}

/* --- jobs --------------------------------------------------------------------------------------------------------------- */

static void on_job_added(const Job *job, void *userdata) {
        const Daemon *daemon = userdata;

        system_bus_job_new(daemon->bus, job->record);
        if (job->record->on_logout != ON_LOGOUT_KEEP)
                logout_look(daemon->logout);
}

static void on_job_ended(const JobRecord *record, void *userdata) {
        const Daemon *daemon = userdata;

        system_bus_job_removed(daemon->bus, record);
        if (daemon->restarts)
                system_restarts_job_ended(daemon->restarts, record);
}

static void on_pool_found(Pool *pool, void *userdata) {
        Daemon *daemon = userdata;
        int r;

        repair_discover(pool);
        r = job_set_discover(daemon->jobs, pool);
        if (r < 0)
                log_failure(NULL, "The jobs of %s cannot be found again: %s", pool_path(pool), strerror(-r));
}

static int raise_id_floor(Job *job, void *userdata) {
        uint64_t *floor = userdata;

        if (job->record->id > *floor)
                *floor = job->record->id;
        return 0;
}

static int find_jobs(Daemon *daemon) {
        uint64_t floor = 0;
        int r;

        r = pool_set_discover(daemon->pools, on_pool_found, daemon);
        if (r < 0)
                return r;

        (void) job_set_each(daemon->jobs, UID_NONE, raise_id_floor, &floor);
        job_store_set_floor(daemon->store, floor);
        return 0;
}

/* --- the parts ---------------------------------------------------------------------------------------------------------- */

static int open_directory(const char *parent, const char *name, int *ret_fd) {
        _cleanup_close_ int dir = -1;
        int fd;

        dir = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (dir < 0)
                return -errno;
        if (mkdirat(dir, name, 0700) < 0 && errno != EEXIST)
                return -errno;
        fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                return -errno;

        *ret_fd = fd;
        return 0;
}

static int set_up_signals(Daemon *daemon) {
        sd_event_source *reload = NULL;
        sigset_t mask;
        int r;

        /* children (policy-loader.h) are reaped by the kernel */
        (void) signal(SIGCHLD, SIG_IGN);
        (void) signal(SIGPIPE, SIG_IGN);

        (void) sigemptyset(&mask);
        (void) sigaddset(&mask, SIGTERM);
        (void) sigaddset(&mask, SIGINT);
        (void) sigaddset(&mask, SIGHUP);
        if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
                return -errno;

        r = sd_event_add_signal(daemon->event, NULL, SIGTERM, NULL, NULL);
        if (r >= 0)
                r = sd_event_add_signal(daemon->event, NULL, SIGINT, NULL, NULL);
        if (r >= 0)
                r = sd_event_add_signal(daemon->event, &reload, SIGHUP, on_reload, daemon);
        /* before any request that came after it */
        if (r >= 0)
                r = sd_event_source_set_priority(reload, SD_EVENT_PRIORITY_IMPORTANT);
        if (r >= 0)
                r = sd_event_source_set_floating(reload, true);
        (void) sd_event_source_unref(reload);
        if (r >= 0)
                r = sd_event_add_time(daemon->event, &daemon->patience, CLOCK_MONOTONIC, UINT64_MAX, 0, on_patience,
                                      daemon);
        if (r >= 0)
                r = sd_event_source_set_enabled(daemon->patience, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_time(daemon->event, &daemon->reload, CLOCK_MONOTONIC, UINT64_MAX, 0, on_load_again,
                                      daemon);
        if (r >= 0)
                r = sd_event_source_set_enabled(daemon->reload, SD_EVENT_OFF);
        return r;
}

static int set_up_files(Daemon *daemon) {
        int r;

        r = open_directory(daemon->paths.run_dir, FROZEN_DIR, &daemon->journal_fd);
        if (r >= 0)
                r = open_directory(daemon->paths.state_dir, ".", &daemon->state_fd);
        if (r >= 0)
                r = kernel_open(daemon->settings.tree_root, &daemon->kernel);
        if (r < 0)
                return r;

        r = thaw_journal_replay(daemon->journal_fd, daemon->kernel.cgroup_fd);
        if (r < 0)
                return r;
        daemon->sandboxes = sandbox_is_possible(daemon->kernel.proc_fd, daemon->kernel.cgroup_fd);
        if (!daemon->sandboxes)
                log_event(LOG_KIND_STARTED, UID_NONE, NULL,
                          "bpf() is forbidden in this container: no unit can have a cgroup BPF program that a move "
                          "would leave behind.");
        return 0;
}

static int set_up_restarts(Daemon *daemon) {
        int fd, r;

        if (!daemon->system)
                return 0;
        r = open_directory(daemon->paths.run_dir, RESTARTS_DIR, &fd);
        return r < 0 ? r : system_restarts_new(daemon, fd, &daemon->restarts);
}

static int set_up_parts(Daemon *daemon) {
        JobListener listener = { .added = on_job_added, .ended = on_job_ended, .userdata = daemon };
        int r = 0;

        if (daemon->settings.tree == TREE_SYSTEMD)
                r = systemd_manager_new(daemon->event, &daemon->kernel, UID_NONE, &daemon->system);
        if (r >= 0)
                r = job_store_new(daemon->state_fd, &daemon->store);
        if (r >= 0)
                r = rate_table_new(RATE_KEYS_MAX, &daemon->rates);
        if (r >= 0)
                r = rate_table_new(RESTART_RATE_KEYS_MAX, &daemon->restart_rates);
        if (r >= 0)
                r = pam_sessions_new(&daemon->pam_sessions);
        if (r >= 0)
                r = pool_set_new(daemon->event, &daemon->settings, daemon->kernel.cgroup_fd, daemon->system,
                                 &daemon->pools);
        if (r >= 0)
                r = job_set_new(daemon->event, &daemon->kernel, &daemon->settings, daemon->store, &listener,
                                &daemon->jobs);
        if (r >= 0)
                r = find_jobs(daemon);
        if (r >= 0)
                r = job_store_age_new(daemon->event, daemon->store, &daemon->settings, RESULTS_AGE_FIRST,
                                      &daemon->store_age);
        if (r >= 0)
                r = set_up_restarts(daemon);
        if (r >= 0 && daemon->paths.system_bus)
                r = system_bus_new(daemon, &daemon->bus);
        if (r >= 0 && daemon->paths.system_bus)
                r = logout_new(daemon->event, daemon->jobs, &daemon->logout);
        return r;
}

/* They decide where the tree is, and which results are dropped; the policy proper is loaded by the loop, and a bad file of it
 * changes nothing here. If what is to be kept is not known, all is, until a reload says it. */
static int load_settings(Daemon *daemon) {
        PolicyProblem problem = {};
        int r;

        r = policy_files_load_settings(daemon->paths.conf_dir, POLICY_TRUST_ROOT, &daemon->settings,
                                       &problem);
        policy_problem_clear(&problem);
        if (r < 0) {
                settings_init(&daemon->settings);
                daemon->settings.results_max = UINT32_MAX;
                daemon->settings.results_age = LIMIT_NONE;
        }
        return error_passes(r) ? r : 0;
}

static int set_up_loader(Daemon *daemon) {
        PolicyHandler handler = {
                .loaded = on_policy,
                .looked_up = on_names,
                .members = on_members,
                .userdata = daemon,
        };

        return policy_loader_new(daemon->event, daemon->paths.conf_dir, &handler, &daemon->loader);
}

int daemon_new(const DaemonPaths *paths, int socket_fd, Daemon **ret) {
        _cleanup_(daemon_freep) Daemon *daemon = NULL;
        int r;

        daemon = calloc(1, sizeof(*daemon));
        if (!daemon) {
                closep(&socket_fd);
                return -ENOMEM;
        }

        *daemon = (Daemon) {
                .paths = *paths,
                .kernel = KERNEL_INIT,
                .state_fd = -1,
                .journal_fd = -1,
                .socket_fd = socket_fd,
        };
        LIST_INIT(&daemon->parked);
        daemon->policy = calloc(1, sizeof(*daemon->policy));
        if (!daemon->policy)
                return -ENOMEM;
        daemon->policy->invalid = true; /* until there is one */

        r = load_settings(daemon);
        if (r >= 0)
                r = sd_event_new(&daemon->event);
        if (r >= 0)
                r = set_up_signals(daemon);
        if (r >= 0)
                r = set_up_files(daemon);
        if (r >= 0)
                r = set_up_parts(daemon);
        if (r >= 0)
                r = set_up_loader(daemon);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(daemon);
        return 0;
}

Daemon *daemon_free(Daemon *daemon) {
        if (!daemon)
                return NULL;

        listener_free(daemon->listener);
        (void) sd_event_source_disable_unref(daemon->patience);
        (void) sd_event_source_disable_unref(daemon->reload);
        system_bus_free(daemon->bus);
        logout_free(daemon->logout);
        policy_loader_free(daemon->loader);
        system_restarts_free(daemon->restarts);
        job_set_free(daemon->jobs);
        pool_set_free(daemon->pools);
        rate_table_free(daemon->rates);
        rate_table_free(daemon->restart_rates);
        pam_sessions_free(daemon->pam_sessions);
        job_store_age_free(daemon->store_age);
        job_store_free(daemon->store);
        systemd_manager_free(daemon->system);
        kernel_done(&daemon->kernel);
        fd_reserve_release(&daemon->reserve);
        closep(&daemon->journal_fd);
        closep(&daemon->state_fd);
        closep(&daemon->socket_fd);
        policy_free(daemon->policy);
        free(daemon->policy_problem);
        (void) sd_event_unref(daemon->event);
        free(daemon);
        return NULL;
}

int daemon_run(Daemon *daemon) {
        int r;

        log_event(LOG_KIND_STARTED, UID_NONE, NULL, "cgmoved has found %u jobs.",
                  job_set_count(daemon->jobs));
        policy_loader_start(daemon->loader, daemon->policy);
        r = sd_event_loop(daemon->event);
        (void) sd_notify(false, "STOPPING=1");
        return r;
}
