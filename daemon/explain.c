/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Explain() of org.cgmove1.Manager: which rule of the policy in force decides. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/daemon.h"
#include "daemon/request.h"
#include "lib/proc.h"
#include "lib/protocol.h"
#include "lib/values.h"

typedef struct Question {
        uid_t uid;
        const gid_t *gids;
        size_t n_gids;
        const char *source; /* NULL: where the caller is */
} Question;

static int need_root(const Connection *connection, sd_bus_error *ret_error) {
        if (connection->caller.uid == 0)
                return 0;

        return sd_bus_error_set(ret_error, CGMOVE_ERROR_DENIED, "Only root may ask what the policy says of others.");
}

static int read_option(sd_bus_message *message, const Connection *connection, const char *key, Question *question,
                       sd_bus_error *ret_error) {
        uint32_t uid;
        size_t size;
        int r;

        if (strcmp(key, "source") == 0)
                return sd_bus_message_read(message, "v", "s", &question->source);

        if (strcmp(key, "uid") == 0) {
                r = sd_bus_message_read(message, "v", "u", &uid);
                if (r >= 0 && uid != connection->caller.uid)
                        r = need_root(connection, ret_error);
                if (r >= 0)
                        question->uid = uid;
                return r;
        }
        if (strcmp(key, "gids") == 0) {
                r = need_root(connection, ret_error);
                if (r >= 0)
                        r = sd_bus_message_enter_container(message, 'v', "au");
                if (r >= 0)
                        r = sd_bus_message_read_array(message, 'u', (const void **) &question->gids, &size);
                if (r >= 0)
                        r = sd_bus_message_exit_container(message);
                if (r >= 0)
                        question->n_gids = size / sizeof(gid_t);
                return r;
        }

        return sd_bus_error_setf(ret_error, CGMOVE_ERROR_INVALID, "Explain has no option \"%s\".", key);
}

static int read_question(sd_bus_message *message, const Connection *connection, Question *ret,
                         sd_bus_error *ret_error) {
        const Caller *caller = &connection->caller;
        Question question = { .uid = caller->uid, .gids = caller->gids, .n_gids = caller->n_gids };
        const char *key;
        int r;

        r = sd_bus_message_enter_container(message, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
                r = sd_bus_message_read_basic(message, 's', &key);
                if (r >= 0)
                        r = read_option(message, connection, key, &question, ret_error);
                if (r >= 0)
                        r = sd_bus_message_exit_container(message);
        }
        if (r < 0)
                return r;

        *ret = question;
        return 0;
}

static int find_source(const Connection *connection, const Question *question, Source *ret, sd_bus_error *ret_error) {
        _cleanup_free_ char *path = NULL;
        bool deleted;
        int r;

        if (question->source) {
                r = source_from_string(question->source, question->uid, ret);
                if (r == -EINVAL)
                        return sd_bus_error_setf(ret_error, CGMOVE_ERROR_INVALID,
                                                 "\"%s\" is no source; it is \"user:UNIT\", \"system:UNIT\", "
                                                 "\"session\" or \"job\".",
                                                 question->source);
                return r;
        }

        r = proc_get_cgroup(connection->daemon->kernel.proc_fd, connection->caller.pid, &path, &deleted);
        if (r < 0)
                return sd_bus_error_set(ret_error, CGMOVE_ERROR_NO_SUCH_PROCESS,
                                        "The caller's own place cannot be seen; name a source.");
        source_from_cgroup_path(path, ret);
        return 0;
}

static int append_patterns(sd_bus_message *reply, const char *key, char **patterns) {
        int r;

        r = sd_bus_message_open_container(reply, 'e', "sv");
        if (r >= 0)
                r = sd_bus_message_append(reply, "s", key);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'v', "as");
        if (r >= 0)
                r = sd_bus_message_append_strv(reply, patterns);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* What the section says, or would say if there were one. */
static int append_section(sd_bus_message *reply, const PolicySection *section) {
        char rate[64] = "";
        int r;

        if (section->rate_per > 0)
                (void) snprintf(rate, sizeof(rate), "%u/%" PRIu64 "s", section->rate_count,
                                section->rate_per / USEC_PER_SEC);
        r = sd_bus_message_append(reply, "{sv}{sv}{sv}{sv}{sv}{sv}{sv}{sv}{sv}{sv}{sv}", "Section", "s", section->name,
                                  "File", "s", section->file, "Line", "u", section->line, "TasksMax", "t",
                                  section->limits.tasks_max, "MemoryMax", "t", section->limits.memory_max,
                                  "CPUWeight", "t", section->limits.cpu_weight, "RuntimeMax", "t",
                                  section->limits.runtime_max, "MaxJobs", "u", section->max_jobs, "Rate", "s", rate,
                                  "AllowUnsandbox", "b", (int) section->allow_unsandbox, "OnLogout", "s",
                                  section->name[0] ? on_logout_to_string(section->on_logout) : "");
        return r < 0 ? r : append_patterns(reply, "Restart", section->restart);
}

static int reply_explanation(sd_bus_message *message, const PolicyFacts *facts, const PolicyVerdict *verdict) {
        const PolicySection none = { .name = (char *) "", .file = (char *) "" };
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_free_ char *source = NULL, *text = NULL;
        int r;

        r = source_to_string(facts->source, &source);
        if (r >= 0 && !verdict->allowed)
                r = policy_refusal_text(facts, verdict, &text);
        if (r >= 0)
                r = sd_bus_message_new_method_return(message, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "{sv}");
        if (r >= 0)
                r = sd_bus_message_append(reply, "{sv}{sv}{sv}{sv}", "Allowed", "b", (int) verdict->allowed, "Uid",
                                          "u", (uint32_t) facts->uid, "Source", "s", source, "Message", "s",
                                          text ? text : "");
        if (r >= 0)
                r = append_section(reply, verdict->section ? verdict->section : &none);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_send(NULL, reply, NULL);
}

int request_explain(sd_bus_message *message, Connection *connection, sd_bus_error *ret_error) {
        PolicyVerdict verdict;
        Question question;
        Source source;
        int r;

        r = read_question(message, connection, &question, ret_error);
        if (r >= 0)
                r = find_source(connection, &question, &source, ret_error);
        if (r < 0)
                return r;

        PolicyFacts facts = {
                .uid = question.uid,
                .gids = question.gids,
                .n_gids = question.n_gids,
                .source = &source,
        };
        policy_decide(connection->daemon->policy, &facts, &verdict);
        return reply_explanation(message, &facts, &verdict);
}
