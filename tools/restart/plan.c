/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tools/restart/plan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/cleanup.h"

static int parse_number(const char *text, uint64_t max, uint64_t *ret) {
        unsigned long long value;
        char *end;

        if (text[0] < '0' || text[0] > '9')
                return -EINVAL;
        errno = 0;
        value = strtoull(text, &end, 10);
        if (errno != 0 || *end != 0 || value > max)
                return -EINVAL;
        *ret = value;
        return 0;
}

int plan_add_port(RestartPlan *plan, const char *text) {
        uint64_t port;

        if (parse_number(text, UINT16_MAX, &port) < 0 || port == 0)
                return -EINVAL;
        for (size_t i = 0; i < plan->n_ports; i++)
                if (plan->ports[i] == port)
                        return 0;
        if (plan->n_ports == PLAN_PORTS_MAX)
                return -E2BIG;
        plan->ports[plan->n_ports++] = (uint16_t) port;
        return 0;
}

PlanCommand plan_command(const RestartPlan *plan, const char *program, const char *verb) {
        const char *quote = strchr(plan->unit, '\\') ? "'" : ""; /* a shell would eat the "\" of "\x2d" */
        PlanCommand ret;

        (void) snprintf(ret.text, sizeof(ret.text), "%s%s %s %s%s%s", program, plan->system ? "" : " --user",
                        verb, quote, plan->unit, quote);
        return ret;
}

/* --- to a command line --------------------------------------------------------------------------------- */

#define WORD_SIZE 64

typedef struct Writer {
        char **arguments;
        size_t n;
        char *text; /* PLAN_ARGUMENTS_MAX words of WORD_SIZE bytes */
} Writer;

static void put(Writer *writer, const char *word) {
        if (writer->n < PLAN_ARGUMENTS_MAX - 1)
                writer->arguments[writer->n++] = (char *) word;
        writer->arguments[writer->n] = NULL;
}

__attribute__((format(printf, 2, 3))) static void put_format(Writer *writer, const char *format, ...) {
        char *word = writer->text + writer->n * WORD_SIZE;
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(word, WORD_SIZE, format, ap);
        va_end(ap);
        put(writer, word);
}

static void put_process(Writer *writer, const char *option, const PlanProcess *process) {
        if (process->pid > 0)
                put_format(writer, "--%s=%d:%" PRIu64, option, (int) process->pid, process->starttime);
}

static void put_number(Writer *writer, const char *option, uint64_t value) {
        if (value > 0)
                put_format(writer, "--%s=%" PRIu64, option, value);
}

static void put_text(Writer *writer, const char *option, const char *text) {
        if (!text)
                return;
        put(writer, option);
        put(writer, text);
}

int plan_to_arguments(const RestartPlan *plan, const char *program, const char *verb,
                      char *arguments[static PLAN_ARGUMENTS_MAX], char **ret_buffer) {
        Writer writer = { .arguments = arguments };

        writer.text = calloc(PLAN_ARGUMENTS_MAX, WORD_SIZE);
        if (!writer.text)
                return -ENOMEM;
        put(&writer, program);
        put(&writer, verb);
        put(&writer, plan->unit);
        if (plan->system)
                put(&writer, "--system");
        if (plan->do_not_wait)
                put(&writer, "--do-not-wait");
        put_number(&writer, "delay", plan->delay);
        put_number(&writer, "patience", plan->patience);
        put_number(&writer, "timeout", plan->timeout);
        put_number(&writer, "job", plan->job);
        put_number(&writer, "restarted", plan->restarted);
        put_process(&writer, "engine", &plan->engine);
        put_text(&writer, "--when", plan->when);
        put_text(&writer, "--then", plan->then);
        put_text(&writer, "--else", plan->otherwise);
        for (size_t i = 0; i < plan->n_ports; i++)
                put_number(&writer, "port", plan->ports[i]);
        for (size_t i = 0; i < plan->n_ancestors; i++)
                put_process(&writer, "ancestor", &plan->ancestors[i]);
        *ret_buffer = writer.text;
        return 0;
}

/* --- and back ------------------------------------------------------------------------------------------ */

static int parse_process(const char *text, PlanProcess *ret) {
        char number[16];
        size_t length = strcspn(text, ":");
        uint64_t pid, starttime;

        if (text[length] != ':' || length >= sizeof(number))
                return -EINVAL;
        memcpy(number, text, length);
        number[length] = 0;
        if (parse_number(number, INT32_MAX, &pid) < 0 || pid == 0 ||
            parse_number(text + length + 1, UINT64_MAX, &starttime) < 0)
                return -EINVAL;
        *ret = (PlanProcess){ .pid = (pid_t) pid, .starttime = starttime };
        return 0;
}

/* The value of "--NAME=VALUE", or NULL. */
static const char *value_of(const char *argument, const char *name) {
        size_t length = strlen(name);

        if (strncmp(argument, "--", 2) != 0 || strncmp(argument + 2, name, length) != 0 ||
            argument[2 + length] != '=')
                return NULL;
        return argument + 2 + length + 1;
}

static int take_number(const char *argument, RestartPlan *plan) {
        const struct {
                const char *name;
                uint64_t *to;
        } numbers[] = {
                { "delay", &plan->delay }, { "patience", &plan->patience },   { "timeout", &plan->timeout },
                { "job", &plan->job },     { "restarted", &plan->restarted },
        };

        for (size_t i = 0; i < ELEMENTSOF(numbers); i++) {
                const char *value = value_of(argument, numbers[i].name);

                if (value)
                        return parse_number(value, UINT64_MAX, numbers[i].to);
        }
        return -ENOENT;
}

static int take_word(const char *argument, RestartPlan *plan) {
        const char *value;

        if (strcmp(argument, "--system") == 0) {
                plan->system = true;
                return 0;
        }
        if (strcmp(argument, "--do-not-wait") == 0) {
                plan->do_not_wait = true;
                return 0;
        }
        if ((value = value_of(argument, "port")))
                return plan_add_port(plan, value);
        if ((value = value_of(argument, "engine")))
                return parse_process(value, &plan->engine);
        if ((value = value_of(argument, "ancestor"))) {
                if (plan->n_ancestors == PLAN_ANCESTORS_MAX)
                        return -E2BIG;
                return parse_process(value, &plan->ancestors[plan->n_ancestors++]);
        }
        return take_number(argument, plan);
}

static const char **text_option(RestartPlan *plan, const char *argument) {
        if (strcmp(argument, "--when") == 0)
                return &plan->when;
        if (strcmp(argument, "--then") == 0)
                return &plan->then;
        return strcmp(argument, "--else") == 0 ? &plan->otherwise : NULL;
}

int plan_from_arguments(int argc, char **argv, RestartPlan *ret) {
        RestartPlan plan = { .unit = "" };

        if (argc < 2 || !unit_name_is_valid(argv[1]))
                return -EINVAL;
        (void) snprintf(plan.unit, sizeof(plan.unit), "%s", argv[1]);
        for (int i = 2; i < argc; i++) {
                const char **text = text_option(&plan, argv[i]);

                if (text && i + 1 >= argc)
                        return -EINVAL;
                if (text)
                        *text = argv[++i];
                else if (take_word(argv[i], &plan) < 0)
                        return -EINVAL;
        }
        *ret = plan;
        return 0;
}
