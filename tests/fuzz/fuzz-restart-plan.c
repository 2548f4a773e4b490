/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The command line of a restart's own process, one argument a line: what is understood is said the same way again. */

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tools/restart/plan.h"

#define TEXT_MAX 8192
#define ARGUMENTS_MAX 128

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *a, const char *b) {
        assert(a == b || (a && b && strcmp(a, b) == 0));
}

static void check_equal(const RestartPlan *a, const RestartPlan *b) {
        check_text(a->unit, b->unit);
        check_text(a->when, b->when);
        check_text(a->then, b->then);
        check_text(a->otherwise, b->otherwise);
        assert(a->system == b->system && a->do_not_wait == b->do_not_wait);
        assert(a->delay == b->delay && a->timeout == b->timeout && a->patience == b->patience &&
               a->job == b->job && a->restarted == b->restarted);
        assert(a->engine.pid == b->engine.pid && a->engine.starttime == b->engine.starttime);
        assert(a->n_ports == b->n_ports && memcmp(a->ports, b->ports, sizeof(a->ports)) == 0);
        assert(a->n_ancestors == b->n_ancestors);
        for (size_t i = 0; i < a->n_ancestors; i++)
                assert(a->ancestors[i].pid == b->ancestors[i].pid &&
                       a->ancestors[i].starttime == b->ancestors[i].starttime);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char text[TEXT_MAX + 1], *rest = text, *argv[ARGUMENTS_MAX + 1], *again[PLAN_ARGUMENTS_MAX], *buffer;
        RestartPlan plan, back;
        int argc = 0, n = 0;

        if (size > TEXT_MAX)
                return 0;
        memcpy(text, data, size);
        text[size] = '\0';
        while (argc < ARGUMENTS_MAX && (argv[argc] = strsep(&rest, "\n")))
                argc++;
        argv[argc] = NULL;

        if (plan_from_arguments(argc, argv, &plan) < 0)
                return 0;
        assert(plan.n_ports <= PLAN_PORTS_MAX && plan.n_ancestors <= PLAN_ANCESTORS_MAX);
        if (plan_to_arguments(&plan, "program", "verb", again, &buffer) < 0)
                return 0;
        while (again[n])
                n++;
        assert(plan_from_arguments(n - 1, again + 1, &back) == 0);
        check_equal(&plan, &back);
        free(buffer);
        return 0;
}
