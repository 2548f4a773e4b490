/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The daemon's state and loop. Data goes one way: socket (listener, connection), facts (caller, target,
 * sandbox), verdict (decision), move (request, move), verify (move), record (job, job-store, log). */

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <systemd/sd-event.h>

#include "daemon/fd-reserve.h"
#include "daemon/job-store-age.h"
#include "daemon/job-store.h"
#include "daemon/job-view.h"
#include "daemon/job.h"
#include "daemon/kernel.h"
#include "daemon/listener.h"
#include "daemon/logout.h"
#include "daemon/pam-sessions.h"
#include "daemon/policy-loader.h"
#include "daemon/pool.h"
#include "daemon/rate.h"
#include "daemon/system-bus.h"
#include "daemon/system-restart.h"
#include "daemon/systemd-manager.h"
#include "lib/policy.h"
#include "lib/settings.h"

typedef struct Request Request;

/* Where things are; the installed program passes what it was configured with, and takes no other word for
 * it. */
typedef struct DaemonPaths {
        const char *conf_dir;
        const char *state_dir;
        const char *run_dir;
        bool system_bus; /* whether to appear there */
} DaemonPaths;

struct Daemon {
        DaemonPaths paths;
        sd_event *event;
        Kernel kernel;
        FdReserve reserve;       /* for moves that have to be undone */
        bool sandboxes;          /* whether cgroups can have BPF programs here; see sandbox.h */
        Settings settings;
        Policy *policy;          /* in force; never NULL once the daemon runs */
        uint64_t policy_loaded;  /* CLOCK_REALTIME, microseconds; 0: none yet */
        char *policy_problem;    /* why the last load failed; NULL if it did not */
        PolicyLoader *loader;
        sd_event_source *reload;   /* runs when the last load failed for want of something that may be there later */
        bool reload_files;         /* all of it then; else only names are looked up again */
        size_t names_failed;       /* of the policy in force, at the last look-up */
        bool members_due;          /* whom it lets do anything has not been published yet */
        unsigned members_failed;   /* how often in a row that could not be found out */
        sd_event_source *patience; /* runs while a policy is loaded that moves wait for */
        LIST_HEAD(RequestList, Request) parked; /* those moves; see request.c */
        int state_fd;            /* results */
        int journal_fd;          /* see thaw-journal.h */
        int socket_fd;           /* until the listener has it */
        SystemdManager *system;  /* PID 1; NULL with TREE_DIRECT */
        PoolSet *pools;
        JobStore *store;
        JobStoreAge *store_age;
        JobSet *jobs;
        RateTable *rates;
        RateTable *restart_rates; /* of restarts, which have one for each unit */
        PamSessions *pam_sessions; /* that modules have reported */
        SystemRestarts *restarts; /* NULL with TREE_DIRECT */
        Listener *listener;
        SystemBus *bus;
        Logout *logout;          /* NULL without a system bus to ask on: jobs stay then */
        JobView public_view;     /* of the message of the system bus in hand */
};

/* SOCKET_FD: the listening private socket, taken over. Loads the policy, finds the jobs. Returns 0 or a
 * negative errno, and says in the log what is wrong. */
int daemon_new(const DaemonPaths *paths, int socket_fd, Daemon **ret);
Daemon *daemon_free(Daemon *daemon);
DEFINE_CLEANUP(Daemon, daemon_free)

/* Whether a policy is being loaded, and not yet for so long (a directory service that hangs) that moves had
 * better be decided by the one in force. */
bool daemon_is_loading_policy(const Daemon *daemon);

/* Runs until SIGTERM or SIGINT. */
int daemon_run(Daemon *daemon);
