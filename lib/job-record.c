/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/job-record.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "lib/origin.h"
#include "lib/protocol.h"
#include "lib/source.h"
#include "lib/text.h"
#include "lib/values.h"

#define EXIT_CODE_MAX 255
#define EXIT_SIGNAL_MAX 64
#define CPU_WEIGHT_MAX 10000

static const char *const job_kinds[] = {
        [JOB_RUN] = "run",
        [JOB_EXEC] = "exec",
        [JOB_MOVE] = "move",
        [JOB_RESTART] = "restart",
};

static const char *const job_results[] = {
        CGMOVE_RESULT_DONE,    CGMOVE_RESULT_FAILED, CGMOVE_RESULT_STOPPED,      CGMOVE_RESULT_KILLED,
        CGMOVE_RESULT_TIMEOUT, CGMOVE_RESULT_OOM,    CGMOVE_RESULT_POOL_STOPPED, CGMOVE_RESULT_ENDED,
        CGMOVE_RESULT_LOGOUT,
};

static const char *const job_reaches[] = {
        [JOB_REACH_OWNER] = "owner",
        [JOB_REACH_EVERYONE] = "everyone",
};

const char *job_kind_to_string(JobKind kind) {
        return (size_t) kind < ELEMENTSOF(job_kinds) ? job_kinds[kind] : NULL;
}

int job_kind_from_string(const char *text, JobKind *ret) {
        for (size_t i = 0; i < ELEMENTSOF(job_kinds); i++)
                if (strcmp(text, job_kinds[i]) == 0) {
                        *ret = (JobKind) i;
                        return 0;
                }
        return -EINVAL;
}

static int job_reach_from_string(const char *text, JobReach *ret) {
        for (size_t i = JOB_REACH_OWNER; i < ELEMENTSOF(job_reaches); i++)
                if (strcmp(text, job_reaches[i]) == 0) {
                        *ret = (JobReach) i;
                        return 0;
                }
        return -EINVAL;
}

const char *job_result_from_string(const char *text) {
        for (size_t i = 0; i < ELEMENTSOF(job_results); i++)
                if (strcmp(text, job_results[i]) == 0)
                        return job_results[i];
        return NULL;
}

bool job_name_is_valid(const char *name) {
        static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789@._:-";
        size_t length = strnlen(name, CGMOVE_JOB_NAME_MAX + 1);

        if (length == 0 || length > CGMOVE_JOB_NAME_MAX)
                return false;
        if (name[0] == '.' || name[0] == '-')
                return false;
        return strspn(name, allowed) == length;
}

/* --- what a record may hold -------------------------------------------------------------------- */

static bool text_fits(const char *text, size_t max) {
        return strnlen(text, max + 1) <= max && text_is_plain(text);
}

bool job_outcome_is_valid(const char *outcome) {
        size_t length = strnlen(outcome, CGMOVE_OUTCOME_MAX + 1);

        return length >= 2 && length <= CGMOVE_OUTCOME_MAX && outcome[0] == '{' &&
               outcome[length - 1] == '}' && text_is_plain(outcome);
}

static bool job_record_restart_valid(const JobRecord *record) {
        Source service;

        if (record->kind != JOB_RESTART)
                return record->unit[0] == '\0' && record->outcome[0] == '\0';
        return service_from_string(record->unit, record->uid, &service) >= 0 &&
               (record->outcome[0] == '\0' || job_outcome_is_valid(record->outcome));
}

static bool job_record_strings_valid(const JobRecord *record) {
        return (record->name[0] == '\0' || job_name_is_valid(record->name)) &&
               text_fits(record->source, JOB_RECORD_SOURCE_MAX) &&
               text_fits(record->section, JOB_RECORD_SECTION_MAX) &&
               text_fits(record->command, CGMOVE_COMMAND_MAX) &&
               (record->log[0] == '\0' || record->log[0] == '/') &&
               text_fits(record->log, CGMOVE_LOG_PATH_MAX);
}

static bool job_record_status_valid(const JobRecord *record) {
        if (record->status_known && (record->exit_code < 0 || record->exit_code > EXIT_CODE_MAX ||
                                     record->exit_signal < 0 || record->exit_signal > EXIT_SIGNAL_MAX))
                return false;
        if (record->result && !job_result_from_string(record->result))
                return false;
        return record->ended == 0 || record->result;
}

static bool job_record_stop_valid(const JobRecord *record) {
        if ((size_t) record->stop_reach >= ELEMENTSOF(job_reaches) || record->stop_kill_at > INT64_MAX)
                return false;
        if (record->stop_result && !job_result_from_string(record->stop_result))
                return false;
        return record->stop_reach == JOB_REACH_NOBODY ? record->stop_kill_at == 0 : record->stop_result != NULL;
}

static bool job_record_login_valid(const JobRecord *record) {
        OriginKind kind;

        return on_logout_to_string(record->on_logout) && origin_parse(record->origin, &kind, NULL) >= 0 &&
               text_fits(record->login, JOB_RECORD_LOGIN_MAX);
}

/* All that new, encode and decode have to agree on. */
static bool job_record_is_valid(const JobRecord *record) {
        return record->id > 0 && record->id <= INT64_MAX && record->uid != UID_NONE &&
               job_kind_to_string(record->kind) && record->created <= INT64_MAX &&
               record->ended <= INT64_MAX && record->up <= INT64_MAX && record->limits.cpu_weight <= CPU_WEIGHT_MAX &&
               job_record_status_valid(record) && job_record_stop_valid(record) &&
               job_record_strings_valid(record) && job_record_restart_valid(record) &&
               job_record_login_valid(record);
}

/* --- memory ------------------------------------------------------------------------------------ */

typedef struct RecordString {
        size_t offset; /* of the pointer in JobRecord */
        size_t max;
} RecordString;

/* One more than what is valid, so that a text that is too long stays so, but for those to be cut. */
static const RecordString record_strings[] = {
        { offsetof(JobRecord, name), CGMOVE_JOB_NAME_MAX + 1 },
        { offsetof(JobRecord, source), JOB_RECORD_SOURCE_MAX + 1 },
        { offsetof(JobRecord, section), JOB_RECORD_SECTION_MAX },
        { offsetof(JobRecord, command), CGMOVE_COMMAND_MAX },
        { offsetof(JobRecord, log), CGMOVE_LOG_PATH_MAX + 1 },
        { offsetof(JobRecord, unit), JOB_RECORD_SOURCE_MAX + 1 },
        { offsetof(JobRecord, origin), ORIGIN_MAX + 1 },
        { offsetof(JobRecord, login), JOB_RECORD_LOGIN_MAX + 1 },
        { offsetof(JobRecord, outcome), CGMOVE_OUTCOME_MAX + 1 },
};

static const char **record_string(JobRecord *record, size_t i) {
        return (const char **) ((char *) record + record_strings[i].offset);
}

static bool record_string_is_display(size_t i) {
        return record_strings[i].offset == offsetof(JobRecord, section) ||
               record_strings[i].offset == offsetof(JobRecord, command);
}

/* Lays the strings, shared by all that was "", behind the record. RECORD is a copy of the template, sizes[]
 * fits. */
static void job_record_place(JobRecord *record, const size_t *sizes) {
        char *free_space = (char *) (record + 1);

        for (size_t i = 0; i < ELEMENTSOF(record_strings); i++) {
                const char **string = record_string(record, i);

                if (!*string || sizes[i] <= 1) {
                        *string = "";
                        continue;
                }
                if (record_string_is_display(i))
                        (void) text_copy_plain(free_space, sizes[i], *string);
                else {
                        memcpy(free_space, *string, sizes[i] - 1);
                        free_space[sizes[i] - 1] = '\0';
                }
                *string = free_space;
                free_space += sizes[i];
        }
}

int job_record_new(const JobRecord *template, JobRecord **ret) {
        _cleanup_(job_record_freep) JobRecord *record = NULL;
        size_t sizes[ELEMENTSOF(record_strings)];
        size_t size = sizeof(JobRecord);
        JobRecord copy = *template;

        for (size_t i = 0; i < ELEMENTSOF(record_strings); i++) {
                const char *string = *record_string(&copy, i);

                sizes[i] = strnlen(string ?: "", record_strings[i].max) + 1;
                size += sizes[i];
        }

        record = malloc(size);
        if (!record)
                return -ENOMEM;
        *record = copy;
        job_record_place(record, sizes);
        if (!job_record_is_valid(record))
                return -EINVAL;

        if (record->result)
                record->result = job_result_from_string(record->result);
        if (record->stop_result)
                record->stop_result = job_result_from_string(record->stop_result);
        *ret = TAKE_PTR(record);
        return 0;
}

JobRecord *job_record_free(JobRecord *record) {
        free(record);
        return NULL;
}

/* --- encoding ---------------------------------------------------------------------------------- */

/* A value that JSON integers don't have is told by leaving its key out. */
static int object_set_number(json_t *object, const char *key, uint64_t value) {
        if (value > INT64_MAX)
                return 0;
        return json_object_set_new_nocheck(object, key, json_integer((json_int_t) value)) < 0 ? -ENOMEM : 0;
}

static int object_set_string(json_t *object, const char *key, const char *value) {
        if (!value || value[0] == '\0')
                return 0;
        return json_object_set_new_nocheck(object, key, json_string_nocheck(value)) < 0 ? -ENOMEM : 0;
}

static int encode_numbers(json_t *object, const JobRecord *record) {
        const struct {
                const char *key;
                uint64_t value;
        } numbers[] = {
                { "version", JOB_RECORD_VERSION },
                { "id", record->id },
                { "uid", record->uid },
                { "created", record->created },
                { "ended", record->ended > 0 ? record->ended : UINT64_MAX },
                { "up", record->up > 0 ? record->up : UINT64_MAX },
                { "tasks-max", record->limits.tasks_max },
                { "memory-max", record->limits.memory_max },
                { "cpu-weight", record->limits.cpu_weight > 0 ? record->limits.cpu_weight : UINT64_MAX },
                { "runtime-max", record->limits.runtime_max },
                { "exit-code", record->status_known ? (uint64_t) record->exit_code : UINT64_MAX },
                { "exit-signal", record->status_known ? (uint64_t) record->exit_signal : UINT64_MAX },
                { "stop-kill-at", record->stop_kill_at > 0 ? record->stop_kill_at : UINT64_MAX },
                { "logged-in", record->logged_in ? 1 : UINT64_MAX },
        };

        for (size_t i = 0; i < ELEMENTSOF(numbers); i++) {
                int r = object_set_number(object, numbers[i].key, numbers[i].value);

                if (r < 0)
                        return r;
        }
        return 0;
}

/* Of the machine. */
static bool get_boot(char ret[static SD_ID128_STRING_MAX]) {
        sd_id128_t boot;

        return sd_id128_get_boot(&boot) >= 0 && sd_id128_to_string(boot, ret);
}

static int encode_strings(json_t *object, const JobRecord *record) {
        char invocation[SD_ID128_STRING_MAX], boot[SD_ID128_STRING_MAX];
        const struct {
                const char *key, *value;
        } strings[] = {
                { "invocation", sd_id128_to_string(record->invocation_id, invocation) },
                { "boot", record->up > 0 && get_boot(boot) ? boot : NULL },
                { "kind", job_kind_to_string(record->kind) },
                { "result", record->result },
                { "stop-reach", job_reaches[record->stop_reach] },
                { "stop-result", record->stop_result },
                { "name", record->name },
                { "source", record->source },
                { "section", record->section },
                { "command", record->command },
                { "log", record->log },
                { "unit", record->unit },
                { "on-logout", on_logout_to_string(record->on_logout) },
                { "origin", record->origin },
                { "login", record->login },
                { "outcome", record->outcome },
        };

        for (size_t i = 0; i < ELEMENTSOF(strings); i++) {
                int r = object_set_string(object, strings[i].key, strings[i].value);

                if (r < 0)
                        return r;
        }
        return 0;
}

int job_record_encode(const JobRecord *record, char **ret_text) {
        _cleanup_(json_decrefp) json_t *object = NULL;
        _cleanup_free_ char *text = NULL;
        int r;

        if (!job_record_is_valid(record))
                return -EINVAL;

        object = json_object();
        if (!object)
                return -ENOMEM;
        r = encode_numbers(object, record);
        if (r < 0)
                return r;
        r = encode_strings(object, record);
        if (r < 0)
                return r;

        text = json_dumps(object, JSON_COMPACT);
        if (!text)
                return -ENOMEM;
        if (strlen(text) > JOB_RECORD_SIZE_MAX)
                return -E2BIG;

        *ret_text = TAKE_PTR(text);
        return 0;
}

/* --- decoding ---------------------------------------------------------------------------------- */

/* *ret is left alone without the key. */
static int object_get_number(const json_t *object, const char *key, uint64_t *ret) {
        const json_t *value = json_object_get(object, key);

        if (!value)
                return 0;
        if (!json_is_integer(value) || json_integer_value(value) < 0)
                return -EBADMSG;
        *ret = (uint64_t) json_integer_value(value);
        return 0;
}

/* *ret points into OBJECT. */
static int object_get_string(const json_t *object, const char *key, const char **ret) {
        const json_t *value = json_object_get(object, key);

        if (!value)
                return 0;
        if (!json_is_string(value))
                return -EBADMSG;
        *ret = json_string_value(value);
        return 0;
}

static int decode_numbers(const json_t *object, JobRecord *record) {
        uint64_t uid = UID_NONE, code = UINT64_MAX, number = UINT64_MAX, logged_in = 0;
        const struct {
                const char *key;
                uint64_t *ret;
        } numbers[] = {
                { "id", &record->id },
                { "uid", &uid },
                { "created", &record->created },
                { "ended", &record->ended },
                { "up", &record->up },
                { "tasks-max", &record->limits.tasks_max },
                { "memory-max", &record->limits.memory_max },
                { "cpu-weight", &record->limits.cpu_weight },
                { "runtime-max", &record->limits.runtime_max },
                { "stop-kill-at", &record->stop_kill_at },
                { "exit-code", &code },
                { "exit-signal", &number },
                { "logged-in", &logged_in },
        };

        for (size_t i = 0; i < ELEMENTSOF(numbers); i++) {
                int r = object_get_number(object, numbers[i].key, numbers[i].ret);

                if (r < 0)
                        return r;
        }

        /* what is narrower in the record; a status is there as a whole or not at all */
        if (uid >= UID_NONE || (code == UINT64_MAX) != (number == UINT64_MAX))
                return -EBADMSG;
        record->uid = (uid_t) uid;
        record->logged_in = logged_in != 0;
        if (code == UINT64_MAX)
                return 0;
        if (code > EXIT_CODE_MAX || number > EXIT_SIGNAL_MAX)
                return -EBADMSG;
        record->status_known = true;
        record->exit_code = (int) code;
        record->exit_signal = (int) number;
        return 0;
}

static int decode_strings(const json_t *object, JobRecord *record) {
        const char *invocation = "", *boot = "", *kind = "", *reach = NULL, *on_logout = NULL;
        char this_boot[SD_ID128_STRING_MAX];
        const struct {
                const char *key;
                const char **ret;
        } strings[] = {
                { "invocation", &invocation },   { "kind", &kind },
                { "result", &record->result },   { "name", &record->name },
                { "source", &record->source },   { "section", &record->section },
                { "command", &record->command }, { "log", &record->log },
                { "unit", &record->unit },       { "outcome", &record->outcome },
                { "stop-reach", &reach },        { "stop-result", &record->stop_result },
                { "on-logout", &on_logout },     { "origin", &record->origin },
                { "login", &record->login },     { "boot", &boot },
        };

        for (size_t i = 0; i < ELEMENTSOF(strings); i++) {
                int r = object_get_string(object, strings[i].key, strings[i].ret);

                if (r < 0)
                        return r;
        }

        /* 32 digits: the form with dashes is taken by sd_id128_from_string(), but never written by us */
        if (strlen(invocation) != SD_ID128_STRING_MAX - 1 ||
            sd_id128_from_string(invocation, &record->invocation_id) < 0)
                return -EBADMSG;
        if (!get_boot(this_boot) || strcmp(boot, this_boot) != 0)
                record->up = 0;
        if (reach && job_reach_from_string(reach, &record->stop_reach) < 0)
                return -EBADMSG;
        if (on_logout && on_logout_from_string(on_logout, &record->on_logout) < 0)
                return -EBADMSG;
        return job_kind_from_string(kind, &record->kind) < 0 ? -EBADMSG : 0;
}

static int decode_version(const json_t *object) {
        uint64_t version = 0;
        int r;

        if (!json_is_object(object))
                return -EBADMSG;
        r = object_get_number(object, "version", &version);
        if (r < 0)
                return r;
        if (version == 0)
                return -EBADMSG;
        return version > JOB_RECORD_VERSION ? -EPROTONOSUPPORT : 0;
}

int job_record_decode(const char *text, size_t size, JobRecord **ret) {
        _cleanup_(json_decrefp) json_t *object = NULL;
        JobRecord record = {
                .created = UINT64_MAX, /* must be there; the check for ranges refuses this */
                .limits = { .tasks_max = LIMIT_NONE, .memory_max = LIMIT_NONE, .runtime_max = LIMIT_NONE },
                .name = "",
                .source = "",
                .section = "",
                .command = "",
                .log = "",
                .unit = "",
                .on_logout = ON_LOGOUT_KEEP, /* of a daemon that did not act on it: nothing was said of an end */
                .origin = "",
                .login = "",
                .outcome = "",
        };
        json_error_t error;
        int r;

        if (size > JOB_RECORD_SIZE_MAX)
                return -EBADMSG;
        object = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
        if (!object)
                return json_error_code(&error) == json_error_out_of_memory ? -ENOMEM : -EBADMSG;

        r = decode_version(object);
        if (r < 0)
                return r;
        r = decode_numbers(object, &record);
        if (r < 0)
                return r;
        r = decode_strings(object, &record);
        if (r < 0)
                return r;

        /* before the copy, which would make the texts for display plain */
        if (!job_record_is_valid(&record))
                return -EBADMSG;
        return job_record_new(&record, ret);
}
