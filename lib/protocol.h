/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The names on the wire, see org.cgmove1(5). */

#define CGMOVE_RUN_DIR "/run/cgmove"
#define CGMOVE_PRIVATE_SOCKET CGMOVE_RUN_DIR "/private"

#define CGMOVE_BUS_NAME "org.cgmove1"
#define CGMOVE_PATH "/org/cgmove1"
#define CGMOVE_JOB_PREFIX "/org/cgmove1/job" /* /org/cgmove1/job/_17 would be systemd's way; ids are safe as they are */
#define CGMOVE_MANAGER_INTERFACE "org.cgmove1.Manager"
#define CGMOVE_JOB_INTERFACE "org.cgmove1.Job"

#define CGMOVE_ERROR_DENIED "org.cgmove1.Error.Denied"
#define CGMOVE_ERROR_NOT_YOURS "org.cgmove1.Error.NotYours"
#define CGMOVE_ERROR_MAIN_PROCESS "org.cgmove1.Error.MainProcess"
#define CGMOVE_ERROR_NO_SUCH_PROCESS "org.cgmove1.Error.NoSuchProcess"
#define CGMOVE_ERROR_NO_SUCH_JOB "org.cgmove1.Error.NoSuchJob"
#define CGMOVE_ERROR_SANDBOX_LOST "org.cgmove1.Error.SandboxLost"
#define CGMOVE_ERROR_FROZEN "org.cgmove1.Error.Frozen"
#define CGMOVE_ERROR_LIMIT_REACHED "org.cgmove1.Error.LimitReached"
#define CGMOVE_ERROR_RATE_LIMITED "org.cgmove1.Error.RateLimited"
#define CGMOVE_ERROR_BUSY "org.cgmove1.Error.Busy"
#define CGMOVE_ERROR_POLICY_INVALID "org.cgmove1.Error.PolicyInvalid"
#define CGMOVE_ERROR_NEEDS_RELOAD "org.cgmove1.Error.NeedsReload"
#define CGMOVE_ERROR_UNSUPPORTED "org.cgmove1.Error.Unsupported"
#define CGMOVE_ERROR_INVALID "org.cgmove1.Error.InvalidArgument"
#define CGMOVE_ERROR_FAILED "org.cgmove1.Error.Failed"

/* Limits that clients meet; the table in cgmoved(8) repeats them, and each has a test. */
#define CGMOVE_CONNECTIONS_MAX 512
#define CGMOVE_CONNECTIONS_PER_USER_MAX 64
#define CGMOVE_REQUESTS_PER_USER_MAX 32 /* Move and Wait calls that wait for an answer */
#define CGMOVE_TARGETS_PER_USER_MAX 8192 /* processes of all such calls: two trees */
#define CGMOVE_UNREAD_PER_USER_MAX 4    /* connections with answers that have not been read */
#define CGMOVE_MESSAGE_MAX (256 * 1024) /* bytes that may arrive for one message */
#define CGMOVE_PROCESSES_MAX 128        /* pidfds in one Move */
#define CGMOVE_TREE_MAX 4096            /* processes of one tree */
#define CGMOVE_PROCESSES_TOLD_MAX 64    /* of a job, in its Processes */
#define CGMOVE_JOB_NAME_MAX 64          /* bytes */
#define CGMOVE_COMMAND_MAX 256          /* bytes kept of a command line, for display */
#define CGMOVE_LOG_PATH_MAX 1024        /* bytes */
#define CGMOVE_OUTCOME_MAX 8192         /* bytes of JSON that a restart tells of itself */
#define CGMOVE_SESSIONS_MAX 1024        /* sessions that PAM has opened and the daemon remembers */
#define CGMOVE_SESSIONS_PER_USER_MAX 64
#define CGMOVE_PAM_SERVICE_MAX 64       /* bytes of the name of the PAM service that opened one */
#define CGMOVE_PAM_SERVICE_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:@-"

/* How a job ended; the "Result" of a job and of the signal JobRemoved. */
#define CGMOVE_RESULT_DONE "done"               /* its command ended with status 0 */
#define CGMOVE_RESULT_FAILED "failed"           /* its command ended with another status or by a signal */
#define CGMOVE_RESULT_STOPPED "stopped"         /* by `cgmove stop` */
#define CGMOVE_RESULT_KILLED "killed"           /* by `cgmove kill` */
#define CGMOVE_RESULT_TIMEOUT "timeout"         /* runtime-max was reached */
#define CGMOVE_RESULT_OOM "oom"                 /* memory-max was reached */
#define CGMOVE_RESULT_POOL_STOPPED "pool-stopped" /* the administrator stopped cgmove@UID.service */
#define CGMOVE_RESULT_LOGOUT "logout"           /* its user has logged out, and on-logout ends it then */
#define CGMOVE_RESULT_ENDED "ended"             /* no status is known */
