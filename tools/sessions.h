/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a logout does, as the daemon tells it: the answer of GetSessions(), see org.cgmove1(5). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/job-record.h"
#include "lib/origin.h"
#include "lib/protocol.h"
#include "tools/client.h"
#include "tools/failure.h"

#define SESSION_WORD_MAX 256

typedef struct SessionUser {
        uint32_t uid;
        char name[SESSION_WORD_MAX]; /* "": the daemon does not know it */
        bool logged_in;
        char lingers[16]; /* "yes", "no", "unknown" */
        char kills[16];   /* whether logind kills what is left in a session: the same words */
        char rule[64];    /* the option of logind.conf that has it so */
        uint32_t jobs;
} SessionUser;

typedef struct Session {
        char id[ORIGIN_MAX + 1];
        uint32_t uid;
        char service[SESSION_WORD_MAX], class[64], state[64];
        uint32_t jobs; /* that came from it */
} Session;

typedef struct SessionJob {
        uint64_t id;
        uint32_t uid;
        char name[CGMOVE_JOB_NAME_MAX + 1], section[JOB_RECORD_SECTION_MAX + 1];
        char on_logout[16];
        char origin[ORIGIN_MAX + 1];
        char at_logout[32]; /* "stays", "ends-with-session", "ends-with-last-logout" */
        char reason[32];    /* a word for programs */
        char message[1024]; /* a sentence */
} SessionJob;

typedef struct SessionReport {
        bool logind; /* it answers the daemon */
        SessionUser *users;
        size_t n_users;
        Session *sessions;
        size_t n_sessions;
        SessionJob *jobs; /* by id */
        size_t n_jobs;
} SessionReport;

/* Returns 0, or an exit status with FAILURE filled; the caller calls session_report_done() on success. */
int session_report_get(Client **client, SessionReport *ret, Failure *failure);
void session_report_done(SessionReport *report);
