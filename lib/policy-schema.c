/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lib/policy-schema.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/allowed-snapshot.h"
#include "lib/policy-values.h"
#include "lib/text.h"
#include "lib/values.h"

#define POLICY_NAME_MAX 64
#define TASKS_MAX_LIMIT 4194304 /* PID_MAX_LIMIT: the kernel refuses more in pids.max */
#define MEMORY_MAX_LOWEST (UINT64_C(1) << 20)
#define LOG_MAX_LOWEST (UINT64_C(64) << 10)
#define LOG_MAX_LIMIT (UINT64_C(1) << 40)
#define EXEC_PATTERN_MAX 1024
#define DAY (86400 * USEC_PER_SEC)

/* --- values
 * ------------------------------------------------------------------------------------------------------ */

static int set_number(const char *text, uint32_t least, uint32_t most, uint32_t *ret) {
        uint64_t n;

        /* a count has no unit, and no fraction */
        if (text[strspn(text, "0123456789")] || parse_size(text, &n) < 0 || n < least || n > most)
                return -EINVAL;

        *ret = (uint32_t) n;
        return 0;
}

static int set_bool(const char *text, bool *ret) {
        if (strcmp(text, "true") == 0 || strcmp(text, "yes") == 0 || strcmp(text, "on") == 0)
                *ret = true;
        else if (strcmp(text, "false") == 0 || strcmp(text, "no") == 0 || strcmp(text, "off") == 0)
                *ret = false;
        else
                return -EINVAL;

        return 0;
}

static int set_size(const char *text, uint64_t least, uint64_t most, uint64_t *ret) {
        uint64_t n;

        if (parse_size(text, &n) < 0 || n < least || n > most)
                return -EINVAL;

        *ret = n;
        return 0;
}

static int set_duration(const char *text, uint64_t least, uint64_t most, uint64_t *ret) {
        uint64_t usec;

        if (parse_duration(text, &usec) < 0 || usec < least || usec > most)
                return -EINVAL;

        *ret = usec;
        return 0;
}

#define TASKS_MAX_EXPECTED "a number of tasks from 1 to 4194304, or \"infinity\""

static int set_tasks_max(const char *text, uint64_t *ret) {
        uint32_t n;

        if (strcmp(text, "infinity") == 0) {
                *ret = LIMIT_NONE;
                return 0;
        }
        if (set_number(text, 1, TASKS_MAX_LIMIT, &n) < 0)
                return -EINVAL;

        *ret = n;
        return 0;
}

#define MEMORY_MAX_EXPECTED "bytes, at least 1M, such as \"512M\" or \"1.5G\", or \"infinity\""

static int set_memory_max(const char *text, uint64_t *ret) {
        uint64_t n;

        if (set_size(text, MEMORY_MAX_LOWEST, LIMIT_NONE, &n) < 0 || (n > INT64_MAX && n != LIMIT_NONE))
                return -EINVAL;

        *ret = n;
        return 0;
}

#define CPU_WEIGHT_EXPECTED "a weight from 1 to 10000, or \"default\""

static int set_cpu_weight(const char *text, uint64_t *ret) {
        uint32_t n;

        if (strcmp(text, "default") == 0) {
                *ret = 0;
                return 0;
        }
        if (set_number(text, 1, 10000, &n) < 0)
                return -EINVAL;

        *ret = n;
        return 0;
}

static int strv_append(char ***strv, const char *text) {
        size_t n = 0;
        char **grown, *copy;

        while ((*strv)[n])
                n++;

        copy = strdup(text);
        if (!copy)
                return -ENOMEM;

        grown = reallocarray(*strv, n + 2, sizeof(char *));
        if (!grown) {
                free(copy);
                return -ENOMEM;
        }

        grown[n] = copy;
        grown[n + 1] = NULL;
        *strv = grown;
        return 0;
}

/* --- the top level, pool, results
 * ------------------------------------------------------------------------------- */

static int set_tree(void *object, const char *text, const char **expected) {
        Settings *settings = object;

        if (strcmp(text, "systemd") == 0)
                settings->tree = TREE_SYSTEMD;
        else if (strcmp(text, "direct") == 0)
                settings->tree = TREE_DIRECT;
        else
                return -EINVAL;

        return 0;
}

static int set_tree_root(void *object, const char *text, const char **expected) {
        Settings *settings = object;

        if (text[0] != '/' || strlen(text) > TREE_ROOT_MAX || !text_is_plain(text) || strstr(text, "/../"))
                return -EINVAL;
        if (strlen(text) >= 3 && strcmp(text + strlen(text) - 3, "/..") == 0)
                return -EINVAL;

        strcpy(settings->tree_root, text);
        return 0;
}

static int set_max_pools(void *object, const char *text, const char **expected) {
        return set_number(text, 1, 65536, &((Settings *) object)->max_pools);
}

static int set_max_jobs_of_host(void *object, const char *text, const char **expected) {
        return set_number(text, 1, 1048576, &((Settings *) object)->max_jobs);
}

static int set_log_max(void *object, const char *text, const char **expected) {
        return set_size(text, LOG_MAX_LOWEST, LOG_MAX_LIMIT, &((Settings *) object)->log_max);
}

static int set_allowed_gid(void *object, const char *text, const char **expected) {
        uint32_t gid;

        if (set_number(text, ALLOWED_GID_MIN, UINT32_MAX, &gid) < 0 || !allowed_gid_is_valid(gid))
                return -EINVAL;

        ((Settings *) object)->allowed_gid = gid;
        return 0;
}

static const SchemaOption settings_options[] = {
        { "tree", .expected = "\"systemd\" or \"direct\"", .set = set_tree },
        { "tree-root", .expected = "an absolute path without \"..\" of at most 255 bytes",
          .set = set_tree_root },
        { "max-pools", .expected = "a number from 1 to 65536", .set = set_max_pools },
        { "max-jobs", .expected = "a number from 1 to 1048576", .set = set_max_jobs_of_host },
        { "log-max", .expected = "bytes from 64K to 1T, such as \"8M\"", .set = set_log_max },
        { "allowed-gid", .expected = "a group id from 60000 to 4294967293 that is not nobody's (65534, 65535)",
          .set = set_allowed_gid },
};

static int set_pool_tasks_max(void *object, const char *text, const char **expected) {
        Settings *settings = object;
        int r = set_tasks_max(text, &settings->pool.tasks_max);

        settings->pool_tasks_max_set |= r == 0;
        return r;
}

static int set_pool_memory_max(void *object, const char *text, const char **expected) {
        Settings *settings = object;
        int r = set_memory_max(text, &settings->pool.memory_max);

        settings->pool_memory_max_set |= r == 0;
        return r;
}

static int set_pool_cpu_weight(void *object, const char *text, const char **expected) {
        Settings *settings = object;
        int r = set_cpu_weight(text, &settings->pool.cpu_weight);

        settings->pool_cpu_weight_set |= r == 0;
        return r;
}

static int set_pool_idle(void *object, const char *text, const char **expected) {
        return set_duration(text, USEC_PER_SEC, LIMIT_NONE, &((Settings *) object)->pool_idle);
}

static const SchemaOption pool_options[] = {
        { "tasks-max", .expected = TASKS_MAX_EXPECTED, .set = set_pool_tasks_max },
        { "memory-max", .expected = MEMORY_MAX_EXPECTED, .set = set_pool_memory_max },
        { "cpu-weight", .expected = CPU_WEIGHT_EXPECTED, .set = set_pool_cpu_weight },
        { "idle", .expected = "a duration of at least 1s, such as \"5min\", or \"infinity\"",
          .set = set_pool_idle },
};

static int set_results_max(void *object, const char *text, const char **expected) {
        return set_number(text, 1, 1000000, &((Settings *) object)->results_max);
}

static int set_results_age(void *object, const char *text, const char **expected) {
        return set_duration(text, DAY, LIMIT_NONE, &((Settings *) object)->results_age);
}

static const SchemaOption results_options[] = {
        { "max", .expected = "a number from 1 to 1000000", .set = set_results_max },
        { "age", .expected = "a duration of at least 1d, such as \"7d\", or \"infinity\"",
          .set = set_results_age },
};

/* --- policy
 * ------------------------------------------------------------------------------------------------------ */

static int set_users(void *object, const char *text, const char **expected) {
        PolicySection *section = object;
        UserMatch match, *grown;
        int r;

        if (strcmp(text, "@" ALLOWED_GROUP) == 0) {
                *expected = "another group: \"" ALLOWED_GROUP "\" is made from the policy, and whoever has it would keep it";
                return -EINVAL;
        }
        r = user_match_parse(text, &match);
        if (r < 0)
                return r;

        grown = reallocarray(section->users, section->n_users + 1, sizeof(UserMatch));
        if (!grown) {
                free(match.name);
                return -ENOMEM;
        }

        grown[section->n_users++] = match;
        section->users = grown;
        return 0;
}

static int set_from(void *object, const char *text, const char **expected) {
        if (!source_pattern_is_valid(text)) {
                if (strcmp(text, "*") == 0)
                        *expected = "\"user:*\", \"system:*\", \"session\" or \"job\" (a policy says what "
                                    "kind of place "
                                    "it opens; \"*\" alone would be all of them)";
                return -EINVAL;
        }

        return strv_append(&((PolicySection *) object)->from, text);
}

static int set_restart(void *object, const char *text, const char **expected) {
        return unit_pattern_is_valid(text) ? strv_append(&((PolicySection *) object)->restart, text)
                                           : -EINVAL;
}

static int set_scrub_env(void *object, const char *text, const char **expected) {
        return variable_pattern_is_valid(text) ? strv_append(&((PolicySection *) object)->scrub_env, text)
                                               : -EINVAL;
}

static int set_allow(void *object, const char *text, const char **expected) {
        return set_bool(text, &((PolicySection *) object)->allow);
}

static int set_allow_unsandbox(void *object, const char *text, const char **expected) {
        return set_bool(text, &((PolicySection *) object)->allow_unsandbox);
}

static int set_max_jobs(void *object, const char *text, const char **expected) {
        return set_number(text, 1, 65536, &((PolicySection *) object)->max_jobs);
}

static int set_rate(void *object, const char *text, const char **expected) {
        PolicySection *section = object;
        uint32_t count;
        uint64_t per;

        if (parse_rate(text, &count, &per) < 0 || per < USEC_PER_SEC)
                return -EINVAL;

        section->rate_count = count;
        section->rate_per = per;
        return 0;
}

static int set_section_tasks_max(void *object, const char *text, const char **expected) {
        return set_tasks_max(text, &((PolicySection *) object)->limits.tasks_max);
}

static int set_section_memory_max(void *object, const char *text, const char **expected) {
        return set_memory_max(text, &((PolicySection *) object)->limits.memory_max);
}

static int set_section_cpu_weight(void *object, const char *text, const char **expected) {
        return set_cpu_weight(text, &((PolicySection *) object)->limits.cpu_weight);
}

static int set_runtime_max(void *object, const char *text, const char **expected) {
        return set_duration(text, USEC_PER_SEC, LIMIT_NONE, &((PolicySection *) object)->limits.runtime_max);
}

static int set_on_logout(void *object, const char *text, const char **expected) {
        return on_logout_from_string(text, &((PolicySection *) object)->on_logout);
}

#define BOOL_EXPECTED "\"true\" or \"false\""
#define UNIT_EXPECTED                                                                                       \
        "\"user:UNIT\" or \"system:UNIT\", where UNIT has its suffix (\".service\") or is a pattern with "  \
        "\"*\""

static const SchemaOption policy_options[] = {
        { "users", .list = true, .mandatory = true, .set = set_users,
          .expected = "the name of a user, \"@GROUP\", a user id, or a range of ids such as \"2000-2999\"" },
        { "from", .list = true, .mandatory = true, .set = set_from,
          .expected = "\"session\", \"job\", " UNIT_EXPECTED },
        { "restart", .list = true, .set = set_restart, .expected = UNIT_EXPECTED },
        { "scrub-env", .list = true, .set = set_scrub_env,
          .expected = "a pattern for names of environment variables (letters, digits, \"_\", \"*\", "
                      "\"?\")" },
        { "allow", .expected = BOOL_EXPECTED, .set = set_allow },
        { "allow-unsandbox", .expected = BOOL_EXPECTED, .set = set_allow_unsandbox },
        { "max-jobs", .expected = "a number from 1 to 65536", .set = set_max_jobs },
        { "rate", .expected = "a rate such as \"30/min\" or \"10/30s\", over 1s or more", .set = set_rate },
        { "tasks-max", .expected = TASKS_MAX_EXPECTED, .set = set_section_tasks_max },
        { "memory-max", .expected = MEMORY_MAX_EXPECTED, .set = set_section_memory_max },
        { "cpu-weight", .expected = CPU_WEIGHT_EXPECTED, .set = set_section_cpu_weight },
        { "runtime-max", .expected = "a duration of at least 1s, such as \"6h\", or \"infinity\"",
          .set = set_runtime_max },
        { "on-logout", .expected = "\"auto\", \"keep\" or \"stop\"", .set = set_on_logout },
};

/* --- watch
 * ------------------------------------------------------------------------------------------------------- */

static int set_watch_unit(void *object, const char *text, const char **expected) {
        char *unit;

        if (!unit_pattern_is_valid(text))
                return -EINVAL;

        unit = strdup(text);
        if (!unit)
                return -ENOMEM;

        free(((Watch *) object)->unit);
        ((Watch *) object)->unit = unit;
        return 0;
}

static int set_watch_exec(void *object, const char *text, const char **expected) {
        size_t n = strlen(text);

        if (n == 0 || n > EXEC_PATTERN_MAX || text[strspn(text, "*? ")] == '\0')
                return -EINVAL;

        return strv_append(&((Watch *) object)->exec, text);
}

static int set_watch_scope(void *object, const char *text, const char **expected) {
        Watch *watch = object;

        if (strcmp(text, "process") == 0)
                watch->scope = WATCH_PROCESS;
        else if (strcmp(text, "command") == 0)
                watch->scope = WATCH_COMMAND;
        else
                return -EINVAL;

        return 0;
}

static const SchemaOption watch_options[] = {
        { "unit", .mandatory = true, .pending = true, .expected = UNIT_EXPECTED, .set = set_watch_unit },
        { "exec", .list = true, .mandatory = true, .set = set_watch_exec,
          .expected = "a pattern for command lines, at most 1024 bytes and more than \"*\"" },
        { "scope", .expected = "\"process\" or \"command\"", .set = set_watch_scope },
};

/* --- all of them ------------------------------------------------------------------------------------- */

const Schema *schema_get(SchemaKind kind) {
        static const Schema schemas[_SCHEMA_MAX] = {
                [SCHEMA_SETTINGS] = { "root", settings_options, ELEMENTSOF(settings_options) },
                [SCHEMA_POOL] = { "pool", pool_options, ELEMENTSOF(pool_options) },
                [SCHEMA_RESULTS] = { "results", results_options, ELEMENTSOF(results_options) },
                [SCHEMA_POLICY] = { "policy", policy_options, ELEMENTSOF(policy_options) },
                [SCHEMA_WATCH] = { "watch", watch_options, ELEMENTSOF(watch_options) },
        };

        return &schemas[kind];
}

static char **strv_new(void) {
        return calloc(1, sizeof(char *));
}

int policy_section_init(PolicySection *section) {
        *section = (PolicySection){
                .allow = true,
                .from = strv_new(),
                .restart = strv_new(),
                .scrub_env = strv_new(),
                .max_jobs = 16,
                .rate_count = 30,
                .rate_per = 60 * USEC_PER_SEC,
                .limits = { .tasks_max = 512, .memory_max = LIMIT_NONE, .runtime_max = LIMIT_NONE },
                .on_logout = ON_LOGOUT_AUTO,
        };
        if (section->from && section->restart && section->scrub_env)
                return 0;

        policy_section_clear(section);
        return -ENOMEM;
}

int watch_init(Watch *watch) {
        *watch = (Watch){ .exec = strv_new(), .scope = WATCH_COMMAND };
        return watch->exec ? 0 : -ENOMEM;
}

bool policy_name_is_valid(const char *name) {
        static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789@._:-";
        size_t n = strlen(name);

        return n > 0 && n <= POLICY_NAME_MAX && strspn(name, allowed) == n;
}
