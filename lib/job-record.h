/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What is known of a job: one versioned JSON object, on the job's cgroup while it lives and in
 * /var/lib/cgmove/UID/ID.json afterwards. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-id128.h>

#include "lib/cleanup.h"
#include "lib/limits.h"
#include "lib/on-logout.h"

#define JOB_RECORD_VERSION 1
#define JOB_RECORD_SIZE_MAX 24576   /* bytes of JSON: 8192, and an outcome of which every byte is escaped */
#define JOB_RECORD_SOURCE_MAX 300   /* bytes: "system:" and a unit name */
#define JOB_RECORD_SECTION_MAX 255  /* bytes */
#define JOB_RECORD_LOGIN_MAX 255    /* bytes */

typedef enum JobKind { JOB_RUN, JOB_EXEC, JOB_MOVE, JOB_RESTART } JobKind;

/* Whom a stop that is under way may end. */
typedef enum JobReach {
        JOB_REACH_NOBODY,   /* nobody stops it */
        JOB_REACH_OWNER,    /* processes whose three user ids are the owner's */
        JOB_REACH_EVERYONE, /* cgroup.kill */
} JobReach;

/* One allocation: the strings lie behind the struct and are freed with it. */
typedef struct JobRecord {
        uint64_t id;
        sd_id128_t invocation_id;
        uid_t uid;
        JobKind kind;
        uint64_t created; /* CLOCK_REALTIME, microseconds */
        uint64_t ended;   /* the same; 0 while it lives */
        uint64_t up;      /* CLOCK_BOOTTIME, microseconds, which nobody sets: of its end if it has ended, or else of its
                           * beginning; 0: not known, or in an earlier boot of the machine */
        Limits limits;
        bool logged_in;     /* its user has had a session while it ran */
        bool status_known;  /* exit_code and exit_signal are meaningful */
        int exit_code;      /* 0 to 255 */
        int exit_signal;    /* 0: it exited; up to 64 */
        const char *result; /* a CGMOVE_RESULT_* constant, never freed; NULL until its end is decided */
        JobReach stop_reach;     /* a stop is under way: whoever takes the job over goes on with it */
        OnLogout on_logout;      /* as the policy had it when it began; "keep" in records that do not say */
        uint64_t stop_kill_at;   /* CLOCK_REALTIME, microseconds: when it comes to SIGKILL; 0 without a stop */
        const char *stop_result; /* what it is to end as, whatever its status: a constant; NULL: by its status */
        const char *name;
        const char *source;
        const char *section; /* the policy section that allowed it */
        const char *command; /* for display, cut to CGMOVE_COMMAND_MAX */
        const char *log;     /* absolute path without control characters, or "" */
        const char *unit;    /* JOB_RESTART: what it restarts, see service_from_string(); else "" */
        const char *origin;  /* see origin.h */
        const char *login;   /* the name that logind has for its user, once it has known him while it ran; or "" */
        const char *outcome; /* JOB_RESTART: how that went, a JSON object as the job itself tells it; "" before */
} JobRecord;

/* Copies TEMPLATE with its strings (NULL counts as ""). Command and section, which are for display, are cut
 * to their lengths, and what is no text there (control characters, broken UTF-8) becomes "?". Returns 0;
 * -ENOMEM; -EINVAL if another field is none that job_record_decode() would take: an id or uid that is none,
 * a name or a source that is not valid, a log path with control characters, a unit without JOB_RESTART or
 * the reverse, an outcome that is not valid. */
int job_record_new(const JobRecord *template, JobRecord **ret);
JobRecord *job_record_free(JobRecord *record);
DEFINE_CLEANUP(JobRecord, job_record_free)

/* Returns 0; -ENOMEM; -E2BIG; -EINVAL as above (fields may have been set since). What was encoded can be
 * decoded; limits above INT64_MAX come back as LIMIT_NONE. The caller frees *ret_text; it is NUL-terminated.
 */
int job_record_encode(const JobRecord *record, char **ret_text);

/* Returns 0; -EBADMSG for what is no record; -EPROTONOSUPPORT for a later version; -ENOMEM. Checks every
 * field: ranges, UTF-8, lengths of protocol.h, known result names. Unknown fields are ignored. */
int job_record_decode(const char *text, size_t size, JobRecord **ret);

/* What a job may tell of a restart: "{...}" of plain text (see text.h), at most CGMOVE_OUTCOME_MAX bytes.
 * What is between the braces is its own affair. */
bool job_outcome_is_valid(const char *outcome);

const char *job_kind_to_string(JobKind kind);
int job_kind_from_string(const char *text, JobKind *ret);

/* The constant of protocol.h that equals TEXT, or NULL. */
const char *job_result_from_string(const char *text);

/* A name from a client: 1 to CGMOVE_JOB_NAME_MAX bytes of [A-Za-z0-9@._:-], not starting with "." or "-". It
 * is never part of a path; the narrow set keeps terminals and logs safe. */
bool job_name_is_valid(const char *name);
