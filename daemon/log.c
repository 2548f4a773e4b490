/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon/log.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "daemon/journal.h"
#include "daemon/log-limit.h"
#include "lib/protocol.h"
#include "lib/values.h"

#define ERROR_PREFIX "org.cgmove1.Error."

typedef struct LogKindInfo {
        const char *name;
        int priority;
        bool limited; /* clients can cause it at will */
        sd_id128_t id;
} LogKindInfo;

static const LogKindInfo log_kinds[] = {
        [LOG_KIND_STARTED] = { "daemon-started", LOG_INFO, false, LOG_ID_STARTED },
        [LOG_KIND_POLICY_LOADED] = { "policy-loaded", LOG_INFO, false, LOG_ID_POLICY_LOADED },
        [LOG_KIND_POLICY_INVALID] = { "policy-invalid", LOG_ERR, false, LOG_ID_POLICY_INVALID },
        [LOG_KIND_MOVED] = { "move-done", LOG_INFO, false, LOG_ID_MOVED },
        [LOG_KIND_REFUSED] = { "move-refused", LOG_NOTICE, true, LOG_ID_REFUSED },
        [LOG_KIND_ENDED] = { "job-ended", LOG_INFO, false, LOG_ID_ENDED },
        [LOG_KIND_STOPPED] = { "job-stopped", LOG_INFO, true, LOG_ID_STOPPED },
        [LOG_KIND_POOL_STARTED] = { "pool-started", LOG_INFO, false, LOG_ID_POOL_STARTED },
        [LOG_KIND_POOL_STOPPED] = { "pool-stopped", LOG_INFO, false, LOG_ID_POOL_STOPPED },
        [LOG_KIND_REUSE_REPAIRED] = { "pid-reuse-repaired", LOG_WARNING, false, LOG_ID_REUSE_REPAIRED },
        [LOG_KIND_QUARANTINED] = { "quarantine", LOG_CRIT, false, LOG_ID_QUARANTINED },
        [LOG_KIND_LIMIT_REACHED] = { "limit-reached", LOG_WARNING, true, LOG_ID_LIMIT_REACHED },
        [LOG_KIND_CONNECTION_REFUSED] = { "connection-refused", LOG_WARNING, true,
                                          LOG_ID_CONNECTION_REFUSED },
        [LOG_KIND_FAILURE] = { "internal-failure", LOG_ERR, false, LOG_ID_FAILURE },
        [LOG_KIND_HIDDEN] = { "lines-hidden", LOG_WARNING, false, LOG_ID_HIDDEN },
        [LOG_KIND_RESTART_ASKED] = { "restart-asked", LOG_INFO, false, LOG_ID_RESTART_ASKED },
        [LOG_KIND_RESTART_JOINED] = { "restart-joined", LOG_INFO, true, LOG_ID_RESTART_JOINED },
        [LOG_KIND_UNIT_RESTART] = { "unit-restart", LOG_INFO, false, LOG_ID_UNIT_RESTART },
        [LOG_KIND_UNIT_START] = { "unit-start", LOG_NOTICE, false, LOG_ID_UNIT_START },
        [LOG_KIND_LOGOUT] = { "logout", LOG_INFO, false, LOG_ID_LOGOUT },
        [LOG_KIND_LOGIND] = { "logind", LOG_NOTICE, false, LOG_ID_LOGIND },
        [LOG_KIND_RESTART_REFUSED] = { "restart-refused", LOG_NOTICE, true, LOG_ID_RESTART_REFUSED },
        [LOG_KIND_SESSION_OPENED] = { "session-opened", LOG_INFO, true, LOG_ID_SESSION_OPENED },
        [LOG_KIND_SESSION_CLOSED] = { "session-closed", LOG_INFO, true, LOG_ID_SESSION_CLOSED },
};

_Static_assert(ELEMENTSOF(log_kinds) == LOG_KIND_LAST + 1, "every kind has its entry");

/* The process's log, see log.h. */
static struct {
        Journal journal;
        LogLimit limit;
} log_state = { .journal.fd = -1 };

void log_open(const char *path) {
        int r;

        log_close();
        if (!path && journal_is_stderr())
                path = JOURNAL_SOCKET;
        r = journal_init(&log_state.journal, path);
        if (r < 0)
                log_failure(NULL, "The journal cannot be used: %s", strerror(-r));
}

void log_close(void) {
        journal_done(&log_state.journal);
        log_state.limit = (LogLimit){ 0 };
}

const char *log_kind_to_string(LogKind kind) {
        return log_kinds[kind].name;
}

sd_id128_t log_kind_id(LogKind kind) {
        return log_kinds[kind].id;
}

/* --- writing --------------------------------------------------------------------------------------- */

static void add_text(JournalEntry *entry, const char *field, const char *value) {
        if (value && value[0])
                journal_entry_add(entry, field, value);
}

static void add_number(JournalEntry *entry, const char *field, uint64_t value) {
        if (value > 0)
                journal_entry_addf(entry, field, "%" PRIu64, value);
}

static void add_record(JournalEntry *entry, const JobRecord *record) {
        char invocation[SD_ID128_STRING_MAX];

        add_number(entry, "CGMOVE_JOB", record->id);
        add_text(entry, "CGMOVE_INVOCATION", sd_id128_to_string(record->invocation_id, invocation));
        add_text(entry, "CGMOVE_NAME", record->name);
        add_text(entry, "CGMOVE_RESULT", record->result);
        add_text(entry, "CGMOVE_SOURCE", record->source);
        add_text(entry, "CGMOVE_POLICY", record->section);
        add_text(entry, "CGMOVE_UNIT", record->unit);
}

static void add_fields(JournalEntry *entry, const LogFields *fields) {
        const char *error = fields->error;

        if (fields->record)
                add_record(entry, fields->record);
        add_number(entry, "CGMOVE_JOB", fields->job);
        if (fields->caller_pid > 0)
                add_number(entry, "CGMOVE_CALLER_PID", (uint64_t) fields->caller_pid);
        if (fields->pid > 0)
                add_number(entry, "CGMOVE_PID", (uint64_t) fields->pid);
        add_text(entry, "CGMOVE_SOURCE", fields->source);
        add_text(entry, "CGMOVE_POLICY", fields->policy);
        add_text(entry, "CGMOVE_UNIT", fields->unit);
        add_text(entry, "CGMOVE_SERVICE", fields->service);
        if (error && strncmp(error, ERROR_PREFIX, strlen(ERROR_PREFIX)) == 0)
                error += strlen(ERROR_PREFIX);
        add_text(entry, "CGMOVE_ERROR", error);
        if (fields->error_number != 0)
                journal_entry_addf(entry, "ERRNO", "%d", abs(fields->error_number));
}

static void log_write(LogKind kind, uid_t uid, const LogFields *fields, const char *message) {
        const LogKindInfo *info = &log_kinds[kind];
        char id[SD_ID128_STRING_MAX];
        JournalEntry entry;

        journal_entry_init(&entry);
        journal_entry_add(&entry, "MESSAGE", message);
        journal_entry_addf(&entry, "PRIORITY", "%d", info->priority);
        journal_entry_add(&entry, "MESSAGE_ID", sd_id128_to_string(info->id, id));
        journal_entry_add(&entry, "SYSLOG_IDENTIFIER", "cgmoved");
        journal_entry_add(&entry, "CGMOVE_EVENT", info->name);
        if (uid != UID_NONE)
                journal_entry_addf(&entry, "CGMOVE_UID", "%" PRIu32, uid);
        if (fields)
                add_fields(&entry, fields);
        journal_send(&log_state.journal, &entry);
}

static uint64_t now_boottime(void) {
        struct timespec ts;

        (void) clock_gettime(CLOCK_BOOTTIME, &ts);
        return (uint64_t) ts.tv_sec * USEC_PER_SEC + (uint64_t) ts.tv_nsec / 1000;
}

/* Whether a line that UID caused is to be logged; says what is left out. */
static bool log_passes(uid_t uid) {
        char message[128];
        LogVerdict verdict;
        uid_t hidden_uid;
        uint64_t hidden;

        verdict = log_limit_judge(&log_state.limit, uid, now_boottime(), &hidden, &hidden_uid);
        if (hidden > 0 && hidden_uid != UID_NONE) {
                (void) snprintf(message, sizeof(message),
                                "%" PRIu64 " lines about user %" PRIu32 " were not logged one by one",
                                hidden, hidden_uid);
                log_write(LOG_KIND_HIDDEN, hidden_uid, NULL, message);
        } else if (hidden > 0) {
                (void) snprintf(message, sizeof(message),
                                "%" PRIu64 " lines about several users were not logged one by one", hidden);
                log_write(LOG_KIND_HIDDEN, UID_NONE, NULL, message);
        }

        if (verdict == LOG_VERDICT_MUTE) {
                (void) snprintf(message, sizeof(message),
                                "User %" PRIu32
                                " causes many log lines: more of them are only counted for a minute",
                                uid);
                log_write(LOG_KIND_HIDDEN, uid, NULL, message);
        }
        return verdict == LOG_VERDICT_LOG;
}

__attribute__((format(printf, 4, 0))) static void
log_eventv(LogKind kind, uid_t uid, const LogFields *fields, const char *format, va_list ap) {
        char message[JOURNAL_VALUE_MAX];

        if (log_kinds[kind].limited && !log_passes(uid))
                return;
        if (vsnprintf(message, sizeof(message), format, ap) >= 0)
                log_write(kind, uid, fields, message);
}

void log_event(LogKind kind, uid_t uid, const LogFields *fields, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        log_eventv(kind, uid, fields, format, ap);
        va_end(ap);
}

/* --- the usual ones -------------------------------------------------------------------------------- */

void log_failure(const JobRecord *record, const char *format, ...) {
        LogFields fields = { .record = record };
        va_list ap;

        va_start(ap, format);
        log_eventv(LOG_KIND_FAILURE, record ? record->uid : UID_NONE, &fields, format, ap);
        va_end(ap);
}

void log_move_done(const Caller *caller, const JobRecord *record, size_t n_processes) {
        LogFields fields = { .record = record, .caller_pid = caller->pid };
        bool by_policy = record->section[0], restarts = record->kind == JOB_RESTART;

        log_event(restarts ? LOG_KIND_RESTART_ASKED : LOG_KIND_MOVED, record->uid, &fields,
                  "%s of user %" PRIu32 " from %s became job %" PRIu64 " (%s)%s%s, as %s%s%s",
                  n_processes == 1 ? "A process" : "Processes", record->uid, record->source, record->id,
                  record->name[0] ? record->name : "no name", restarts ? " to restart " : "",
                  restarts ? record->unit : "", by_policy ? "policy \"" : "",
                  by_policy ? record->section : "root asked", by_policy ? "\" allows" : "");
}

void log_move_refused(const Caller *caller, const Target *target, const char *unit, const char *error,
                      const char *message) {
        _cleanup_free_ char *source = NULL;
        LogFields fields = { .caller_pid = caller->pid, .pid = target ? target->pid : 0, .unit = unit, .error = error };
        LogKind kind = unit ? LOG_KIND_RESTART_REFUSED : LOG_KIND_REFUSED;

        if (target && source_to_string(&target->source, &source) == 0)
                fields.source = source;
        if (strcmp(error, CGMOVE_ERROR_LIMIT_REACHED) == 0 || strcmp(error, CGMOVE_ERROR_RATE_LIMITED) == 0)
                kind = LOG_KIND_LIMIT_REACHED;
        log_event(kind, caller->uid, &fields, "A request of user %" PRIu32 " was refused: %s", caller->uid,
                  message);
}

void log_restart_joined(const Caller *caller, const JobRecord *record) {
        LogFields fields = { .record = record, .caller_pid = caller->pid };

        log_event(LOG_KIND_RESTART_JOINED, record->uid, &fields,
                  "User %" PRIu32 " asked for a restart of %s, which job %" PRIu64 " is about already", caller->uid,
                  record->unit, record->id);
}

void log_job_ended(const JobRecord *record) {
        LogFields fields = { .record = record };
        char status[64] = "";

        if (record->status_known && record->exit_signal > 0)
                (void) snprintf(status, sizeof(status), ", by signal %d", record->exit_signal);
        else if (record->status_known)
                (void) snprintf(status, sizeof(status), ", with status %d", record->exit_code);
        log_event(LOG_KIND_ENDED, record->uid, &fields,
                  "Job %" PRIu64 " (%s) of user %" PRIu32 " has ended: %s%s", record->id,
                  record->name[0] ? record->name : "no name", record->uid,
                  record->result ?: CGMOVE_RESULT_ENDED, status);
}

void log_job_signalled(const JobRecord *record, uid_t caller, int sig) {
        LogFields fields = { .record = record };

        log_event(LOG_KIND_STOPPED, record->uid, &fields,
                  "Job %" PRIu64 " of user %" PRIu32 " gets SIG%s, as user %" PRIu32 " asked", record->id,
                  record->uid, sigabbrev_np(sig) ?: "?", caller);
}

void log_connection_refused(uid_t uid, pid_t pid, const char *why) {
        LogFields fields = { .caller_pid = pid };

        if (uid == UID_NONE)
                log_event(LOG_KIND_CONNECTION_REFUSED, uid, &fields, "A connection was refused: %s", why);
        else
                log_event(LOG_KIND_CONNECTION_REFUSED, uid, &fields,
                          "A connection of user %" PRIu32 " was refused: %s", uid, why);
}

void log_stranger(const JobRecord *record, pid_t pid, const char *where, int error) {
        LogFields fields = { .record = record, .pid = pid, .error_number = error };
        LogKind kind = strcmp(where, "quarantine") == 0 ? LOG_KIND_QUARANTINED : LOG_KIND_REUSE_REPAIRED;

        if (error < 0)
                log_event(LOG_KIND_QUARANTINED, record->uid, &fields,
                          "Process %d came into job %" PRIu64
                          " by a reused PID, and cannot be sent to %s: %s",
                          (int) pid, record->id, where, strerror(-error));
        else
                log_event(kind, record->uid, &fields,
                          "Process %d came into job %" PRIu64 " by a reused PID, and was sent to %s",
                          (int) pid, record->id, where);
}
