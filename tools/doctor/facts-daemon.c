/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config.h"
#include "lib/cleanup.h"
#include "lib/pattern.h"
#include "lib/pidfd.h"
#include "lib/protocol.h"
#include "tools/client.h"
#include "tools/doctor/ask.h"
#include "tools/doctor/gather.h"
#include "tools/job.h"

#define FIELD(struct_type, member, name, type, reader)                                                      \
        { name, type, reader, offsetof(struct_type, member), sizeof(((struct_type *) NULL)->member) }

/* --- the daemon itself -------------------------------------------------------------------------------- */

typedef struct ManagerAnswer {
        char tree[32];
        char version[64];
        uint64_t policy_loaded;
        char policy_problem[SENTENCE_MAX];
        Answer logind;
} ManagerAnswer;

static int read_answer(sd_bus_message *message, void *to, size_t size) {
        bool value;
        int r;

        r = ask_read_bool(message, &value, sizeof(value));
        if (r >= 0)
                *(Answer *) to = value ? ANSWER_YES : ANSWER_NO;
        return r;
}

static const AskField manager_fields[] = {
        FIELD(ManagerAnswer, version, "Version", "s", ask_read_string),
        FIELD(ManagerAnswer, tree, "Tree", "s", ask_read_string),
        FIELD(ManagerAnswer, policy_loaded, "PolicyLoaded", "t", ask_read_u64),
        FIELD(ManagerAnswer, policy_problem, "PolicyProblem", "s", ask_read_string),
        FIELD(ManagerAnswer, logind, "Logind", "b", read_answer),
};

/* By our own connection, as a client's waits for a daemon that hangs for as long as the library likes. */
static int ask_daemon(DaemonFacts *daemon) {
        _cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
        ManagerAnswer manager = { .tree = "" };
        int r;

        r = ask_open_daemon(&bus);
        if (r >= 0)
                r = ask_properties(bus, NULL, CGMOVE_PATH, CGMOVE_MANAGER_INTERFACE, manager_fields,
                                   ELEMENTSOF(manager_fields), &manager);
        if (r < 0)
                return r;
        daemon->reachable = ANSWER_YES;
        daemon->direct = strcmp(manager.tree, "direct") == 0;
        daemon->policy_loaded = manager.policy_loaded;
        daemon->logind = manager.logind;
        strcpy(daemon->version, manager.version);
        strcpy(daemon->policy_problem, manager.policy_problem);
        return 0;
}

static void keep_error(DaemonFacts *daemon, int error) {
        daemon->reachable = ANSWER_NO;
        daemon->timeout = error == -ETIMEDOUT || error == -EAGAIN;
        daemon->untrusted = error == -EPERM;
        if (daemon->timeout)
                (void) snprintf(daemon->error, sizeof(daemon->error), "The daemon cgmoved does not answer.");
        else if (daemon->untrusted)
                (void) snprintf(daemon->error, sizeof(daemon->error),
                                "The socket " CGMOVE_PRIVATE_SOCKET " is not root's, so it is not trusted.");
        else
                (void) snprintf(daemon->error, sizeof(daemon->error),
                                "The daemon cgmoved cannot be reached: %s.", strerror(-error));
}

/* --- the policy --------------------------------------------------------------------------------------- */

/* Whether a list of patterns has the unit. */
typedef struct RestartAnswer {
        const char *unit; /* "user:NAME" */
        Answer answer;
} RestartAnswer;

typedef struct RuleAnswer {
        RuleFacts rule;
        bool allowed;
        RestartAnswer restart;
} RuleAnswer;

static int read_restart(sd_bus_message *message, void *to, size_t size) {
        RestartAnswer *restart = to;
        const char *pattern;
        int r;

        r = sd_bus_message_enter_container(message, 'a', "s");
        if (r < 0)
                return r;
        restart->answer = ANSWER_NO;
        while ((r = sd_bus_message_read_basic(message, 's', &pattern)) > 0)
                if (restart->unit && pattern_match(pattern, restart->unit))
                        restart->answer = ANSWER_YES;
        return r < 0 ? r : sd_bus_message_exit_container(message);
}

static const AskField rule_fields[] = {
        FIELD(RuleAnswer, allowed, "Allowed", "b", ask_read_bool),
        FIELD(RuleAnswer, rule.source, "Source", "s", ask_read_string),
        FIELD(RuleAnswer, rule.section, "Section", "s", ask_read_string),
        FIELD(RuleAnswer, rule.file, "File", "s", ask_read_string),
        FIELD(RuleAnswer, rule.line, "Line", "u", ask_read_u32),
        FIELD(RuleAnswer, rule.text, "Message", "s", ask_read_string),
        FIELD(RuleAnswer, rule.max_jobs, "MaxJobs", "u", ask_read_u32),
        FIELD(RuleAnswer, rule.rate, "Rate", "s", ask_read_string),
        FIELD(RuleAnswer, rule.unsandbox, "AllowUnsandbox", "b", read_answer),
        FIELD(RuleAnswer, rule.on_logout, "OnLogout", "s", ask_read_string),
        FIELD(RuleAnswer, restart, "Restart", "as", read_restart),
};

/* SOURCE NULL: where the caller is. UNIT (may be NULL) is looked up in the section's restart list. */
static void ask_rule(Client *client, const char *source, const char *unit, RuleFacts *ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL, *answer = NULL;
        RuleAnswer rule = { .restart.unit = unit };
        Failure failure;

        if (client_message(client, 0, "Explain", &message, &failure) != 0)
                return;
        if ((source ? sd_bus_message_append(message, "a{sv}", 1, "source", "s", source)
                    : sd_bus_message_append(message, "a{sv}", 0)) < 0)
                return;
        if (client_call(client, message, ASK_TIMEOUT, NULL, &answer, &failure) != 0) {
                (void) snprintf(ret->text, sizeof(ret->text), "%s", failure.message);
                return;
        }
        if (ask_read_dictionary(answer, rule_fields, ELEMENTSOF(rule_fields), &rule) <= 0)
                return;
        *ret = rule.rule;
        ret->allowed = rule.allowed ? ANSWER_YES : ANSWER_NO;
        ret->restart = rule.restart.answer;
}

/* --- a move that is not made --------------------------------------------------------------------------- */

typedef struct MoveAnswer {
        bool allowed;
        char error[128];
        char text[SENTENCE_MAX];
} MoveAnswer;

static const AskField move_fields[] = {
        FIELD(MoveAnswer, allowed, "Allowed", "b", ask_read_bool),
        FIELD(MoveAnswer, error, "Error", "s", ask_read_string),
        FIELD(MoveAnswer, text, "Message", "s", ask_read_string),
};

static int read_move(sd_bus_message *answer, MoveAnswer *ret) {
        int r;

        r = sd_bus_message_enter_container(answer, 'a', "a{sv}");
        return r < 0 ? r : ask_read_dictionary(answer, move_fields, ELEMENTSOF(move_fields), ret);
}

/* For RESTART (NULL: none), the unit that the move is to restart. */
static int append_options(sd_bus_message *message, int pidfd, const char *restart) {
        if (restart)
                return sd_bus_message_append(message, "aha{sv}", 1, pidfd, 1, "restart", "s", restart);
        return sd_bus_message_append(message, "aha{sv}", 1, pidfd, 0);
}

static void ask_move(Client *client, pid_t pid, const char *restart, MoveFacts *ret) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL, *answer = NULL;
        _cleanup_close_ int pidfd = pidfd_open_process(pid);
        MoveAnswer move = { .allowed = false };
        const char *dot;
        Failure failure;

        if (pidfd < 0 || client_message(client, 0, "Check", &message, &failure) != 0 ||
            append_options(message, pidfd, restart) < 0)
                return;
        if (client_call(client, message, ASK_TIMEOUT, NULL, &answer, &failure) != 0) {
                ret->allowed = ANSWER_NO;
                (void) snprintf(ret->code, sizeof(ret->code), "%s", failure.code);
                (void) snprintf(ret->text, sizeof(ret->text), "%s", failure.message);
                return;
        }
        if (read_move(answer, &move) <= 0)
                return;
        dot = strrchr(move.error, '.');
        ret->allowed = move.allowed ? ANSWER_YES : ANSWER_NO;
        (void) snprintf(ret->code, sizeof(ret->code), "%s", dot ? dot + 1 : move.error);
        (void) snprintf(ret->text, sizeof(ret->text), "%s", move.text);
}

/* Of a child, which is where a command would be, also if this is the main process of a unit itself. */
static void ask_move_of_child(Client *client, const char *restart, MoveFacts *ret) {
        int pipe_fds[2];
        char byte;
        pid_t pid;

        if (pipe2(pipe_fds, O_CLOEXEC) < 0)
                return;
        pid = fork();
        if (pid == 0) {
                (void) close(pipe_fds[1]);
                (void) !read(pipe_fds[0], &byte, 1); /* until the parent closes its end, or is gone */
                _exit(0);
        }
        (void) close(pipe_fds[0]);
        if (pid > 0)
                ask_move(client, pid, restart, ret);
        (void) close(pipe_fds[1]);
        if (pid > 0)
                (void) waitpid(pid, NULL, 0);
}

/* --- all ---------------------------------------------------------------------------------------------- */

static void ask_jobs(Client **client, CallerFacts *caller) {
        Failure failure;
        JobList list;

        if (job_list_get(client, false, &list, &failure) != 0)
                return;
        caller->n_jobs = 0;
        for (size_t i = 0; i < list.n; i++)
                caller->n_jobs += list.jobs[i].uid == caller->uid;
        job_list_done(&list);
}

static void ask_ways(Client *client, CallerFacts *caller) {
        for (size_t i = 0; i < caller->n_services; i++) {
                char source[UNIT_NAME_MAX + 16];
                RuleFacts rule = { .allowed = ANSWER_UNKNOWN };

                (void) snprintf(source, sizeof(source), "user:%s", caller->services[i]);
                ask_rule(client, source, NULL, &rule);
                caller->ways[i] = rule.allowed == ANSWER_YES;
        }
}

static void ask_policy(Client **client, CallerFacts *caller, UnitFacts *unit) {
        const char *name = unit->asked ? unit->source : NULL;

        ask_rule(*client, NULL, name, &caller->rule);
        ask_move_of_child(*client, name, &caller->move);
        if (!unit->asked)
                ask_ways(*client, caller);
        else {
                ask_rule(*client, name, name, &unit->rule);
                if (unit->inside)
                        unit->move = caller->move;
                else if (unit->sample > 0)
                        ask_move(*client, unit->sample, name, &unit->move);
        }
        ask_jobs(client, caller);
}

void gather_daemon(DaemonFacts *daemon, CallerFacts *caller, UnitFacts *unit) {
        _cleanup_(client_freep) Client *client = NULL;
        Failure failure;
        int r;

        *daemon = (DaemonFacts){ .tool_version = PACKAGE_VERSION };
        r = ask_daemon(daemon);
        if (r < 0)
                keep_error(daemon, r);
        else if (client_connect(&client, &failure) == 0)
                ask_policy(&client, caller, unit);
        gather_policy_files(daemon);
}
