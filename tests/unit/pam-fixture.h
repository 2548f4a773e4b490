/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the PAM module finds around it: a libpam of a few functions (they stand in the program, before those
 * of the library), and daemons that are none. */

#include <pwd.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "nss-pam/pam-session.h"

#define PAM_FIXTURE_VARIABLES 8

struct pam_handle {
        const char *user;
        const char *service;
        char *variables[PAM_FIXTURE_VARIABLES]; /* of the PAM environment */
        void *data;
        void (*cleanup)(pam_handle_t *handle, void *data, int status);
        struct passwd passwd; /* of pam_modutil_getpwnam() */
        char buffer[1024];
        char said[4096]; /* lines to the system log, each "PRIORITY TEXT\n" */
};

/* Frees what the module has kept and put there. */
void pam_fixture_end(pam_handle_t *handle);

typedef enum FalseDaemon {
        DAEMON_ANSWERS,     /* sd-bus, which gives the number 17 */
        DAEMON_NO_POLICY,   /* 0 */
        DAEMON_REFUSES,     /* an error */
        DAEMON_HANGS,       /* takes the connection, and nothing else */
        DAEMON_NEVER_TAKES, /* not even that; its queue is full */
        DAEMON_HALF,        /* stops in the middle of its answer */
        DAEMON_TRICKLES,    /* a byte now and then */
        DAEMON_FLOODS,      /* for ever */
        DAEMON_HANGS_UP,
        DAEMON_GARBAGE,
        DAEMON_LARGE, /* announces an answer of 2 GiB */
        N_FALSE_DAEMONS,
} FalseDaemon;

/* A process that listens on a socket in a folder of its own. */
typedef struct DaemonFixture {
        char folder[32];
        char path[64];
        pid_t pid;
        int log_fd; /* a pipe: a line for each call that it was made, "MEMBER UID SERVICE N_GIDS" */
} DaemonFixture;

void daemon_fixture_start(DaemonFixture *fixture, FalseDaemon kind);
void daemon_fixture_stop(DaemonFixture *fixture);

/* The next line of the log; waits for it. */
void daemon_fixture_read(DaemonFixture *fixture, char *line, size_t size);

/* What the module says to the system log of each of them, with debug. */
extern const char *const said_of[N_FALSE_DAEMONS];

/* Words behind the module: who does not answer at all is not to be waited for for long here (150 ms); who
 * answers may be slow, on a machine that does other things. The first of the patient ones is no debug. */
extern const char *const hasty[2];
extern const char *const patient[2];
const char *const *words_for(FalseDaemon kind);

#define GENEROUS 20000 /* milliseconds, for such a machine */
uint64_t now_ms(void);

/* The user who runs the test. The first call is for one thread. */
const char *me(void);

/* The daemon, and runtime directories in its folder. */
PamPlace place_of(const DaemonFixture *fixture);

void assert_said(const pam_handle_t *handle, const char *text);
void assert_call(DaemonFixture *fixture, const char *member, const char *service);
