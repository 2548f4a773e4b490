/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the daemon tells an administrator: journal entries with fields to search for. A thing is logged once,
 * where it is handled. Nothing here waits for the journal or fails. It is the one thing in the daemon that
 * is there once for the process, as standard error is: an object would be handed through every function for
 * the sake of its errors.
 *
 * Fields, besides MESSAGE, PRIORITY, MESSAGE_ID and SYSLOG_IDENTIFIER=cgmoved:
 *   CGMOVE_EVENT       the name of the kind, as in the table below
 *   CGMOVE_UID         whose job or request it is
 *   CGMOVE_JOB         the job's id
 *   CGMOVE_INVOCATION  its 128-bit id
 *   CGMOVE_NAME        its name
 *   CGMOVE_RESULT      how it ended
 *   CGMOVE_CALLER_PID  the process that asked
 *   CGMOVE_PID         the process that it is about
 *   CGMOVE_SOURCE      where that was, as a policy names it
 *   CGMOVE_POLICY      the policy section that decided
 *   CGMOVE_UNIT        what a restart is about, "user:NAME" or "system:NAME"
 *   CGMOVE_SERVICE     the PAM service that opened a session
 *   CGMOVE_ERROR       the name of the error, without "org.cgmove1.Error."
 *   ERRNO              the system's error number */

#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-id128.h>

#include "daemon/caller.h"
#include "daemon/target.h"
#include "lib/job-record.h"

typedef enum LogKind {
        LOG_KIND_STARTED,            /* daemon-started: the daemon serves requests */
        LOG_KIND_POLICY_LOADED,      /* policy-loaded: a policy was read and is in force */
        LOG_KIND_POLICY_INVALID,     /* policy-invalid: a policy was refused; the earlier one stays */
        LOG_KIND_MOVED,              /* move-done: processes became a job */
        LOG_KIND_REFUSED,            /* move-refused: a request was refused, with the reason */
        LOG_KIND_ENDED,              /* job-ended: a job's last process is gone */
        LOG_KIND_STOPPED,            /* job-stopped: a job was signalled or stopped */
        LOG_KIND_POOL_STARTED,       /* pool-started: a user's pool runs */
        LOG_KIND_POOL_STOPPED,       /* pool-stopped: a user's pool is gone, idle or stopped by hand */
        LOG_KIND_REUSE_REPAIRED,     /* pid-reuse-repaired: a stranger in a job, by a reused PID, is out */
        LOG_KIND_QUARANTINED,        /* quarantine: he is there, since his own place is unknown */
        LOG_KIND_LIMIT_REACHED,      /* limit-reached: jobs, tasks, pools or rate */
        LOG_KIND_CONNECTION_REFUSED, /* connection-refused: a client was turned away or dropped */
        LOG_KIND_FAILURE,            /* internal-failure: something that should work did not */
        LOG_KIND_HIDDEN,             /* lines-hidden: many of one user, which are only counted */
        LOG_KIND_RESTART_ASKED,      /* restart-asked: a process became a job that restarts a unit */
        LOG_KIND_RESTART_JOINED,     /* restart-joined: one who asked was given a restart under way */
        LOG_KIND_RESTART_REFUSED,    /* restart-refused: a restart was refused, with the reason */
        LOG_KIND_UNIT_RESTART,       /* unit-restart: PID 1 was asked to restart a unit for a job */
        LOG_KIND_UNIT_START,         /* unit-start: ... to start it, since it failed after that */
        LOG_KIND_SESSION_OPENED,     /* session-opened: PAM says that a session of a user whom the policy names begins */
        LOG_KIND_SESSION_CLOSED,     /* session-closed: ... that it ends */
        LOG_KIND_LOGOUT,             /* logout: a job is stopped, as its policy ends it at this logout */
        LOG_KIND_LOGIND,             /* logind: it cannot be asked, or can again */
        LOG_KIND_LAST = LOG_KIND_LOGIND,
} LogKind;

/* clang-format off */
/* Never change one: they are what administrators search for. */
#define LOG_ID_STARTED            SD_ID128_MAKE(58,2b,98,0e,cb,ed,4c,f6,b8,f1,d6,27,ef,d9,b1,d4)
#define LOG_ID_POLICY_LOADED      SD_ID128_MAKE(81,dc,4a,86,52,f7,4f,cd,95,fd,1c,4e,66,42,33,57)
#define LOG_ID_POLICY_INVALID     SD_ID128_MAKE(a8,dc,0e,16,c5,93,45,17,be,7e,cb,9a,81,03,d2,02)
#define LOG_ID_MOVED              SD_ID128_MAKE(a1,e3,20,a2,a6,d9,4c,20,99,74,96,0a,d6,29,75,d2)
#define LOG_ID_REFUSED            SD_ID128_MAKE(c5,4f,40,ea,6a,a6,46,47,aa,70,17,6f,84,c0,77,12)
#define LOG_ID_ENDED              SD_ID128_MAKE(d2,a5,e6,3b,a0,57,45,0e,c9,50,2c,d9,71,83,91,3f)
#define LOG_ID_STOPPED            SD_ID128_MAKE(9a,7d,67,88,66,a2,4c,67,91,be,fc,4e,68,1e,db,f3)
#define LOG_ID_POOL_STARTED       SD_ID128_MAKE(c2,fb,e2,7a,ed,8b,46,03,99,ea,78,99,dd,e1,ca,57)
#define LOG_ID_POOL_STOPPED       SD_ID128_MAKE(44,35,23,d5,97,fa,4b,39,08,f3,38,2d,b9,63,3d,b0)
#define LOG_ID_REUSE_REPAIRED     SD_ID128_MAKE(23,ab,e2,9a,c4,fe,32,63,1b,a6,a9,22,28,73,42,39)
#define LOG_ID_QUARANTINED        SD_ID128_MAKE(eb,4b,58,dc,32,53,42,75,8b,8d,87,28,f6,57,2f,21)
#define LOG_ID_LIMIT_REACHED      SD_ID128_MAKE(0d,7e,41,09,de,24,42,55,ba,c4,5c,5c,4e,5e,e5,dc)
#define LOG_ID_CONNECTION_REFUSED SD_ID128_MAKE(fe,b8,26,94,6b,b5,4e,d9,9a,fe,73,c5,d5,eb,1e,ed)
#define LOG_ID_FAILURE            SD_ID128_MAKE(79,df,6d,e4,21,f6,4e,12,b8,62,51,40,b5,14,49,a2)
#define LOG_ID_HIDDEN             SD_ID128_MAKE(85,aa,a6,2b,4a,15,4d,5c,80,2d,0a,a0,ed,1d,bc,77)
#define LOG_ID_RESTART_ASKED      SD_ID128_MAKE(8a,04,e1,ed,c9,f2,4c,f2,9f,65,da,53,f6,cf,bb,13)
#define LOG_ID_RESTART_JOINED     SD_ID128_MAKE(4c,1b,8b,da,e9,38,4b,91,a1,87,f2,3b,5a,33,24,e7)
#define LOG_ID_RESTART_REFUSED    SD_ID128_MAKE(b0,18,13,5f,7e,40,43,44,89,70,b0,64,a8,0c,42,51)
#define LOG_ID_UNIT_RESTART       SD_ID128_MAKE(ed,db,78,f9,d4,7f,49,41,b8,b5,6b,f9,f7,ad,24,bc)
#define LOG_ID_UNIT_START         SD_ID128_MAKE(30,09,c7,c4,c6,5d,45,96,89,e7,9f,cc,31,1f,c2,bf)
#define LOG_ID_SESSION_OPENED     SD_ID128_MAKE(4e,b7,5c,d9,d3,28,48,0d,b7,4b,16,1c,3e,90,80,03)
#define LOG_ID_SESSION_CLOSED     SD_ID128_MAKE(32,93,14,41,aa,48,4b,2f,84,f6,8f,5a,97,5c,8a,8d)
#define LOG_ID_LOGOUT             SD_ID128_MAKE(02,26,a2,e5,35,bf,44,4b,a4,ee,e2,a3,6a,67,52,fb)
#define LOG_ID_LOGIND             SD_ID128_MAKE(4d,a6,90,fe,77,fb,40,ce,bc,b6,ad,a6,b3,e7,25,a0)
/* clang-format on */

/* All optional: NULL, 0. */
typedef struct LogFields {
        const JobRecord *record; /* gives job, invocation, name, result, source, policy and unit */
        uint64_t job;
        pid_t caller_pid;
        pid_t pid;
        const char *source;
        const char *policy;
        const char *unit;
        const char *service;
        const char *error; /* a CGMOVE_ERROR_* name */
        int error_number;  /* positive or negative */
} LogFields;

/* Where to: the journal's socket at PATH; NULL: the journal if standard error or output is connected to
 * it, else standard error. Without a call, and after log_close(), it is standard error. */
void log_open(const char *path);
void log_close(void);

/* The kind gives priority and message id. UID: whose job or request it is, UID_NONE if nobody's. What a
 * user can cause at will (REFUSED, STOPPED, LIMIT_REACHED, CONNECTION_REFUSED, RESTART_JOINED,
 * RESTART_REFUSED, SESSION_OPENED and SESSION_CLOSED) is limited for each user, see log-limit.h. */
void log_event(LogKind kind, uid_t uid, const LogFields *fields, const char *format, ...)
                __attribute__((format(printf, 4, 5)));

const char *log_kind_to_string(LogKind kind);
sd_id128_t log_kind_id(LogKind kind);

/* --- the usual ones -------------------------------------------------------------------------------- */

/* Something that should work did not; RECORD may be NULL. */
void log_failure(const JobRecord *record, const char *format, ...) __attribute__((format(printf, 2, 3)));

void log_move_done(const Caller *caller, const JobRecord *record, size_t n_processes);

/* ERROR: a CGMOVE_ERROR_* name; the ones about limits are of kind LIMIT_REACHED. TARGET may be NULL. UNIT: what
 * was to be restarted; NULL for any other move. */
void log_move_refused(const Caller *caller, const Target *target, const char *unit, const char *error,
                      const char *message);

/* CALLER was given RECORD's restart, which was under way. */
void log_restart_joined(const Caller *caller, const JobRecord *record);

void log_job_ended(const JobRecord *record);
void log_job_signalled(const JobRecord *record, uid_t caller, int sig);
void log_connection_refused(uid_t uid, pid_t pid, const char *why);

/* The stranger PID came into RECORD's job and was sent to WHERE ("quarantine": of kind QUARANTINED) with
 * the result ERROR. */
void log_stranger(const JobRecord *record, pid_t pid, const char *where, int error);
